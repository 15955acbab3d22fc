package tools

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// appServer plans and applies deploys of one app on an emulated platform, on
// a virtual clock.
type appServer struct {
	*platformtest.Platform
	t       *testing.T
	app     string
	toolset *toolset
}

// deploys runs a test in a bubble, where waiting takes no time.
func deploys(t *testing.T, app string, options flysim.Options, test func(b *appServer)) {
	t.Helper()
	platformtest.InBubble(t, func(t *testing.T) { test(newAppServer(t, app, options)) })
}

func newAppServer(t *testing.T, app string, options flysim.Options) *appServer {
	t.Helper()
	p := platformtest.New(t, options)
	if app != "" { // of the example organization
		p.Seeded()
	}
	b := &appServer{Platform: p, t: t, app: app}
	j := journaltest.Open(t, filepath.Join(t.TempDir(), "state"), time.Now)
	deps := call.Deps{Journal: j, Clock: flytest.WallClock{}, Runs: call.NewRuns(flytest.WallClock{}),
		Log: slog.New(slog.DiscardHandler)}
	b.toolset = newToolset(Deps{Fly: p.Client(), Deps: deps})
	return b
}

// file is the app's fly.toml with one piece of it replaced.
func (b *appServer) file(was, is string) string {
	b.t.Helper()
	return b.File(b.app, was, is)
}

func (b *appServer) planOf(in deployInput) plan.Proposal[deploy.Work, deploy.Result] {
	b.t.Helper()
	in.App = b.app
	planned, err := b.toolset.planDeploy(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	b.addUp(planned.Out)
	if len(planned.Plan.Blockers) > 0 {
		b.t.Fatalf("blocked: %v", planned.Plan.Blockers)
	}
	return planned
}

// apply does what was planned, as if it had been approved.
func (b *appServer) apply(planned plan.Proposal[deploy.Work, deploy.Result]) (deploy.Result, error) {
	b.t.Helper()
	grant := b.Grant(call.Ledger{Journal: b.toolset.Journal}, gate.Request{Tool: "deploy", App: b.app,
		Steps: planned.Plan.Grants()})
	b.ResetCalls()
	out, err := b.toolset.deployer().Apply(b.t.Context(), planned.Work, grant, func(plan.Progress) {})
	b.addUp(out)
	return out, err
}

// addUp checks that every Machine is counted once.
func (b *appServer) addUp(out deploy.Result) {
	b.t.Helper()
	if m := out.Machines; m != nil &&
		m.Total != m.Updated+m.Created+m.Unchanged+m.Left+m.Failed+m.PutBack+m.NotStarted+m.Unclear {
		b.t.Errorf("the counts do not add up: %+v, %q", *m, out.Summary)
	}
}

// write adds entries about the app's deploys to the journal.
func (b *appServer) write(entries ...journal.Entry) {
	b.t.Helper()
	for _, e := range entries {
		e.Tool, e.App = deployName, b.app
		if err := b.toolset.Journal.Append(e); err != nil {
			b.t.Fatal(err)
		}
	}
}

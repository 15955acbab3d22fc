package deploy

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// deployedApp plans and applies deploys of one app on an emulated platform, on
// a virtual clock.
type deployedApp struct {
	*platformtest.Platform
	t        *testing.T
	app      string
	deployer *Deployer
	runs     *call.Runs
}

// withApp runs a test in a bubble, where waiting takes no time.
func withApp(t *testing.T, app string, options flysim.Options, test func(b *deployedApp)) {
	t.Helper()
	platformtest.InBubble(t, func(t *testing.T) { test(newDeployedApp(t, app, options)) })
}

func newDeployedApp(t *testing.T, app string, options flysim.Options) *deployedApp {
	t.Helper()
	p := platformtest.New(t, options)
	if app != "" { // of the example organization
		p.Seeded()
	}
	b := &deployedApp{Platform: p, t: t, app: app}
	j := journaltest.Open(t, filepath.Join(t.TempDir(), "state"), time.Now)
	b.runs = call.NewRuns(flytest.WallClock{})
	record := func(e journal.Entry) {
		if err := j.Append(e); err != nil {
			t.Error(err)
		}
	}
	b.deployer = &Deployer{Client: p.Client(), Journal: j, Record: record, Clock: flytest.WallClock{}, Runs: b.runs}
	return b
}

// input is a call's arguments, with the text of the file.
type input struct {
	Content        string
	App            string
	Image          string
	Scope          string
	Strategy       string
	MaxUnavailable float64
	WaitTimeout    string
	OnFailure      string
	Wake           *bool
	Adopt          bool
}

// parsed is the input with its file.
func (in input) parsed() (Input, error) {
	file, err := flytoml.Parse("fly.toml", []byte(in.Content))
	return Input{
		App: in.App, File: file, Image: in.Image, Scope: in.Scope, Strategy: in.Strategy, MaxUnavailable: in.MaxUnavailable,
		WaitTimeout: in.WaitTimeout, OnFailure: in.OnFailure, Wake: in.Wake, Adopt: in.Adopt,
	}, err
}

func (b *deployedApp) planDeploy(in input) (Proposal, error) {
	parsed, err := in.parsed()
	if err != nil {
		return Proposal{}, err
	}
	return b.deployer.Plan(b.t.Context(), parsed)
}

// stages are those of the plan of a file.
func (b *deployedApp) stages(content string) stages {
	b.t.Helper()
	in, err := input{App: b.app, Content: content}.parsed()
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := b.deployer.stages(b.t.Context(), in, func() (rules.Snapshot, error) {
		return b.deployer.read(b.t.Context(), b.app)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// file is the app's fly.toml with one piece of it replaced.
func (b *deployedApp) file(was, is string) string {
	b.t.Helper()
	return b.File(b.app, was, is)
}

func (b *deployedApp) plan(content string) Proposal {
	b.t.Helper()
	return b.planOf(input{Content: content})
}

func (b *deployedApp) planOf(in input) Proposal {
	b.t.Helper()
	in.App = b.app
	planned, err := b.planDeploy(in)
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
func (b *deployedApp) apply(planned Proposal) (Result, error) {
	b.t.Helper()
	grant := b.Grant(call.Ledger{Journal: b.deployer.Journal}, gate.Request{Tool: "deploy", App: b.app,
		Steps: planned.Plan.Grants()})
	b.ResetCalls()
	out, err := b.deployer.Apply(b.t.Context(), planned.Work, grant, func(plan.Progress) {})
	b.addUp(out)
	return out, err
}

// addUp checks that every Machine is counted once.
func (b *deployedApp) addUp(out Result) {
	b.t.Helper()
	if m := out.Machines; m != nil &&
		m.Total != m.Updated+m.Created+m.Unchanged+m.Left+m.Failed+m.PutBack+m.NotStarted+m.Unclear {
		b.t.Errorf("the counts do not add up: %+v, %q", *m, out.Summary)
	}
}

func (b *deployedApp) deploy(content string) Result {
	b.t.Helper()
	out, err := b.apply(b.plan(content))
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

package tools

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// appServer plans and applies deploys of one app on an emulated platform, on
// a virtual clock.
type appServer struct {
	*flysim.Platform
	t       *testing.T
	app     string
	toolset *toolset
	// update, if set, changes what the platform gets as a Machine's update.
	update func(body []byte) []byte
	// answer, if set, changes what the platform answers.
	answer func(body []byte) []byte
}

// MachineConfig is the Machine's configuration in the product's type.
func (b *appServer) MachineConfig(app, id string) machine.Config {
	b.t.Helper()
	config, err := machine.ParseConfig([]byte(b.Platform.MachineConfig(app, id).String()))
	if err != nil {
		b.t.Fatal(err)
	}
	return config
}

// RoundTrip implements [http.RoundTripper].
func (b *appServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.update != nil && r.Method == http.MethodPost && machinePath.MatchString(r.URL.Path) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = b.update(body)
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	response, err := b.Transport().RoundTrip(r)
	if err != nil || b.answer == nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	body = b.answer(body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, err
}

var machinePath = regexp.MustCompile(`/machines/[0-9a-f]+$`)

// wallClock is the time of the bubble.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// deploys runs a test in a bubble, where waiting takes no time.
func deploys(t *testing.T, app string, options flysim.Options, test func(b *appServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newAppServer(t, app, options)) })
}

func newAppServer(t *testing.T, app string, options flysim.Options) *appServer {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))) // a bubble begins in 2000
	options.Clock = flysim.NewClock(time.Now)
	p := flysim.New(options)
	if app != "" { // of the example organization
		if err := p.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b := &appServer{Platform: p, t: t, app: app}
	client, err := fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: "http://127.0.0.1:1", Flaps: "http://127.0.0.1:1", UIEX: "http://127.0.0.1:1"}, Token: fly.NewToken(p.Token()), UserAgent: "flycast-mcp/test",
		HTTP: b, Now: time.Now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(t.TempDir(), "state", "journal"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	deps := call.Deps{Journal: j, Clock: wallClock{}, Runs: call.NewRuns(wallClock{}), Log: slog.New(slog.DiscardHandler)}
	b.toolset = newToolset(Deps{Fly: client, Deps: deps})
	return b
}

// file is the app's fly.toml with one piece of it replaced.
func (b *appServer) file(was, is string) string {
	b.t.Helper()
	file, ok := b.FlyToml(b.app)
	if !ok || !strings.Contains(string(file), was) {
		b.t.Fatalf("the file has no %q", was)
	}
	return strings.Replace(string(file), was, is, 1)
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
	g := gate.New(gate.Options{Ledger: call.Ledger{Journal: b.toolset.Journal}, Now: b.Clock().Now})
	outcome := g.Decide(gate.Request{Tool: "deploy", App: b.app, Steps: planned.Plan.Grants()}, nil)
	grant, err := outcome.Commit()
	if err != nil {
		b.t.Fatal(err)
	}
	b.ResetCalls()
	out, err := b.toolset.deployer().Apply(b.t.Context(), planned.Work, grant, func(plan.Progress) {})
	b.addUp(out)
	return out, err
}

// addUp checks that every Machine is counted once.
func (b *appServer) addUp(out deploy.Result) {
	b.t.Helper()
	if m := out.Machines; m != nil && m.Total != m.Updated+m.Created+m.Unchanged+m.Left+m.Failed+m.PutBack+m.NotStarted+m.Unclear {
		b.t.Errorf("the counts do not add up: %+v, %q", *m, out.Summary)
	}
}

// withoutChecks is inner-circle's file without its health check.
func (b *appServer) withoutChecks() string {
	b.t.Helper()
	text, _, ok := strings.Cut(b.file("", ""), "[[http_service.checks]]")
	if !ok {
		b.t.Fatal("the file has no checks")
	}
	return text
}

func mention(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}

// withField is a configuration with one more field.
func withField(t *testing.T, config machine.Config, key string, value any) machine.Config {
	t.Helper()
	config, err := config.With(key, value)
	if err != nil {
		t.Fatal(err)
	}
	return config
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

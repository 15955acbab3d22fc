package deploy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// deployedApp plans and applies deploys of one app on an emulated platform, on
// a virtual clock.
type deployedApp struct {
	*flysim.Platform
	t        *testing.T
	app      string
	deployer *Deployer
	runs     *call.Runs
	// update, if set, changes what the platform gets as a Machine's update.
	update func(body []byte) []byte
	// answer, if set, changes what the platform answers.
	answer func(body []byte) []byte
}

// MachineConfig is the Machine's configuration in the product's type.
func (b *deployedApp) MachineConfig(app, id string) machine.Config {
	b.t.Helper()
	config, err := machine.ParseConfig([]byte(b.Platform.MachineConfig(app, id).String()))
	if err != nil {
		b.t.Fatal(err)
	}
	return config
}

// RoundTrip implements [http.RoundTripper].
func (b *deployedApp) RoundTrip(r *http.Request) (*http.Response, error) {
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

// withApp runs a test in a bubble, where waiting takes no time.
func withApp(t *testing.T, app string, options flysim.Options, test func(b *deployedApp)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newDeployedApp(t, app, options)) })
}

func newDeployedApp(t *testing.T, app string, options flysim.Options) *deployedApp {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))) // a bubble begins in 2000
	options.Clock = flysim.NewClock(time.Now)
	p := flysim.New(options)
	if app != "" { // of the example organization
		if err := p.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b := &deployedApp{Platform: p, t: t, app: app}
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
	b.runs = call.NewRuns(wallClock{})
	record := func(e journal.Entry) {
		if err := j.Append(e); err != nil {
			t.Error(err)
		}
	}
	b.deployer = &Deployer{Client: client, Journal: j, Record: record, Clock: wallClock{}, Runs: b.runs}
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
	s, err := b.deployer.stages(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// file is the app's fly.toml with one piece of it replaced.
func (b *deployedApp) file(was, is string) string {
	b.t.Helper()
	file, ok := b.FlyToml(b.app)
	if !ok || !strings.Contains(string(file), was) {
		b.t.Fatalf("the file has no %q", was)
	}
	return strings.Replace(string(file), was, is, 1)
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
	g := gate.New(gate.Options{Ledger: call.Ledger{Journal: b.deployer.Journal}, Now: b.Clock().Now})
	outcome := g.Decide(gate.Request{Tool: "deploy", App: b.app, Steps: planned.Plan.Grants()}, nil)
	grant, err := outcome.Commit()
	if err != nil {
		b.t.Fatal(err)
	}
	b.ResetCalls()
	out, err := b.deployer.Apply(b.t.Context(), planned.Work, grant, func(plan.Progress) {})
	b.addUp(out)
	return out, err
}

// addUp checks that every Machine is counted once.
func (b *deployedApp) addUp(out Result) {
	b.t.Helper()
	if m := out.Machines; m != nil && m.Total != m.Updated+m.Created+m.Unchanged+m.Left+m.Failed+m.PutBack+m.NotStarted+m.Unclear {
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

// withoutChecks is inner-circle's file without its health check.
func (b *deployedApp) withoutChecks() string {
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

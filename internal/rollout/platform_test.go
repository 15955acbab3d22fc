package rollout

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// bench is an engine at work on an emulated platform, over HTTP. All of them
// share one virtual clock, which moves when somebody waits.
type bench struct {
	*sandbox.Platform
	t      *testing.T
	app    string
	client *fly.FlyGo
	engine Engine
	phases []Phase
}

// ticking is the platform's clock for those who wait: waiting moves it.
type ticking struct{ *sandbox.Clock }

func (c ticking) After(d time.Duration) <-chan time.Time {
	c.Advance(d)
	done := make(chan time.Time, 1)
	done <- c.Now()
	return done
}

// virtual lets virtual time pass while a wait is held: until the Machine has
// started, or for waitStep. The engine's own limit of a wait is in real time;
// it ends here when the virtual one does.
type virtual struct {
	platform *sandbox.Platform
	next     http.RoundTripper
}

func (v virtual) RoundTrip(r *http.Request) (*http.Response, error) {
	parts := strings.Split(r.URL.Path, "/") // /v1/apps/APP/machines/ID/wait
	if len(parts) != 7 || parts[6] != "wait" {
		return v.next.RoundTrip(r)
	}
	app, id := parts[3], parts[5]
	started := func() bool { return v.platform.Machine(app, id).State == "started" }
	for passed := time.Duration(0); passed < waitStep && !started(); passed += time.Second {
		v.platform.Clock().Advance(time.Second)
	}
	if !started() {
		v.platform.Inject(sandbox.Fault{Operation: "machine.wait", Target: id, Status: http.StatusRequestTimeout})
	}
	response, err := v.next.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusRequestTimeout {
		if err := response.Body.Close(); err != nil {
			return nil, err
		}
		return nil, context.DeadlineExceeded
	}
	return response, err
}

func newBench(t *testing.T, app string, options sandbox.Options) *bench {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	options.Clock = sandbox.NewClock(func() time.Time { return at })
	p := sandbox.New(options)
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: server.URL, Flaps: server.URL, UIEX: server.URL},
		Token:     fly.NewToken(p.Token()),
		UserAgent: "flycast-mcp/test",
		// Go repeats a GET by itself when a reused connection was dropped.
		HTTP: virtual{p, &http.Transport{DisableKeepAlives: true}},
		Now:  p.Clock().Now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			p.Clock().Advance(d)
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{
		Platform: p, t: t, app: app, client: client,
		engine: Engine{Client: client, Clock: ticking{p.Clock()}},
	}
}

// invent gives a Machine fields that no program knows, at several levels.
func (b *bench) invent(id string) {
	b.t.Helper()
	config, err := b.MachineConfig(b.app, id).With("invented", json.RawMessage(`{"deep":[1,2.50,{"x":null}],"big":12345678901234567890}`))
	if err != nil {
		b.t.Fatal(err)
	}
	var services []map[string]json.RawMessage
	if err := json.Unmarshal(config.Raw("services"), &services); err != nil {
		b.t.Fatal(err)
	}
	services[0]["new_in_service"] = json.RawMessage(`{"a":"<b>"}`)
	if config, err = config.With("services", services); err != nil {
		b.t.Fatal(err)
	}
	b.SetMachineConfig(b.app, id, config)
	b.settle()
}

// settle lets every start that is under way come to its end.
func (b *bench) settle() { b.Clock().Advance(10 * time.Minute) }

// changes are a new environment value and autostop for all Machines of the app.
func (b *bench) changes() []Change {
	b.t.Helper()
	machines, err := b.client.Machines(b.t.Context(), b.app)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []Change
	for _, m := range machines {
		after, err := m.Config.With("env", map[string]string{"LOG_LEVEL": "debug", "FLY_PROCESS_GROUP": "app"})
		if err != nil {
			b.t.Fatal(err)
		}
		after = b.inService(after, "autostop", `"stop"`) // echoed as true
		out = append(out, Change{Before: m, Group: m.Config.ProcessGroup(), After: after})
	}
	Sort(out)
	b.ResetCalls()
	return out
}

// inService sets a field of the first service, if there is one.
func (b *bench) inService(config machine.Config, key, value string) machine.Config {
	b.t.Helper()
	var services []map[string]json.RawMessage
	if config.Raw("services") == nil {
		return config
	}
	if err := json.Unmarshal(config.Raw("services"), &services); err != nil {
		b.t.Fatal(err)
	}
	services[0][key] = json.RawMessage(value)
	config, err := config.With("services", services)
	if err != nil {
		b.t.Fatal(err)
	}
	return config
}

// ledger remembers used approvals for the length of a test.
type ledger struct{ burnt sync.Map }

func (l *ledger) Burn(use gate.Use) (bool, error) {
	_, twice := l.burnt.LoadOrStore(use.Nonce, true)
	return !twice, nil
}

func (l *ledger) Burnt(nonce string) bool {
	_, ok := l.burnt.Load(nonce)
	return ok
}

func (l *ledger) Uses(string, time.Time) (int, error) { return 0, nil }

// grant is the right to carry the changes out, as a gate hands it out for the
// plan of a deploy, without the steps of some verbs.
func (b *bench) grant(changes []Change, without ...gate.Verb) *gate.Grant {
	b.t.Helper()
	p := plan.Plan{Tool: "deploy", App: b.app}
	for _, c := range changes {
		for _, step := range []plan.Step{
			{Verb: gate.LeaseMachine, Target: c.Before.ID},
			{Verb: gate.UpdateMachine, Target: fly.UpdateTarget(c.Before.ID, c.After)},
			{Verb: gate.PutBackMachine, Target: fly.UpdateTarget(c.Before.ID, c.Before.Config)},
		} {
			if !slices.Contains(without, step.Verb) {
				p.Steps = append(p.Steps, step)
			}
		}
	}
	g := gate.New(gate.Options{Ledger: &ledger{}, Now: b.Clock().Now})
	outcome, err := g.Decide(gate.Request{Tool: p.Tool, App: p.App, Steps: p.Grants()}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	grant, err := outcome.Commit()
	if err != nil {
		b.t.Fatal(err)
	}
	return grant
}

// run carries the changes out with a full grant.
func (b *bench) run(changes []Change) Report {
	b.t.Helper()
	return b.runWith(b.t.Context(), b.grant(changes), changes)
}

func (b *bench) runWith(ctx context.Context, grant *gate.Grant, changes []Change) Report {
	b.t.Helper()
	work := Work{App: b.app, Strategy: Rolling, Updates: changes, OnFailure: Stop, StartWithin: time.Minute, HealthyWithin: 75 * time.Second}
	return b.engine.Run(ctx, grant, work, func(p Phase) { b.phases = append(b.phases, p) })
}

// operations are the names of the calls about a Machine.
func (b *bench) operations(id string) []string {
	var names []string
	for _, c := range b.Calls() {
		if c.Target == id {
			names = append(names, c.Operation)
		}
	}
	return names
}

func (b *bench) count(id, operation string) int {
	n := 0
	for _, name := range b.operations(id) {
		if name == operation {
			n++
		}
	}
	return n
}

// states checks how far the Machines got.
func (b *bench) states(report Report, want ...State) {
	b.t.Helper()
	var got []State
	for _, m := range report.Machines {
		got = append(got, m.State)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("got states %q, want %q", got, want)
		for _, m := range report.Machines {
			b.t.Logf("%s: %s: %v", m.ID, m.State, m.Err)
		}
	}
}

// failed checks the error of the Machine that ended the rollout.
func (b *bench) failed(report Report, id string, code gate.Code, says ...string) {
	b.t.Helper()
	out, ok := report.Failed()
	if !ok || out.ID != id {
		b.t.Fatalf("got failed %t, Machine %q, want Machine %s", ok, out.ID, id)
	}
	if code != "" && fly.CodeOf(out.Err) != code {
		b.t.Errorf("got code %s (%v), want %s", fly.CodeOf(out.Err), out.Err, code)
	}
	for _, text := range says {
		if !strings.Contains(out.Err.Error(), text) {
			b.t.Errorf("got %q, want %q in it", out.Err, text)
		}
	}
}

// has checks that a Machine has a configuration, in every field of its JSON.
func (b *bench) has(id string, want machine.Config) {
	b.t.Helper()
	if got := b.MachineConfig(b.app, id); !sameDocument(b.t, got, want) {
		b.t.Errorf("Machine %s differs: %v", id, machine.Diff(got, want))
	}
}

// sameDocument compares JSON, numbers as they are written.
func sameDocument(t *testing.T, a, b machine.Config) bool {
	t.Helper()
	return reflect.DeepEqual(document(t, a), document(t, b))
}

func document(t *testing.T, c machine.Config) any {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// untouched checks that a Machine is as the plan saw it and got no request.
func (b *bench) untouched(c Change) {
	b.t.Helper()
	if calls := b.operations(c.Before.ID); len(calls) != 0 {
		b.t.Errorf("Machine %s got %q", c.Before.ID, calls)
	}
	b.unchanged(c)
}

// unchanged checks that a Machine is as the plan saw it.
func (b *bench) unchanged(c Change) {
	b.t.Helper()
	now := b.Machine(b.app, c.Before.ID)
	if now.InstanceID != c.Before.InstanceID || now.State != c.Before.State {
		b.t.Errorf("Machine %s is at %s, %s; was at %s, %s", now.ID, now.InstanceID, now.State, c.Before.InstanceID, c.Before.State)
	}
	b.has(c.Before.ID, c.Before.Config)
}

// released checks that the lease was given back, not left to run out.
func (b *bench) released(id string) {
	b.t.Helper()
	calls := b.operations(id)
	if len(calls) == 0 || calls[len(calls)-1] != "lease.release" {
		b.t.Errorf("the calls for Machine %s end with %q", id, calls[max(len(calls)-3, 0):])
	}
	if owner := b.Machine(b.app, id).LeaseOwner; owner != "" {
		b.t.Errorf("%s still holds the lease of Machine %s", owner, id)
	}
}

package rollout

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// deployedApp is an engine on an emulated platform, in memory and in a
// testing/synctest bubble: all share its time, which passes when all wait.
type deployedApp struct {
	*platformtest.Platform
	t      *testing.T
	app    string
	client *fly.Client
	engine Engine
	phases []Phase
}

// bubble runs a part of a test in a bubble of its own, where time passes when
// everybody waits.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { platformtest.InBubble(t, test) })
}

// presentClock is the platform's clock for those who wait.
type presentClock struct{ *flysim.Clock }

func (presentClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func newDeployedApp(t *testing.T, app string, options flysim.Options) *deployedApp {
	t.Helper()
	p := platformtest.New(t, options)
	if app == fleet {
		p.AddApp(fleet, "personal", "")
	} else {
		p.Seeded()
	}
	b := &deployedApp{Platform: p, t: t, app: app}
	b.client = p.Client()
	b.engine = Engine{Client: b.client, Clock: presentClock{p.Clock()}}
	return b
}

// invent gives a Machine fields that no program knows, at several levels.
func (b *deployedApp) invent(id string) {
	b.t.Helper()
	config, err := b.MachineConfig(b.app, id).With("invented",
		json.RawMessage(`{"deep":[1,2.50,{"x":null}],"big":12345678901234567890}`))
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
func (b *deployedApp) settle() { b.Clock().Advance(10 * time.Minute) }

// changes are a new environment value and autostop for all Machines of the app.
func (b *deployedApp) changes() []Change {
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
func (b *deployedApp) inService(config machine.Config, key, value string) machine.Config {
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

// work is the changes as one rolling deployment, which stops at a failure after
// putting back what it did.
func (b *deployedApp) work(changes []Change) Work {
	return Work{
		App: b.app, Strategy: Rolling, MaxUnavailable: 1, Updates: changes, OnFailure: PutAllBack,
		StartWithin: time.Minute, HealthyWithin: 75 * time.Second,
	}
}

// grant is the right to carry the changes out, as a gate hands it out for the
// plan of a deploy, without the steps of some verbs.
func (b *deployedApp) grant(changes []Change, without ...gate.Verb) *gate.Grant {
	b.t.Helper()
	return b.grantFor(b.work(changes), without...)
}

func (b *deployedApp) grantFor(w Work, without ...gate.Verb) *gate.Grant {
	b.t.Helper()
	if err := w.Check(); err != nil {
		b.t.Fatal(err)
	}
	var steps []gate.Step
	for _, step := range w.Steps() {
		if !slices.Contains(without, step.Verb) {
			steps = append(steps, gate.Step{Verb: step.Verb, App: w.App, Target: step.Target})
		}
	}
	return b.granted(w, steps)
}

// granted is the right to take the steps.
func (b *deployedApp) granted(w Work, steps []gate.Step) *gate.Grant {
	b.t.Helper()
	return b.Grant(nil, gate.Request{Tool: "deploy", App: w.App, Steps: steps})
}

// run carries the changes out with a full grant.
func (b *deployedApp) run(changes []Change) Report {
	b.t.Helper()
	return b.runWith(b.t.Context(), b.grant(changes), changes)
}

func (b *deployedApp) runWith(ctx context.Context, grant *gate.Grant, changes []Change) Report {
	b.t.Helper()
	return b.carryOut(ctx, grant, b.work(changes))
}

// do carries work out with a full grant.
func (b *deployedApp) do(w Work) Report {
	b.t.Helper()
	return b.carryOut(b.t.Context(), b.grantFor(w), w)
}

func (b *deployedApp) carryOut(ctx context.Context, grant *gate.Grant, w Work) Report {
	b.t.Helper()
	return b.engine.Run(ctx, grant, w, func(p Phase) { b.phases = append(b.phases, p) })
}

// operations are the names of the calls about a Machine.
func (b *deployedApp) operations(id string) []string {
	var names []string
	for _, c := range b.Calls() {
		if c.Target == id {
			names = append(names, c.Operation)
		}
	}
	return names
}

func (b *deployedApp) count(id, operation string) int {
	n := 0
	for _, name := range b.operations(id) {
		if name == operation {
			n++
		}
	}
	return n
}

// states checks how far the Machines got.
func (b *deployedApp) states(report Report, want ...State) {
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
func (b *deployedApp) failed(report Report, id string, code gate.Code, says ...string) {
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
func (b *deployedApp) has(id string, want machine.Config) {
	b.t.Helper()
	if got := b.MachineConfig(b.app, id); !sameDocument(b.t, got, want) {
		b.t.Errorf("Machine %s differs: %v", id, machine.Diff(got, want))
	}
}

// sameDocument compares JSON, numbers as they are written.
func sameDocument(t *testing.T, a, b machine.Config) bool {
	t.Helper()
	return reflect.DeepEqual(parseDocument(t, a), parseDocument(t, b))
}

func parseDocument(t *testing.T, c machine.Config) any {
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
func (b *deployedApp) untouched(c Change) {
	b.t.Helper()
	if calls := b.operations(c.Before.ID); len(calls) != 0 {
		b.t.Errorf("Machine %s got %q", c.Before.ID, calls)
	}
	b.unchanged(c)
}

// unchanged checks that a Machine is as the plan saw it.
func (b *deployedApp) unchanged(c Change) {
	b.t.Helper()
	now := b.Machine(b.app, c.Before.ID)
	if now.InstanceID != c.Before.InstanceID || now.State != c.Before.State {
		b.t.Errorf("Machine %s is at %s, %s; was at %s, %s", now.ID, now.InstanceID, now.State,
			c.Before.InstanceID, c.Before.State)
	}
	b.has(c.Before.ID, c.Before.Config)
}

// released checks that the lease was given back, not left to run out.
func (b *deployedApp) released(id string) {
	b.t.Helper()
	calls := b.operations(id)
	if len(calls) == 0 || calls[len(calls)-1] != "lease.release" {
		b.t.Errorf("the calls for Machine %s end with %q", id, calls[max(len(calls)-3, 0):])
	}
	if owner := b.Machine(b.app, id).LeaseOwner; owner != "" {
		b.t.Errorf("%s still holds the lease of Machine %s", owner, id)
	}
}

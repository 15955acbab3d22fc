package fly

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestNothingIsSentWithoutAGrant calls every method of Client that takes a
// grant, found by reflection, with grants that do not grant the step. It also calls
// every method, with its grant, on a client that may not name the app.
func TestNothingIsSentWithoutAGrant(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	restricted := restrictedClient(t, p, "legacy-api")
	const app = "shop-api"
	id := p.MachineIDs(app)[0]
	shared := netip.MustParseAddr("66.241.124.11")
	own := ownNetwork(t, client, app)
	update := Update{ID: id, Config: machine.Config{}, CurrentInstance: p.Machine(app, id).InstanceID,
		Lease: leased(t, client, app, id)}
	created := NewMachine{Config: machineConfig(t, p, app, id), Region: "iad"}
	disk := NewVolume{Name: "data", Region: "iad", SizeGB: 1}
	published := NewRelease{Definition: []byte(`{"app":"shop-api"}`), Image: "nginx", Strategy: "rolling"}
	current, err := client.Release(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	progress := ReleaseUpdate{Status: ReleaseRunning}
	guest := NewPeer{Name: "interactive-test", PublicKey: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
	p.ResetCalls()

	steps := map[string]gate.Step{
		"AllocateFlycast": {Verb: gate.AllocateAddress, App: app, Target: own.Target()},
		"ReleaseAddress":  {Verb: gate.ReleaseAddress, App: app, Target: shared.String()},
		"LeaseMachine":    {Verb: gate.LeaseMachine, App: app, Target: id},
		"UpdateMachine":   {Verb: gate.UpdateMachine, App: app, Target: update.Target()},
		"CreateMachine":   {Verb: gate.CreateMachine, App: app, Target: created.Target()},
		"StartMachine":    {Verb: gate.StartMachine, App: app, Target: id},
		"StopMachine":     {Verb: gate.StopMachine, App: app, Target: id},
		"DestroyMachine":  {Verb: gate.DestroyMachine, App: app, Target: id},
		"CordonMachine":   {Verb: gate.CordonMachine, App: app, Target: id},
		"UncordonMachine": {Verb: gate.UncordonMachine, App: app, Target: id},
		"SetMachineMetadata": {Verb: gate.SetMetadata, App: app,
			Target: MetadataTarget(id, update.CurrentInstance, "started")},
		"AllocatePublic": {Verb: gate.AllocateAddress, App: app, Target: string(DedicatedV6)},
		"CreateApp":      {Verb: gate.CreateApp, App: app, Target: own.Target()},
		"AddPeer":        {Verb: gate.AddPeer, App: app, Target: own.Target()},
		"RemovePeer":     {Verb: gate.RemovePeer, App: app, Target: id},
		"CreateVolume":   {Verb: gate.CreateVolume, App: app, Target: disk.Target()},
		"CreateRelease":  {Verb: gate.CreateRelease, App: app, Target: published.Target()},
		"UpdateRelease":  {Verb: gate.UpdateRelease, App: app, Target: "running"},
	}
	parameters := make(map[reflect.Type]reflect.Value)
	for _, parameter := range []any{shared, own, time.Minute, update, update.Lease, created, disk, published, guest, DedicatedV6,
		current, progress, 5} {
		parameters[reflect.TypeOf(parameter)] = reflect.ValueOf(parameter)
	}
	again := reflect.TypeFor[func(error) error]()
	parameters[again] = reflect.Zero(again)
	grantType := reflect.TypeFor[*gate.Grant]()
	arguments := func(method reflect.Type, grant *gate.Grant) []reflect.Value {
		var in []reflect.Value
		names := 0
		for i := range method.NumIn() {
			switch method.In(i) {
			case reflect.TypeFor[context.Context]():
				in = append(in, reflect.ValueOf(t.Context()))
			case grantType:
				in = append(in, reflect.ValueOf(grant))
			case reflect.TypeFor[string]():
				in = append(in, reflect.ValueOf([]string{app, id, update.CurrentInstance, "started"}[names]))
				names++
			default:
				known, ok := parameters[method.In(i)]
				if !ok {
					t.Fatalf("no argument of type %s is known to this test", method.In(i))
				}
				in = append(in, known)
			}
		}
		return in
	}

	contract, value := reflect.TypeFor[*Client](), reflect.ValueOf(client)
	refused := func(name string, grant *gate.Grant) {
		t.Helper()
		before := len(p.Calls())
		method := reflect.ValueOf(restricted).MethodByName(name)
		out := method.Call(arguments(method.Type(), grant))
		err, _ := out[len(out)-1].Interface().(error)
		aboutApp := !slices.Contains([]string{"AppNames", "OrganizationApps", "Organization"}, name)
		if aboutApp && CodeOf(err) != gate.Blocked {
			t.Errorf("%s for an app that may not be named: %v", name, err)
		}
		if calls := p.Calls()[before:]; len(calls) != 0 && name != "Organization" {
			t.Errorf("%s for an app that may not be named sent %v", name, operations(calls))
		}
	}
	var changing []string
	for i := range contract.NumMethod() {
		name := contract.Method(i).Name
		method := value.MethodByName(name)
		if !takes(method.Type(), reflect.TypeFor[context.Context]()) {
			continue // it sends nothing
		}
		if takes(method.Type(), grantType) {
			changing = append(changing, name)
			continue
		}
		refused(name, nil)
		method.Call(arguments(method.Type(), nil))
		if writes := p.Writes(); len(writes) != 0 {
			t.Errorf("%s takes no grant and sent %v", name, operations(writes))
		}
	}
	for _, name := range changing {
		method := value.MethodByName(name)
		step, ok := steps[name]
		if !ok {
			t.Errorf("%s takes a grant and is not known to this test", name)
			continue
		}
		foreign, sibling := step, step
		foreign.App, sibling.Target = "legacy-api", step.Target+"0"
		spent := grantFor(t, step)
		if err := spent.Spend(step.Verb, step.App, step.Target); err != nil {
			t.Fatal(err)
		}
		var others []gate.Step
		for other, s := range steps {
			if other != name {
				others = append(others, s)
			}
		}
		p.ResetCalls()
		for kind, grant := range map[string]*gate.Grant{
			"nil": nil, "zero": {}, "empty": grantFor(t), "another app's": grantFor(t, foreign),
			"another target's": grantFor(t, sibling), "other verbs'": grantFor(t, others...), "spent": spent,
		} {
			out := method.Call(arguments(method.Type(), grant))
			err, _ := out[len(out)-1].Interface().(error)
			if !errors.Is(err, gate.ErrNotGranted) {
				t.Errorf("%s with a grant that is %s: %v", name, kind, err)
			}
		}
		if calls := p.Calls(); len(calls) != 0 {
			t.Errorf("%s sent %v", name, operations(calls))
		}

		out := method.Call(arguments(method.Type(), grantFor(t, step)))
		if err, _ := out[len(out)-1].Interface().(error); errors.Is(err, gate.ErrNotGranted) || len(p.Calls()) == 0 {
			t.Errorf("%s with its grant: %v, calls %v", name, err, operations(p.Calls()))
		}
		p.ResetCalls()
		refused(name, grantFor(t, step))
	}
	if len(changing) != len(steps) {
		t.Errorf("%d methods take a grant, want %d", len(changing), len(steps))
	}

	p.ResetCalls()
	for name, lease := range map[string]*Lease{"nil": nil, "zero": {}, "made up": {App: app, MachineID: id, Owner: "me"}} {
		if err := lease.Refresh(t.Context(), time.Minute); !errors.Is(err, gate.ErrNotGranted) {
			t.Errorf("refreshing a lease that is %s: %v", name, err)
		}
		if err := lease.Release(t.Context()); !errors.Is(err, gate.ErrNotGranted) {
			t.Errorf("releasing a lease that is %s: %v", name, err)
		}
	}
	checkCalls(t, p)
}

// takes reports whether a method has a parameter of that type.
func takes(method, parameter reflect.Type) bool {
	for i := range method.NumIn() {
		if method.In(i) == parameter {
			return true
		}
	}
	return false
}

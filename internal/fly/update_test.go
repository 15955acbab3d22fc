package fly

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

func TestLeaseAndUpdate(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	const app = "shop-api"
	id := p.MachineIDs(app)[0]

	// A platform newer than this program: fields it does not know, at every level.
	invented, err := machine.ParseConfig([]byte(strings.Replace(string(mustJSON(t, machineConfig(t, p, app, id))), `{`,
		`{"invented":{"deep":[1,2.50,{"x":null}]},"big":12345678901234567890,`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var services []map[string]json.RawMessage
	if err := json.Unmarshal(invented.Raw("services"), &services); err != nil {
		t.Fatal(err)
	}
	services[0]["new_in_service"] = json.RawMessage(`{"a":"<b>"}`)
	if invented, err = invented.With("services", services); err != nil {
		t.Fatal(err)
	}
	p.SetMachineConfig(app, id, invented)

	m, err := client.Machine(t.Context(), app, id)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := m.Config.With("env", map[string]string{"LOG_LEVEL": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	p.ResetCalls()
	lease := leased(t, client, app, id)
	if lease.App != app || lease.MachineID != id || lease.Owner == "" || p.Machine(app, id).LeaseOwner != lease.Owner {
		t.Errorf("lease %+v, platform says %q", lease, p.Machine(app, id).LeaseOwner)
	}
	if err := lease.Refresh(t.Context(), 2*time.Minute); err != nil {
		t.Error(err)
	}
	update := Update{ID: id, Config: changed, CurrentInstance: m.InstanceID, Lease: lease}
	back := Update{ID: id, Config: m.Config, Lease: lease, PutBack: true}
	grant := grantFor(t,
		gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()},
		gate.Step{Verb: gate.PutBackMachine, App: app, Target: back.Target()})
	after, err := client.UpdateMachine(t.Context(), grant, app, update)
	if err != nil {
		t.Fatal(err)
	}
	if after.InstanceID == m.InstanceID || after.InstanceID != p.Machine(app, id).InstanceID {
		t.Errorf("instance %s after %s", after.InstanceID, m.InstanceID)
	}
	var sent struct {
		Config         map[string]json.RawMessage `json:"config"`
		CurrentVersion string                     `json:"current_version"`
	}
	calls := p.Calls()
	if err := json.Unmarshal(calls[len(calls)-1].Body, &sent); err != nil {
		t.Fatal(err)
	}
	if sent.CurrentVersion != m.InstanceID {
		t.Errorf("current_version %q, want %q", sent.CurrentVersion, m.InstanceID)
	}
	if got, want := string(sent.Config["big"]), "12345678901234567890"; got != want {
		t.Errorf("big number %s, want %s", got, want)
	}
	if changes := machine.Diff(machineConfig(t, p, app, id), changed); len(changes) != 0 {
		t.Errorf("the platform's configuration differs from what was meant: %v", changes)
	}

	if _, err := client.UpdateMachine(t.Context(), grant, app, back); CodeOf(err) != gate.Internal {
		t.Errorf("without an instance: %v", err)
	}
	back.CurrentInstance = after.InstanceID
	grant = grantFor(t, gate.Step{Verb: gate.PutBackMachine, App: app, Target: back.Target()})
	if _, err := client.UpdateMachine(t.Context(), grant, app, back); err != nil {
		t.Fatal(err)
	}
	if changes := machine.Diff(machineConfig(t, p, app, id), invented); len(changes) != 0 {
		t.Errorf("after putting back: %v", changes)
	}
	for range 2 { // the second finds no lease
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("releasing: %v", err)
		}
	}
	if owner := p.Machine(app, id).LeaseOwner; owner != "" {
		t.Errorf("%s still holds the lease", owner)
	}
}

func TestUpdateSkipsTheLaunch(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	const app = "inner-circle"
	id := p.MachineIDs(app)[1]
	m, err := client.Machine(t.Context(), app, id)
	if err != nil || m.State != "stopped" {
		t.Fatalf("%s, %v", m.State, err)
	}
	update := Update{ID: id, Config: m.Config, CurrentInstance: m.InstanceID, Lease: leased(t, client, app, id),
		SkipLaunch: true}
	grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()})
	if _, err := client.UpdateMachine(t.Context(), grant, app, update); err != nil {
		t.Fatal(err)
	}
	if state := p.Machine(app, id).State; state != "stopped" {
		t.Errorf("the Machine is %s, want stopped", state)
	}
}

func TestOthersGetInTheWay(t *testing.T) {
	const app, other = "shop-api", "mallory@example.com"
	p, client := sandboxClient(t, flysim.Options{})
	id := p.MachineIDs(app)[0]
	m, err := client.Machine(t.Context(), app, id)
	if err != nil {
		t.Fatal(err)
	}
	update := func(lease *Lease, instance string) error {
		u := Update{ID: id, Config: m.Config, CurrentInstance: instance, Lease: lease}
		_, err := client.UpdateMachine(t.Context(),
			grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: u.Target()}), app, u)
		return err
	}
	p.HoldLease(app, id, other, time.Hour)
	_, err = client.LeaseMachine(t.Context(),
		grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id}), app, id, time.Minute, nil)
	checkCode(t, err, gate.Busy)
	if err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("%v does not name the owner", err)
	}
	p.DropLease(app, id)

	lease := leased(t, client, app, id)
	p.DropLease(app, id)
	p.HoldLease(app, id, other, time.Hour)
	checkCode(t, update(lease, m.InstanceID), gate.Busy)
	checkCode(t, lease.Refresh(t.Context(), time.Minute), gate.Busy)
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("releasing a lease that is gone: %v", err)
	}
	if owner := p.Machine(app, id).LeaseOwner; owner != other {
		t.Errorf("the other's lease is held by %q", owner)
	}
	p.DropLease(app, id)

	lease = leased(t, client, app, id)
	checkCode(t, update(lease, "01AN0THER1NSTANCE"), gate.Stale)
	for name, wrong := range map[string]*Lease{
		"none": nil, "empty": {}, "another Machine's": leased(t, client, app, p.MachineIDs(app)[1]),
	} {
		p.ResetCalls()
		if err := update(wrong, m.InstanceID); CodeOf(err) != gate.Internal {
			t.Errorf("lease %s: %v", name, err)
		}
		checkCalls(t, p)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

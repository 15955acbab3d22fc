package fly

import (
	"slices"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

func TestEventsOfACrashLoop(t *testing.T) {
	const app = "shop-api"
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := flysim.NewClock(func() time.Time { return now })
	p, client := sandboxClient(t, flysim.Options{Clock: clock})
	id := p.MachineIDs(app)[0]
	p.FailMachine(app, id, flysim.FailOOM)
	p.SetMachineConfig(app, id, p.MachineConfig(app, id))
	clock.Advance(time.Second) // the first restart
	m, err := client.Machine(t.Context(), app, id)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range m.Events[:4] {
		types = append(types, e.Type)
	}
	if want := []string{"exit", "start", "exit", "start"}; !slices.Equal(types, want) {
		t.Fatalf("events %q, want %q", types, want)
	}
	want := Exit{Code: 137, OOMKilled: true, Restarting: true}
	if m.Exit == nil || *m.Exit != want || m.Events[0].Exit == nil || *m.Events[0].Exit != want {
		t.Errorf("exit %+v, want %+v", m.Exit, want)
	}
	if !m.Started.Equal(now.Add(time.Second)) || !m.Events[3].Time.Equal(now) {
		t.Errorf("started %v, events %+v", m.Started, m.Events)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	events := make([]wireEvent, 3*maxEvents)
	for i := range events {
		events[i] = wireEvent{Type: "exit", Timestamp: int64(i)}
	}
	got := history(events)
	if len(got) != maxEvents || !got[0].Time.Equal(time.UnixMilli(3*maxEvents-1)) || lastExit(got) != nil ||
		!lastStart(got).IsZero() {
		t.Errorf("%d events, the first at %v", len(got), got[0].Time)
	}
}

func TestLeaseHolder(t *testing.T) {
	const app = "shop-api"
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p, client := sandboxClient(t, flysim.Options{Clock: flysim.NewClock(func() time.Time { return now })})
	id := p.MachineIDs(app)[0]
	if holder, err := client.LeaseHolder(t.Context(), app, id); err != nil || holder != (Holder{}) {
		t.Errorf("%+v, %v", holder, err)
	}
	p.HoldLease(app, id, "ci@tokens.fly.io", time.Minute)
	holder, err := client.LeaseHolder(t.Context(), app, id)
	if want := (Holder{"ci@tokens.fly.io", now.Add(time.Minute)}); err != nil || holder != want {
		t.Errorf("got %+v, %v, want %+v", holder, err, want)
	}
	if writes := p.Writes(); len(writes) != 0 || p.Machine(app, id).LeaseOwner != "ci@tokens.fly.io" {
		t.Errorf("looking at a lease wrote %v", operations(writes))
	}
	p.Inject(flysim.Fault{Operation: "lease.get", Status: 500})
	_, err = client.LeaseHolder(t.Context(), app, id)
	checkCode(t, err, gate.PlatformError)
}

func TestVolumes(t *testing.T) {
	const app = "shop-api"
	p, client := sandboxClient(t, flysim.Options{})
	if volumes, err := client.Volumes(t.Context(), app); err != nil || volumes == nil || len(volumes) != 0 {
		t.Errorf("%+v, %v", volumes, err)
	}
	in := NewVolume{Name: "data", Region: "fra", SizeGB: 3, Encrypted: true, Guest: &machine.Guest{CPUs: 1},
		Image: "nginx"}
	made, err := client.CreateVolume(t.Context(), oneStep(t, gate.CreateVolume, app, in.Target()), app, in)
	if err != nil || made.Name != "data" || made.SizeGB != 3 || made.State != "created" || !made.Encrypted ||
		made.AttachedMachine != "" || made.CreatedAt.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	config, err := machine.ParseConfig([]byte(`{"image":"nginx","mounts":[{"volume":"` + made.ID + `","path":"/data"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	id := p.AddMachine(app, "fra", config)
	p.AddVolume(app, "data", "iad", 1)
	volumes, err := client.Volumes(t.Context(), app)
	i := slices.IndexFunc(volumes, func(v Volume) bool { return v.ID == made.ID })
	if err != nil || len(volumes) != 2 || volumes[i].AttachedMachine != id || volumes[i].HostStatus != "ok" {
		t.Errorf("%+v, %v", volumes, err)
	}
	p.ResetCalls()
	for _, bad := range []NewVolume{{Name: "Data", Region: "iad"}, {Name: "data", Region: ""},
		{Name: "", Region: "iad"}, {Name: "data", Region: "iad", SizeGB: -1}} {
		_, err := client.CreateVolume(t.Context(), oneStep(t, gate.CreateVolume, app, bad.Target()), app, bad)
		checkCode(t, err, gate.InvalidInput)
	}
	checkCalls(t, p)
}

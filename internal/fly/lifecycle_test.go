package fly

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// oneStep is a grant of one step.
func oneStep(t *testing.T, verb gate.Verb, app, target string) *gate.Grant {
	t.Helper()
	return grantFor(t, gate.Step{Verb: verb, App: app, Target: target})
}

func TestSteering(t *testing.T) {
	const app = "inner-circle"
	p, client := sandboxClient(t, flysim.Options{})
	ctx := t.Context()
	id := p.MachineIDs(app)[1] // stopped
	lease := leased(t, client, app, id)
	state := func() string { return p.Machine(app, id).State }

	if err := client.StartMachine(ctx, oneStep(t, gate.StartMachine, app, id), app, id, lease); err != nil ||
		state() != "started" {
		t.Errorf("start: %v, state %s", err, state())
	}
	if err := client.StartMachine(ctx, oneStep(t, gate.StartMachine, app, id), app, id, lease); err != nil {
		t.Errorf("start of a started Machine: %v", err)
	}
	checkCode(t, client.StopMachine(ctx, oneStep(t, gate.StopMachine, app, id), app, id, nil), gate.Busy)
	if err := client.StopMachine(ctx, oneStep(t, gate.StopMachine, app, id), app, id, lease); err != nil ||
		state() != "stopped" {
		t.Errorf("stop: %v, state %s", err, state())
	}
	if err := client.CordonMachine(ctx, oneStep(t, gate.CordonMachine, app, id), app, id, lease); err != nil ||
		!p.Machine(app, id).Cordoned {
		t.Errorf("cordon: %v", err)
	}
	if err := client.UncordonMachine(ctx, oneStep(t, gate.UncordonMachine, app, id), app, id, lease); err != nil ||
		p.Machine(app, id).Cordoned {
		t.Errorf("uncordon: %v", err)
	}
	instance := p.Machine(app, id).InstanceID
	target := MetadataTarget(id, "fly_canary", "true")
	if err := client.SetMachineMetadata(ctx, oneStep(t, gate.SetMetadata, app, target), app, id, "fly_canary",
		"true"); err != nil {
		t.Error(err)
	}
	if metadata, err := machineConfig(t, p, app, id).Metadata(); err != nil || metadata["fly_canary"] != "true" ||
		p.Machine(app, id).InstanceID != instance {
		t.Errorf("metadata %v, %v", metadata, err)
	}
	for _, key := range []string{"", "a/b", "..", "a?b", "ä"} {
		target := MetadataTarget(id, key, "v")
		checkCode(t, client.SetMachineMetadata(ctx, oneStep(t, gate.SetMetadata, app, target), app, id, key, "v"),
			gate.InvalidInput)
	}

	foreign := leased(t, client, app, p.MachineIDs(app)[0])
	p.ResetCalls()
	for name, wrong := range map[string]*Lease{"empty": {}, "another Machine's": foreign} {
		if err := client.DestroyMachine(ctx, oneStep(t, gate.DestroyMachine, app, id), app, id,
			wrong); CodeOf(err) != gate.Internal {
			t.Errorf("lease %s: %v", name, err)
		}
	}
	checkCalls(t, p)
	if err := client.DestroyMachine(ctx, oneStep(t, gate.DestroyMachine, app, id), app, id, lease); err != nil ||
		state() != "destroyed" {
		t.Errorf("destroy: %v, state %s", err, state())
	}
	checkCode(t, client.StartMachine(ctx, oneStep(t, gate.StartMachine, app, id), app, id, nil), gate.Precondition)
}

func TestStatesThatPass(t *testing.T) {
	const app = "shop-api"
	clock := flysim.NewClock(func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) })
	p, client := sandboxClient(t, flysim.Options{Clock: clock, StartDelay: time.Second})
	id := p.MachineIDs(app)[0]
	clock.Advance(time.Minute)
	p.SetMachineConfig(app, id, p.MachineConfig(app, id)) // replacing
	err := client.StartMachine(t.Context(), oneStep(t, gate.StartMachine, app, id), app, id, nil)
	checkCode(t, err, gate.Busy)
	if err == nil || !strings.Contains(err.Error(), "changing state") ||
		!strings.HasSuffix(err.Error(), "; nothing was changed") {
		t.Error(err)
	}
	p.Inject(flysim.Fault{Operation: "machine.start", Status: 412,
		Body: `{"error":"failed_precondition: machine still active, refusing to start"}`})
	checkCode(t, client.StartMachine(t.Context(), oneStep(t, gate.StartMachine, app, id), app, id, nil), gate.Busy)
	clock.Advance(time.Second)
	checkCode(t, client.StartMachine(t.Context(), oneStep(t, gate.StartMachine, app, id), app, id, nil), "")
}

func TestNoCapacity(t *testing.T) {
	const app = "shop-api"
	p, client := sandboxClient(t, flysim.Options{})
	id := p.MachineIDs(app)[0]
	machine := NewMachine{Config: machineConfig(t, p, app, id), Region: "iad"}
	volume := NewVolume{Name: "data", Region: "iad", SizeGB: 1}
	writes := map[string]func() error{
		"machine.start": func() error {
			return client.StartMachine(t.Context(), oneStep(t, gate.StartMachine, app, id), app, id, nil)
		},
		"machine.create": func() error {
			_, _, err := client.CreateMachine(t.Context(), oneStep(t, gate.CreateMachine, app, machine.Target()), app, machine)
			return err
		},
		"volume.create": func() error {
			_, err := client.CreateVolume(t.Context(), oneStep(t, gate.CreateVolume, app, volume.Target()), app, volume)
			return err
		},
		"machine.update": func() error {
			update := Update{ID: id, Config: machine.Config, CurrentInstance: p.Machine(app, id).InstanceID,
				Lease: leased(t, client, app, id)}
			defer p.DropLease(app, id)
			_, err := client.UpdateMachine(t.Context(), oneStep(t, gate.UpdateMachine, app, update.Target()), app, update)
			return err
		},
	}
	for name, write := range writes {
		for _, fault := range []flysim.Fault{
			flysim.NoCapacity(name), flysim.HostClosed(name),
			{Operation: name, Status: 422,
				Body: `{"error":"insufficient resources to create new machine with existing volume 'vol_1'"}`},
			{Operation: name, Status: 400, Body: `{"error":"no capacity"}`},
		} {
			p.Inject(fault)
			err := write()
			if CodeOf(err) != gate.Precondition || !errors.Is(err, ErrNoCapacity) {
				t.Errorf("%s, %s: code %q, %v", name, fault.Body, CodeOf(err), err)
			}
		}
		p.Inject(flysim.Fault{Operation: name, Status: 409, Body: `{"error":"conflict"}`})
		if err := write(); errors.Is(err, ErrNoCapacity) || CodeOf(err) != gate.Busy {
			t.Errorf("%s, another conflict: %v", name, err)
		}
	}
}

func TestCreateMachine(t *testing.T) {
	const app = "shop-api"
	p, client := sandboxClient(t, flysim.Options{})
	volume := p.AddVolume(app, "data", "fra", 1)
	config, err := machine.ParseConfig([]byte(`{"image":"nginx","guest":{"cpu_kind":"shared","cpus":1,` +
		`"memory_mb":256},"invented":{"n":12345678901234567890},"mounts":[{"volume":"` + volume + `","path":"/data"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	in := NewMachine{Config: config, Region: "fra", Name: "canary-1", SkipLaunch: true,
		SkipServiceRegistration: true, LeaseTTL: time.Minute}
	p.ResetCalls()
	m, lease, err := client.CreateMachine(t.Context(), oneStep(t, gate.CreateMachine, app, in.Target()), app, in)
	if err != nil {
		t.Fatal(err)
	}
	truth := p.Machine(app, m.ID)
	want, err := config.With("mounts",
		[]map[string]any{{"volume": volume, "path": "/data", "name": "data", "size_gb": 1, "encrypted": true}})
	if err != nil {
		t.Fatal(err)
	}
	if m.State != "created" || m.Name != "canary-1" || m.Region != "fra" || !m.Cordoned ||
		!machine.Equal(m.Config, want) || truth.LeaseOwner == "" {
		t.Errorf("got %+v, platform %+v", m, truth)
	}
	if want := "docker-hub-mirror.fly.io/library/nginx:latest@sha256:"; !strings.HasPrefix(m.ImageRef, want) {
		t.Errorf("image %s, want %s…", m.ImageRef, want)
	}
	if body := string(p.Calls()[0].Body); !strings.Contains(body, "12345678901234567890") ||
		!strings.Contains(body, `"skip_secrets":false`) || !strings.Contains(body, `"lease_ttl":60`) {
		t.Errorf("body %s", body)
	}
	if err := client.StartMachine(t.Context(), oneStep(t, gate.StartMachine, app, m.ID), app, m.ID, lease); err != nil {
		t.Error(err)
	}
	if err := lease.Refresh(t.Context(), 2*time.Minute); err != nil {
		t.Error(err)
	}
	if err := lease.Release(t.Context()); err != nil || p.Machine(app, m.ID).LeaseOwner != "" {
		t.Errorf("the lease is still held, %v", err)
	}
	in.LeaseTTL, in.Config, in.Name = 0, config.Without("mounts"), "canary-2" // names are unique
	_, lease, err = client.CreateMachine(t.Context(), oneStep(t, gate.CreateMachine, app, in.Target()), app, in)
	if err != nil || lease != nil {
		t.Errorf("lease %v that was not asked for, %v", lease, err)
	}
	p.ResetCalls()
	in.Region = "../x"
	_, _, err = client.CreateMachine(t.Context(), oneStep(t, gate.CreateMachine, app, in.Target()), app, in)
	checkCode(t, err, gate.InvalidInput)
	checkCalls(t, p)
}

func TestTargets(t *testing.T) {
	config := func(text string) machine.Config {
		c, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	base := `{"image":"i","metadata":{"fly_release_id":"r1","fly_release_version":"1","a":"b"},` +
		`"mounts":[{"volume":"vol_1","path":"/data"}]}`
	released := `{"image":"i","metadata":{"fly_release_id":"r2","fly_release_version":"2","a":"b"},` +
		`"mounts":[{"volume":"vol_1","path":"/data"}]}`
	other := `{"image":"i","metadata":{"fly_release_id":"r1","fly_release_version":"1","a":"c"},` +
		`"mounts":[{"volume":"vol_1","path":"/data"}]}`
	moved := `{"image":"i","metadata":{"a":"b"},"mounts":[{"volume":"vol_2","path":"/data"}]}`
	elsewhere := `{"image":"i","metadata":{"a":"b"},"mounts":[{"volume":"vol_2","path":"/else"}]}`
	for _, test := range []struct {
		name, config    string
		update, created bool // the target is that of base
	}{
		{"the same", base, true, true},
		{"another release", released, true, true},
		{"other metadata", other, false, false},
		{"another volume", moved, false, true},
		{"another path", elsewhere, false, false},
		{"odd metadata", `{"image":"i","metadata":[1],"mounts":1}`, false, false},
	} {
		if got := UpdateTarget("0a", config(base)) == UpdateTarget("0a", config(test.config)); got != test.update {
			t.Errorf("%s: same target of an update: %t", test.name, got)
		}
		if got := (NewMachine{Config: config(base),
			Region: "iad"}).Target() == (NewMachine{Config: config(test.config), Region: "iad"}).Target(); got != test.created {
			t.Errorf("%s: same target of a new Machine: %t", test.name, got)
		}
	}
	yes := true
	for volume, want := range map[*NewVolume]string{
		{Name: "data", Region: "iad", SizeGB: 3, Encrypted: true}: "data@iad:3GB",
		{Name: "data", Region: "iad", SizeGB: 3, SnapshotRetention: 9, AutoBackup: &yes,
			Image: "i"}: "data@iad:3GB:unencrypted:9 days:snapshots=true",
	} {
		if got := volume.Target(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	release := NewRelease{Definition: json.RawMessage(`{"app":"a"}`), Image: "i", Strategy: "ROLLING"}
	same, changed := release, release
	same.Strategy, changed.Definition = "rolling", json.RawMessage(`{"app":"b"}`)
	if release.Target() != same.Target() || release.Target() == changed.Target() {
		t.Error(release.Target(), same.Target(), changed.Target())
	}
}

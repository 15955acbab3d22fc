package flysim_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// update sends the Machine's own configuration back to it, changed by edit.
func update(t *testing.T, p *flysim.Platform, edit func(config map[string]any), extra map[string]any,
	headers ...string) reply {
	t.Helper()
	var m struct {
		Config map[string]any `json:"config"`
	}
	if err := json.Unmarshal(ask(t, p, "GET", shop+"/machines/"+shopA, "").body, &m); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(m.Config)
	}
	in := map[string]any{"config": m.Config}
	for key, value := range extra {
		in[key] = value
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, p, "POST", shop+"/machines/"+shopA, string(body), headers...)
}

func TestUpdate(t *testing.T) {
	p := seeded(t, flysim.Options{})
	before := p.Machine("shop-api", shopA)
	got := update(t, p, func(config map[string]any) {
		config["from_next_year"] = map[string]any{"depth": []any{1.0, "two"}}
		delete(config, "guest")
		service := config["services"].([]any)[0].(map[string]any)
		service["autostop"] = "stop"
		service["auto_stop_machines"] = "off"
		service["auto_start_machines"] = false
		service["new_proxy_field"] = true
	}, map[string]any{"current_version": before.InstanceID, "unknown_input": 1})
	wantStatus(t, got, 200)
	wantBody(t, got, "config.from_next_year.depth.1", "two")
	wantBody(t, got, "config.guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":256}`)
	wantBody(t, got, "config.services.0.autostop", "true")
	wantBody(t, got, "config.services.0.auto_stop_machines", "null")
	wantBody(t, got, "config.services.0.auto_start_machines", "null")
	wantBody(t, got, "config.services.0.new_proxy_field", "true")
	after := p.Machine("shop-api", shopA)
	if after.InstanceID <= before.InstanceID || len(after.Events) <= len(before.Events) || after.State != "started" {
		t.Errorf("after the update: %+v", after)
	}
	got = update(t, p, nil, map[string]any{"current_version": before.InstanceID})
	wantStatus(t, got, 412)
	if now := p.Machine("shop-api", shopA); now.InstanceID != after.InstanceID {
		t.Error("an update against an old version took effect")
	}
	for name, edit := range map[string]func(map[string]any){
		"no image":        func(c map[string]any) { delete(c, "image") },
		"autostop word":   func(c map[string]any) { c["services"].([]any)[0].(map[string]any)["autostop"] = "maybe" },
		"services a text": func(c map[string]any) { c["services"] = "none" },
	} {
		if got := update(t, p, edit, nil); got.status != 400 {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA, `{"config":null}`), 400)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA, `{`), 400)
}

func TestUpdateOfStopped(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.StopMachine("shop-api", shopA)
	wantBody(t, update(t, p, nil, map[string]any{"skip_launch": true}), "state", "stopped")
	got := update(t, p, nil, nil)
	wantBody(t, got, "state", "started")
	wantBody(t, got, "events.0.type", "start")
	wantBody(t, got, "events.1.type", "launch") // flyctl looks for a start event after a launch event
	wantBody(t, update(t, p, nil, map[string]any{"skip_launch": true}), "state", "stopped")
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/suspend", ""), 412) // a stopped Machine cannot be suspended
	p.StartMachine("shop-api", shopA)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/suspend", ""), 200)
	wantBody(t, update(t, p, nil, map[string]any{"skip_launch": true}), "state", "stopped")
}

func TestLease(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock})
	lease := shop + "/machines/" + shopA + "/lease"
	wantStatus(t, ask(t, p, "GET", lease, ""), 404)
	got := ask(t, p, "POST", lease+"?ttl=13", "")
	wantStatus(t, got, 201)
	wantBody(t, got, "status", "success")
	mine := got.get(t, "data.nonce")
	wantBody(t, ask(t, p, "GET", lease, ""), "data.nonce", mine)

	want := "machine ID " + shopA + " lease currently held by dev@example.com, expires at 2026-11-22T12:00:13Z"
	for name, refused := range map[string]reply{
		"lease":         ask(t, p, "POST", lease+"?ttl=13", ""),
		"foreign nonce": ask(t, p, "POST", lease+"?ttl=13", "", leaseHeader, "0123"),
		"update":        update(t, p, nil, nil),
		"start":         ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""),
		"stop":          ask(t, p, "POST", shop+"/machines/"+shopA+"/stop", "{}"),
		"release":       ask(t, p, "DELETE", lease, ""),
	} {
		if refused.status != http.StatusConflict || refused.get(t, "error") != want {
			t.Errorf("%s: %d %s", name, refused.status, refused.body)
		}
	}
	wantStatus(t, update(t, p, nil, nil, leaseHeader, mine), 200)

	clock.Advance(10 * time.Second)
	got = ask(t, p, "POST", lease+"?ttl=13", "", leaseHeader, mine)
	wantStatus(t, got, 201)
	wantBody(t, got, "data.nonce", mine)
	clock.Advance(12 * time.Second) // past the first expiry, before the extended one
	wantStatus(t, update(t, p, nil, nil, leaseHeader, mine), 200)
	clock.Advance(time.Second)
	wantStatus(t, ask(t, p, "GET", lease, ""), 404)
	wantStatus(t, update(t, p, nil, nil, leaseHeader, mine), 409) // an expired lease no longer permits changes
	wantStatus(t, update(t, p, nil, nil), 200)
	wantStatus(t, ask(t, p, "DELETE", lease, "", leaseHeader, mine), 404)

	other := p.HoldLease("shop-api", shopA, "ci@tokens.fly.io", time.Minute)
	wantStatus(t, ask(t, p, "POST", lease+"?ttl=13", ""), 409)
	wantStatus(t, ask(t, p, "DELETE", lease, "", leaseHeader, other), 200)
	wantStatus(t, ask(t, p, "POST", lease+"?ttl=0", ""), 400)
}

func TestWait(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, StartDelay: 4 * time.Second, CheckDelay: 3 * time.Second,
		StrictWait: true})
	wait := shop + "/machines/" + shopA + "/wait"
	wantStatus(t, ask(t, p, "GET", wait+"?state=started&timeout=60", ""), 200)
	for path, want := range map[string]int{
		wait + "?state=started&timeout=61":                        400,
		wait + "?state=started&timeout=0":                         400,
		wait + "?state=flying":                                    400,
		wait + "?state=stopped":                                   400,
		wait + "?state=started&instance_id=01NEVER":               404,
		shop + "/machines/00000000000000/wait?state=started":      404,
		"/v1/apps/no-such/machines/" + shopA + "/wait?state=stop": 400,
	} {
		if got := ask(t, p, "GET", path, ""); got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.body)
		}
	}
	wantBody(t, ask(t, p, "GET", wait+"?state=stopped", ""), "error",
		"instance_id required when waiting for stopped machine")

	old := p.Machine("shop-api", shopA).InstanceID
	wantBody(t, update(t, p, nil, nil), "state", "replacing")
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""), 412)
	wantStatus(t, ask(t, p, "GET", wait+"?state=stopped&instance_id="+old, ""), 200) // that version was replaced

	answers := make(chan reply)
	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=5", "") }()
	advance(p, "machine.wait", 4*time.Second)
	wantStatus(t, <-answers, 200)
	got := ask(t, p, "GET", shop+"/machines/"+shopA, "")
	wantBody(t, got, "state", "started")
	wantBody(t, got, "checks.0.status", "warning")
	clock.Advance(3 * time.Second)
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA, ""), "checks.0.status", "passing")

	p.StopMachine("shop-api", shopA)
	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=7", "") }()
	advance(p, "machine.wait", 7*time.Second)
	got = <-answers
	wantStatus(t, got, 408)
	wantBody(t, got, "error", "machine failed to reach desired state, started, currently stopped")

	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=60", "") }()
	advance(p, "machine.wait", time.Second)
	p.StartMachine("shop-api", shopA) // a change by another user ends the wait too
	advance(p, "machine.wait", 4*time.Second)
	wantStatus(t, <-answers, 200)
}

// advance moves the clock once a call of the operation has arrived and is not answered yet.
func advance(p *flysim.Platform, operation string, d time.Duration) {
	for ; ; runtime.Gosched() {
		calls := p.Calls()
		if len(calls) == 0 {
			continue
		}
		if last := calls[len(calls)-1]; last.Operation == operation && last.Status == 0 {
			p.Clock().Advance(d)
			return
		}
	}
}

func TestFailures(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.FailMachine("shop-api", shopA, flysim.FailExit, flysim.FailLaunch, flysim.FailChecks)
	got := update(t, p, nil, nil)
	wantBody(t, got, "state", "stopped")
	wantBody(t, got, "events.0.type", "exit")
	wantBody(t, got, "events.0.request.exit_event.exit_code", "1")
	wantBody(t, got, "events.0.request.exit_event.requested_stop", "false")
	wantBody(t, update(t, p, nil, nil), "state", "failed")
	got = update(t, p, nil, nil)
	wantBody(t, got, "state", "started")
	wantBody(t, got, "checks.0.status", "critical")
	wantBody(t, update(t, p, nil, nil), "checks.0.status", "passing")

	p.SetListen("shop-api", shopA, []string{"127.0.0.1:8080"})
	got = ask(t, p, "GET", shop+"/machines/"+shopA+"/ps", "")
	wantBody(t, got, "0.listen_sockets.0.address", "127.0.0.1:8080")
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA, ""), "checks.0.status", "critical")
	p.StopMachine("shop-api", shopA)
	wantStatus(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/ps", ""), 412)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/stop", ""), 400)
	wantBody(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""), "previous_state", "stopped")
}

func TestMachineLife(t *testing.T) {
	p := seeded(t, flysim.Options{})
	got := ask(t, p, "POST", shop+"/machines", `{"config":{"image":"nginx"},"region":"fra","lease_ttl":30}`)
	wantStatus(t, got, 200)
	wantBody(t, got, "image_ref.repository", "library/nginx")
	id, held := got.get(t, "id"), got.get(t, "nonce")
	one := shop + "/machines/" + id
	wantBody(t, ask(t, p, "GET", one, ""), "nonce", "null") // flyctl takes a nonce in a list for its own lease
	wantStatus(t, ask(t, p, "POST", one+"/cordon", ""), 409)
	wantStatus(t, ask(t, p, "POST", one+"/cordon", "", leaseHeader, held), 200)
	wantBody(t, ask(t, p, "GET", one, ""), "cordoned", "true")
	wantStatus(t, ask(t, p, "POST", one+"/suspend", "", leaseHeader, held), 200)
	wantStatus(t, ask(t, p, "POST", one+"/start", "", leaseHeader, held), 200)
	wantStatus(t, ask(t, p, "DELETE", one, "", leaseHeader, held), 412)
	wantStatus(t, ask(t, p, "DELETE", one+"?kill=true", "", leaseHeader, held), 200)
	wantBody(t, ask(t, p, "GET", one, ""), "state", "destroyed")
	if ids := p.MachineIDs("shop-api"); len(ids) != 2 {
		t.Errorf("Machines: %v", ids)
	}
	wantStatus(t, ask(t, p, "POST", one+"/start", ""), 412)
}

func TestActors(t *testing.T) {
	p := flysim.New(flysim.Options{StartDelay: time.Second, Clock: flysim.NewClock(func() time.Time { return startTime })})
	p.AddApp("other", "partner", "edge")
	config, err := spec.Parse(
		[]byte(`{"image":"nginx","services":[{"internal_port":80},{"internal_port":53,"protocol":"udp"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	id := p.AddMachine("other", "fra", config)
	if got := p.Machine("other", id); got.State != "starting" || got.Region != "fra" {
		t.Errorf("%+v", got)
	}
	p.Clock().Advance(time.Second)
	got := ask(t, p, "GET", "/v1/apps/other/machines/"+id+"/ps", "")
	wantBody(t, got, "0.listen_sockets.0.address", "0.0.0.0:80")
	wantBody(t, got, "0.listen_sockets.1.proto", "udp")
	ip := p.AddAddress("other", "private_v6", "", "edge")
	if want := p.Machine("other", id).PrivateIP[:len("fdaa:9:7001:")]; ip[:len(want)] != want {
		t.Errorf("Flycast address %s and Machine on %s… are on different networks", ip, want)
	}
	changed, err := config.With("env", map[string]string{"A": "b"})
	if err != nil {
		t.Fatal(err)
	}
	p.SetMachineConfig("other", id, changed)
	wantBody(t, ask(t, p, "GET", "/v1/apps/other/machines/"+id, ""), "config.env.A", "b")
	held := p.HoldLease("other", id, "x@tokens.fly.io", time.Minute)
	if p.Machine("other", id).LeaseOwner != "x@tokens.fly.io" || held == "" {
		t.Error("the lease is not held")
	}
	p.DropLease("other", id)
	p.DestroyMachine("other", id)
	if got := p.Machine("other", id); got.LeaseOwner != "" || got.State != "destroyed" || len(p.MachineIDs("other")) != 0 {
		t.Errorf("%+v", got)
	}
	wantBody(t, ask(t, p, "GET", "/v1/apps?org_slug=partner", ""), "apps.0.network", "edge")
}

func TestMachinesThroughFlyGo(t *testing.T) {
	ctx := t.Context()
	p := seeded(t, flysim.Options{})
	_, rest := clients(t, p)
	lease, err := rest.AcquireLease(ctx, "shop-api", shopA, fly.IntPointer(30))
	if err != nil || lease.Status != "success" || lease.Data.Nonce == "" || lease.Data.ExpiresAt != startTime.Unix()+30 {
		t.Fatalf("%+v, %v", lease, err)
	}
	m, err := rest.Get(ctx, "shop-api", shopA)
	if err != nil || !m.IsFlyAppsPlatform() || m.ProcessGroup() != "app" || len(m.Config.Services) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	m.Config.Services[0].Autostop = fly.Pointer(fly.MachineAutostopStop)
	updated, err := rest.Update(ctx, "shop-api", fly.LaunchMachineInput{ID: shopA, Config: m.Config}, lease.Data.Nonce)
	if err != nil || updated.InstanceID == m.InstanceID ||
		*updated.Config.Services[0].Autostop != fly.MachineAutostopStop {
		t.Fatalf("%+v, %v", updated, err)
	}
	if err := rest.Wait(ctx, "shop-api", shopA, flaps.WithWaitVersion(updated.InstanceID)); err != nil {
		t.Error(err)
	}
	if err := rest.Stop(ctx, "shop-api", fly.StopMachineInput{ID: shopA}, lease.Data.Nonce); err != nil {
		t.Error(err)
	}
	if err := rest.Wait(ctx, "shop-api", shopA, flaps.WithWaitStates("stopped"),
		flaps.WithWaitVersion(updated.InstanceID)); err != nil {
		t.Error(err)
	}
	if started, err := rest.Start(ctx, "shop-api", shopA, lease.Data.Nonce); err != nil ||
		started.PreviousState != "stopped" {
		t.Errorf("%+v, %v", started, err)
	}
	if processes, err := rest.GetProcesses(ctx, "shop-api", shopA); err != nil ||
		processes[0].ListenSockets[0].Address != "0.0.0.0:8080" {
		t.Errorf("%+v, %v", processes, err)
	}
	if _, err := rest.RefreshLease(ctx, "shop-api", shopA, fly.IntPointer(60), lease.Data.Nonce); err != nil {
		t.Error(err)
	}
	if err := rest.ReleaseLease(ctx, "shop-api", shopA, lease.Data.Nonce); err != nil {
		t.Error(err)
	}
	var refusal *flaps.FlapsError
	if _, err := rest.FindLease(ctx, "shop-api", shopA); !errors.As(err, &refusal) ||
		refusal.ResponseStatusCode != 404 || refusal.FlyRequestId == "" {
		t.Errorf("%+v, %v", refusal, err)
	}
}

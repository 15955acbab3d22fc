package flysim_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// exitEvents returns the exit events of a Machine, newest first.
func exitEvents(t *testing.T, p *flysim.Platform, app, id string) []fly.MachineEvent {
	t.Helper()
	var events, exits []fly.MachineEvent
	if err := json.Unmarshal(ask(t, p, "GET", "/v1/apps/"+app+"/machines/"+id+"/events?limit=50", "").body,
		&events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Type == "exit" && !e.Request.ExitEvent.RequestedStop {
			exits = append(exits, e)
		}
	}
	return exits
}

func TestCrashLoop(t *testing.T) {
	tests := []struct {
		name, restart string
		failure       flysim.Failure
		code          int
		exits         int // in ten minutes
		state         string
	}{
		{"default", `null`, flysim.FailCrash, 1, 11, "stopped"},
		{"three retries", `{"policy":"on-failure","max_retries":3}`, flysim.FailCrash, 1, 4, "stopped"},
		{"never", `{"policy":"no"}`, flysim.FailCrash, 1, 1, "stopped"},
		{"out of memory", `{"policy":"on-failure","max_retries":2}`, flysim.FailOOM, 137, 3, "stopped"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := flysim.NewClock(func() time.Time { return startTime })
			p := seeded(t, flysim.Options{Clock: clock, CrashAfter: 2 * time.Second})
			p.FailMachine("shop-api", shopA, test.failure)
			got := update(t, p, func(config map[string]any) { config["restart"] = json.RawMessage(test.restart) }, nil)
			wantBody(t, got, "state", "started")
			clock.Advance(2 * time.Second)
			first := exitEvents(t, p, "shop-api", shopA)
			if len(first) != 1 {
				t.Fatalf("%d exits after the first run", len(first))
			}
			again := test.exits > 1
			exit := first[0].Request.ExitEvent
			if exit.ExitCode != test.code || exit.OOMKilled != (test.failure == flysim.FailOOM) || exit.Restarting != again {
				t.Errorf("exit %+v", exit)
			}
			if want := map[bool]string{true: "restarting", false: "stopped"}[again]; p.Machine("shop-api", shopA).State != want {
				t.Errorf("state %s, want %s", p.Machine("shop-api", shopA).State, want)
			}
			clock.Advance(10 * time.Minute)
			all := exitEvents(t, p, "shop-api", shopA)
			if got := p.Machine("shop-api", shopA).State; len(all) != test.exits || got != test.state {
				t.Errorf("%d exits and state %s, want %d and %s", len(all), got, test.exits, test.state)
			}
			if last := all[0].Request; last.RestartCount != test.exits-1 || last.ExitEvent.Restarting {
				t.Errorf("last exit: %+v, %+v", last, last.ExitEvent)
			}
			// The next launch succeeds.
			wantBody(t, update(t, p, nil, nil), "state", "started")
			clock.Advance(time.Hour)
			if now := len(exitEvents(t, p, "shop-api", shopA)); now != test.exits {
				t.Errorf("%d exits after a good update, want %d", now, test.exits)
			}
		})
	}
}

func TestCrashLoopWithoutEnd(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, StartDelay: time.Second})
	p.FailMachine("shop-api", shopA, flysim.FailCrash)
	update(t, p, func(config map[string]any) { config["restart"] = map[string]any{"policy": "always"} }, nil)
	clock.Advance(24 * time.Hour)
	if got := p.Machine("shop-api", shopA); got.State != "restarting" || len(got.Events) != 50 {
		t.Errorf("%s, %d events", got.State, len(got.Events))
	}
	p.StopMachine("shop-api", shopA)
	clock.Advance(time.Hour)
	if got := p.Machine("shop-api", shopA).State; got != "stopped" {
		t.Errorf("a stopped Machine is %s", got)
	}
}

// TestWaitForACrash checks that changes by the platform itself end a wait.
func TestWaitForACrash(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, CrashAfter: 2 * time.Second})
	p.FailMachine("shop-api", shopA, flysim.FailCrash)
	update(t, p, func(config map[string]any) { config["restart"] = map[string]any{"policy": "no"} }, nil)
	id := p.Machine("shop-api", shopA).InstanceID
	answers := make(chan reply)
	go func() {
		answers <- ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?timeout=60&state=stopped&instance_id="+id, "")
	}()
	advance(p, "machine.wait", 2*time.Second)
	wantStatus(t, <-answers, 200)
}

// TestOnWait moves a stopped clock to the end of each wait: when the Machine changes, or when the
// timeout is reached.
func TestOnWait(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	var asked []time.Duration
	p := seeded(t, flysim.Options{Clock: clock, StartDelay: 3 * time.Second, OnWait: func(until time.Time) {
		asked = append(asked, until.Sub(startTime))
		clock.Advance(until.Sub(clock.Now()))
	}})
	one := shop + "/machines/" + shopA
	wantStatus(t, ask(t, p, "GET", one+"/wait?state=started", ""), 200)
	if len(asked) > 0 {
		t.Errorf("asked for %v with nothing to wait for", asked)
	}
	wantStatus(t, ask(t, p, "POST", one+"/restart", ""), 200)
	wantStatus(t, ask(t, p, "GET", one+"/wait?state=started", ""), 200)
	wantStatus(t, ask(t, p, "GET", one+"/wait?state=stopped&timeout=10", ""), 408)
	if want := []time.Duration{3 * time.Second, 13 * time.Second}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

func TestRestartAndSignal(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, StartDelay: time.Second})
	_, rest := clients(t, p)
	one := shop + "/machines/" + shopA
	if err := rest.Restart(t.Context(), "shop-api", fly.RestartMachineInput{ID: shopA}, ""); err != nil {
		t.Fatal(err)
	}
	wantBody(t, ask(t, p, "GET", one, ""), "state", "restarting")
	wantStatus(t, ask(t, p, "POST", one+"/restart", ""), 412)
	clock.Advance(time.Second)
	wantBody(t, ask(t, p, "GET", one, ""), "state", "started")

	for body, want := range map[string]int{`{"signal":"SIGUSR1"}`: 200, `{"signal":"SIGFOO"}`: 400, `{}`: 400,
		`{"signal":[9]}`: 400, `{"signal":99}`: 400} {
		wantStatus(t, ask(t, p, "POST", one+"/signal", body), want)
	}
	wantBody(t, ask(t, p, "GET", one, ""), "state", "started")
	if err := rest.Kill(t.Context(), "shop-api", shopA); err != nil {
		t.Fatal(err)
	}
	if got := exitEvents(t, p, "shop-api", shopA); len(got) != 1 || got[0].Request.ExitEvent.ExitCode != 137 ||
		!got[0].Request.ExitEvent.Restarting {
		t.Errorf("exits %+v", got)
	}
	clock.Advance(time.Minute)
	wantBody(t, ask(t, p, "GET", one, ""), "state", "started")
	p.StopMachine("shop-api", shopA)
	wantStatus(t, ask(t, p, "POST", one+"/signal", `{"signal":"SIGTERM"}`), 412)
	p.HoldLease("shop-api", shopA, "x", time.Hour)
	wantStatus(t, ask(t, p, "POST", one+"/restart", ""), 409)
}

func TestMetadata(t *testing.T) {
	p := seeded(t, flysim.Options{})
	_, rest := clients(t, p)
	before := p.Machine("shop-api", shopA)
	p.HoldLease("shop-api", shopA, "x", time.Hour) // not checked here
	if err := rest.SetMetadata(t.Context(), "shop-api", shopA, "colour", "blue"); err != nil {
		t.Fatal(err)
	}
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA, ""), "config.metadata.colour", "blue")
	got, err := rest.GetMetadata(t.Context(), "shop-api", shopA)
	if err != nil || got["colour"] != "blue" || got["fly_process_group"] != "app" {
		t.Errorf("%v, %v", got, err)
	}
	if err := rest.DeleteMetadata(t.Context(), "shop-api", shopA, "colour"); err != nil {
		t.Error(err)
	}
	after := p.Machine("shop-api", shopA)
	if after.InstanceID != before.InstanceID || after.State != before.State || !sameJSON(t, after.Config, before.Config) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/metadata/colour", `{}`), 400)
}

func TestUnroutedMachine(t *testing.T) {
	p := seeded(t, flysim.Options{})
	got := ask(t, p, "POST", shop+"/machines",
		`{"config":{"image":"nginx"},"region":"fra","skip_service_registration":true}`)
	wantBody(t, got, "cordoned", "true")
	id := got.get(t, "id")
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+id+"/uncordon", ""), 200)
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+id, ""), "cordoned", "false")
}

func TestMachineLag(t *testing.T) {
	p := seeded(t, flysim.Options{MachineLag: 2})
	count := func() (n int) {
		t.Helper()
		var list []json.RawMessage
		if err := json.Unmarshal(ask(t, p, "GET", shop+"/machines", "").body, &list); err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	id := ask(t, p, "POST", shop+"/machines", `{"config":{"image":"nginx"}}`).get(t, "id")
	wantStatus(t, ask(t, p, "GET", shop+"/machines/"+id, ""), 200)
	for i, want := range []int{2, 2, 3, 3} {
		if got := count(); got != want {
			t.Errorf("list %d: %d Machines, want %d", i, got, want)
		}
	}
}

func TestSetCheck(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const name = "servicecheck-00-http-8080"
	one := shop + "/machines/" + shopA
	p.SetCheck("shop-api", shopA, name, "critical")
	wantBody(t, ask(t, p, "GET", one, ""), "checks.0.status", "critical")
	if p.Machine("shop-api", shopA).ChecksPassing || !p.Machine("shop-api", shopB).ChecksPassing {
		t.Error("the true state differs")
	}
	p.SetCheck("shop-api", shopA, name, "")
	wantBody(t, ask(t, p, "GET", one, ""), "checks.0.status", "passing")
}

func TestHosts(t *testing.T) {
	p := seeded(t, flysim.Options{})
	one := shop + "/machines/" + shopA
	p.SetHost("shop-api", shopA, "unreachable")
	got := ask(t, p, "GET", one, "")
	wantBody(t, got, "host_status", "unreachable")
	wantBody(t, got, "config", "null")
	wantBody(t, got, "incomplete_config.metadata.fly_process_group", "app")
	wantBody(t, got, "incomplete_config.services", "null")
	for _, path := range []string{"/stop", "/start", "/cordon"} {
		wantStatus(t, ask(t, p, "POST", one+path, "{}"), 503)
	}
	p.SetHost("shop-api", shopA, "ok")
	wantBody(t, ask(t, p, "GET", one, ""), "incomplete_config", "null")
	wantStatus(t, ask(t, p, "POST", one+"/cordon", ""), 200)

	before := p.Machine("shop-api", shopA)
	p.Inject(flysim.NoCapacity("machine.update"))
	got = update(t, p, nil, nil)
	wantStatus(t, got, 409)
	wantBody(t, got, "error",
		"aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the "+
			"current host")
	p.Inject(flysim.HostClosed("machine.update"))
	got = update(t, p, nil, nil)
	wantStatus(t, got, 409)
	wantBody(t, got, "error", "aborted: deploys to this host are temporarily disabled")
	if after := p.Machine("shop-api", shopA); after.InstanceID != before.InstanceID || after.State != before.State {
		t.Errorf("refused updates changed %+v to %+v", before, after)
	}
}

func TestVersions(t *testing.T) {
	p := seeded(t, flysim.Options{})
	before := p.Machine("shop-api", shopA)
	update(t, p, func(config map[string]any) { config["env"] = map[string]any{"A": "b"} }, nil)
	got := ask(t, p, "GET", shop+"/machines/"+shopA+"/versions", "")
	wantBody(t, got, "0.version", p.Machine("shop-api", shopA).InstanceID)
	wantBody(t, got, "0.user_config.env.A", "b")
	wantBody(t, got, "1.version", before.InstanceID)
	wantBody(t, got, "1.user_config.image", before.Config.Image())
}

// TestReleaseViews compares a release in uiex with the same release that flyctl reads through
// GraphQL.
func TestReleaseViews(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.AddApp("newborn", "personal", "")
	const views = `query($a: String!) { app(name: $a) { status deployed
		currentReleaseUnprocessed { id version status imageRef deploymentStrategy inProgress configDefinition }
		releasesUnprocessed(first: 1) { nodes { id version status } } } }`
	check := func(id, status, inProgress, app string) {
		t.Helper()
		got := graphQuery(t, p, views, map[string]any{"a": "newborn"})
		for path, want := range map[string]string{
			"currentReleaseUnprocessed.id": id, "currentReleaseUnprocessed.status": status,
			"currentReleaseUnprocessed.version":    "1",
			"currentReleaseUnprocessed.inProgress": inProgress, "currentReleaseUnprocessed.imageRef": "nginx:1",
			"currentReleaseUnprocessed.deploymentStrategy":            "CANARY",
			"currentReleaseUnprocessed.configDefinition.services.0.a": "1",
			"releasesUnprocessed.nodes.0.id":                          id,
			"releasesUnprocessed.nodes.0.status":                      status, "status": app,
		} {
			wantBody(t, got, "data.app."+path, want)
		}
		if truth := p.Releases("newborn"); len(truth) != 1 || truth[0].ID != id || truth[0].Status != status ||
			truth[0].Strategy != "CANARY" {
			t.Errorf("truth %+v", truth)
		}
	}
	wantStatus(t, ask(t, p, "POST", "/api/v1/releases", `{"app_name":"newborn","strategy":"hope","definition":{}}`), 400)
	got := ask(t, p, "POST", "/api/v1/releases",
		`{"app_name":"newborn","strategy":"canary","image":"nginx:1","definition":{"services":[{"a":1}]}}`)
	wantStatus(t, got, 201)
	id := got.get(t, "release.id")
	check(id, "pending", "true", "pending")
	for _, step := range []struct{ status, inProgress, app string }{
		{"running", "true", "pending"}, {"failed", "false", "pending"}, {"interrupted", "false", "pending"},
		{"complete", "false", "deployed"}, {"failed", "false", "deployed"},
	} {
		got := ask(t, p, "PATCH", "/api/v1/releases/"+id, `{"status":"`+step.status+`","metadata":null}`)
		wantStatus(t, got, 200)
		wantBody(t, got, "status", step.status)
		check(id, step.status, step.inProgress, step.app)
	}
	wantStatus(t, ask(t, p, "PATCH", "/api/v1/releases/"+id, `{"status":"great"}`), 400)
	check(id, "failed", "false", "deployed")
	wantStatus(t, ask(t, p, "PATCH", "/api/v1/releases/rel_none", `{"status":"complete"}`), 404)
}

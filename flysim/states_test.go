package flysim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestTransitions checks that each change takes its time, and that the intermediate state refuses
// what is not possible in it.
func TestTransitions(t *testing.T) {
	delays := flysim.Options{
		CreateDelay: 6 * time.Second, StartDelay: 2 * time.Second, StopDelay: 3 * time.Second, SuspendDelay: 4 * time.Second,
		ResumeDelay: time.Second, UpdateDelay: 5 * time.Second, DestroyDelay: 2 * time.Second,
	}
	tests := []struct {
		name    string
		rest    string // the initial state
		change  string
		visible []string // "seconds state" as time goes
		refused []string // right after the change
		allowed []string
	}{
		{"start", "stopped", "POST {one}/start", []string{"0 starting", "1 starting", "2 started"},
			[]string{"POST {one}/restart", "POST {one}/suspend", "DELETE {one}"}, []string{"POST {one}/start",
				"POST {one}/stop {}"}},
		{"resume", "suspended", "POST {one}/start", []string{"0 starting", "1 started"}, nil, nil},
		{"stop", "started", "POST {one}/stop {}", []string{"0 stopping", "2 stopping", "3 stopped"},
			[]string{"POST {one}/start", "DELETE {one}", "POST {one}/suspend"}, []string{"POST {one}/stop {}"}},
		{"stop that is cut short", "started", `POST {one}/stop {"timeout":"1s"}`, []string{"0 stopping",
			"1 stopped"}, nil, nil},
		{"kill", "started", `POST {one}/stop {"signal":"SIGKILL"}`, []string{"0 stopped"}, nil, nil},
		{"suspend", "started", "POST {one}/suspend", []string{"0 suspending", "3 suspending", "4 suspended"},
			[]string{"POST {one}/start", "POST {one}/restart"}, []string{"POST {one}/suspend"}},
		{"restart", "started", "POST {one}/restart", []string{"0 restarting", "4 restarting", "5 started"},
			[]string{"POST {one}/start", "POST {one}/restart"}, nil},
		{"restart by force", "started", "POST {one}/restart?force_stop=true", []string{"0 restarting",
			"2 started"}, nil, nil},
		{"update", "started", `POST {one} {"config":{"image":"nginx:2"}}`, []string{"0 replacing", "9 replacing",
			"10 started"}, []string{"POST {one}/start", "POST {one}/restart"}, []string{"POST {one}/cordon"}},
		{"update of a stopped one", "stopped", `POST {one} {"config":{"image":"nginx:2"}}`,
			[]string{"0 replacing", "6 replacing", "7 started"}, nil, nil},
		{"update without launch", "suspended", `POST {one} {"config":{"image":"nginx:2"},"skip_launch":true}`,
			[]string{"0 replacing", "4 replacing", "5 stopped"}, []string{"POST {one}/start"}, nil},
		{"destroy", "stopped", "DELETE {one}", []string{"0 destroying", "2 destroyed"},
			[]string{"POST {one}/start", "POST {one}/stop {}", `POST {one} {"config":{"image":"x"}}`}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			prepare := func() *demoApp {
				w := newDemoApp(t, delays)
				w.Clock().Advance(time.Minute)
				switch test.rest {
				case "stopped":
					w.do("POST {one}/stop {}")
				case "suspended":
					w.do("POST {one}/suspend")
				}
				w.Clock().Advance(time.Minute)
				if got := w.Machine("demo", w.machine).State; got != test.rest {
					t.Fatalf("begins %s", got)
				}
				w.do(test.change)
				return w
			}
			w, passed := prepare(), 0
			for _, line := range test.visible {
				at, state := 0, ""
				if _, err := fmt.Sscan(line, &at, &state); err != nil {
					t.Fatal(err)
				}
				w.Clock().Advance(time.Duration(at-passed) * time.Second)
				passed = at
				if got := ask(t, w.Platform, "GET", w.fill("{one}"), "").get(t, "state"); got != state {
					t.Errorf("after %d s %s, want %s", at, got, state)
				}
			}
			for _, line := range test.refused {
				parts := strings.SplitN(prepare().fill(line)+" ", " ", 3)
				w := prepare()
				if got := ask(t, w.Platform, parts[0], parts[1], strings.TrimSpace(parts[2])); got.status != 412 {
					t.Errorf("%s: %d %s", line, got.status, got.body)
				}
			}
			for _, line := range test.allowed {
				prepare().do(line)
			}
		})
	}
}

// TestBirth checks that a new Machine stays created while its image is fetched.
func TestBirth(t *testing.T) {
	w := newDemoApp(t, flysim.Options{CreateDelay: 6 * time.Second, StartDelay: 2 * time.Second})
	if got := w.Machine("demo", w.machine).State; got != "created" {
		t.Errorf("it is first %s", got)
	}
	wantBody(t, ask(t, w.Platform, "POST", w.fill("{one}/start"), ""), "error",
		"failed_precondition: unable to start machine from current state: 'created'")
	w.Clock().Advance(6 * time.Second)
	if got := w.Machine("demo", w.machine).State; got != "starting" {
		t.Errorf("then it is %s", got)
	}
	id := w.do(`POST {app}/machines {"config":{"image":"nginx"},"skip_launch":true}`).get(t, "id")
	answers := make(chan reply)
	go func() {
		answers <- ask(t, w.Platform, "GET", "/v1/apps/demo/machines/"+id+"/wait?state=stopped", "")
	}()
	advance(w.Platform, "machine.wait", 6*time.Second) // flyctl waits for that before a release command
	wantStatus(t, <-answers, 200)
	w.do("POST {app}/machines/" + id + "/start")
}

// TestKilledExit checks that a program which does not end in time is killed.
func TestKilledExit(t *testing.T) {
	w := newDemoApp(t, flysim.Options{StopDelay: time.Hour})
	w.do("POST {one}/stop {}")
	w.Clock().Advance(5 * time.Second) // kill_timeout is 5 seconds
	got := w.do("GET {one}/events")
	wantBody(t, got, "0.request.exit_event.exit_code", "137")
	wantBody(t, got, "0.request.exit_event.requested_stop", "true")
	w.do("POST {one}/start")
	w.do(`POST {one} {"config":{"image":"x","stop_config":{"timeout":"20s","signal":"SIGTERM"}}}`)
	w.Clock().Advance(time.Minute)
	w.do("POST {one}/stop {}")
	w.Clock().Advance(19 * time.Second)
	if got := w.Machine("demo", w.machine).State; got != "stopping" {
		t.Errorf("%s before its timeout", got)
	}
	w.Clock().Advance(time.Second)
	if got := w.Machine("demo", w.machine).State; got != "stopped" {
		t.Errorf("%s after its timeout", got)
	}
}

// TestSuspendLimits checks that a Machine which cannot be suspended is stopped, and that an event
// says so.
func TestSuspendLimits(t *testing.T) {
	for config, want := range map[string]string{
		`{"image":"x","guest":{"memory_mb":2048}}`:                           "suspended",
		`{"image":"x","guest":{"memory_mb":4096}}`:                           "stopped",
		`{"image":"x","init":{"swap_size_mb":512}}`:                          "stopped",
		`{"image":"x","schedule":"daily"}`:                                   "stopped",
		`{"image":"x","guest":{"gpu_kind":"a10","gpus":1,"memory_mb":1024}}`: "stopped",
		`{"image":"x"}`: "suspended",
	} {
		w := newDemoApp(t, flysim.Options{})
		w.do(`POST {one} {"config":` + config + `}`)
		w.do("POST {one}/suspend")
		truth := w.Machine("demo", w.machine)
		recorded := slices.ContainsFunc(truth.Events, func(e string) bool {
			return strings.HasPrefix(e,
				"suspend stopped instead: ")
		})
		if truth.State != want || recorded != (want == "stopped") {
			t.Errorf("%s: %s, recorded %t: %v", config, truth.State, recorded, truth.Events)
		}
	}
}

// TestAutoDestroy checks that a Machine with auto_destroy is destroyed when its program ends, in
// any way, and not when it is updated.
func TestAutoDestroy(t *testing.T) {
	const vanishing = `{"config":{"image":"x","auto_destroy":true,"restart":{"policy":"no"}}}`
	for name, end := range map[string]func(*demoApp){
		"stopped":  func(w *demoApp) { w.do("POST {one}/stop {}") },
		"signaled": func(w *demoApp) { w.do(`POST {one}/signal {"signal":"SIGTERM"}`) },
		"crashed": func(w *demoApp) {
			w.FailMachine("demo", w.machine, flysim.FailCrash)
			w.do("POST {one} " + vanishing)
			w.Clock().Advance(time.Minute)
		},
	} {
		w := newDemoApp(t, flysim.Options{CrashAfter: time.Second})
		w.do("POST {one} " + vanishing)
		if got := w.Machine("demo", w.machine).State; got != "started" {
			t.Fatalf("%s: an update makes it %s", name, got)
		}
		end(w)
		got := w.do("GET {one}")
		wantBody(t, got, "state", "destroyed")
		wantBody(t, got, "events.0.type", "destroy")
		wantBody(t, got, "events.1.type", "exit")
	}
}

// TestReleaseCommand sends what flyctl sends for a release command.
func TestReleaseCommand(t *testing.T) {
	for _, failure := range []flysim.Failure{flysim.FailNone, flysim.FailExit} {
		w := newDemoApp(t, flysim.Options{StartDelay: time.Second})
		got := w.do(`POST {app}/machines {"skip_launch":true,"config":{"image":"x","auto_destroy":true,"restart":{"policy":"no"},
			"env":{"RELEASE_COMMAND":"1"},
			"metadata":{"fly_process_group":"fly_app_release_command","fly_platform_version":"v2"}}}`)
		one := "{app}/machines/" + got.get(t, "id")
		w.do("GET " + one + "/wait?state=stopped")
		w.FailMachine("demo", got.get(t, "id"), failure)
		w.do("POST " + one + "/start")
		w.Clock().Advance(time.Second)
		w.Clock().Advance(2 * time.Second)
		w.do("GET " + one + "/wait?state=destroyed")
		got = w.do("GET " + one)
		wantBody(t, got, "events.1.type", "exit")
		wantBody(t, got, "events.1.request.exit_event.exit_code", map[flysim.Failure]string{flysim.FailNone: "0",
			flysim.FailExit: "1"}[failure])
		wantBody(t, got, "events.2.type", "start")
	}
}

// TestWaitFromEvent checks that a wait counts a state that the Machine had since an event.
func TestWaitFromEvent(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	before := w.do("GET {one}/events").get(t, "0.id")
	w.do("POST {one}/stop {}")
	w.do("POST {one}/start")
	w.do("GET {one}/wait?state=stopped&from_event_id=" + before)
	now := w.do("GET {one}/events").get(t, "0.id")
	answers := make(chan reply)
	go func() {
		answers <- ask(t, w.Platform, "GET", w.fill("{one}/wait?state=started&timeout=3&from_event_id="+now), "")
	}()
	advance(w.Platform, "machine.wait", 3*time.Second)
	wantStatus(t, <-answers, 408) // nothing happened since
}

func TestKeepStopped(t *testing.T) {
	w := newDemoApp(t, flysim.Options{KeepStopped: true})
	wantBody(t, w.do(`POST {one} {"config":{"image":"x"}}`), "state", "started")
	w.do("POST {one}/stop {}")
	wantBody(t, w.do(`POST {one} {"config":{"image":"x"}}`), "state", "stopped")
}

func TestDropUnknown(t *testing.T) {
	w := newDemoApp(t, flysim.Options{DropUnknown: true})
	got := w.do(`POST {one} {"config":{"image":"x","from_next_year":1,"guest":{"cpus":1,"colour":"red"},
	"env":{"any":"thing"},
		"services":[{"internal_port":80,"new":1,"ports":[{"port":80,"new":1}]}],"checks":{"mine":{"port":80,"new":1}},
		"restart":{"policy":"no","new":1}}}`)
	for path, want := range map[string]string{
		"from_next_year": "null", "guest": `{"cpus":1}`, "env.any": "thing", "services.0.new": "null",
		"services.0.internal_port": "80",
		"services.0.ports.0":       `{"port":80}`, "checks.mine": `{"port":80}`, "restart": `{"policy":"no"}`,
	} {
		wantBody(t, got, "config."+path, want)
	}
	// A configuration with every field that flyctl sends loses nothing. Its mounts get the details
	// of the volume.
	whole, err := spec.Parse([]byte(strings.Replace(w.fill(demoConfig), `"path":"/data"`,
		`"path":"/data","name":"data","size_gb":3,"encrypted":true`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if w.do(`POST {one} {"config":{c}}`); !sameJSON(t, w.MachineConfig("demo", w.machine), whole) {
		t.Errorf("got %v, want %v", w.MachineConfig("demo", w.machine), whole)
	}
}

func TestLags(t *testing.T) {
	w := newDemoApp(t, flysim.Options{CreateLag: 2, AppLag: 1})
	one := w.fill("{one}")
	wantStatus(t, ask(t, w.Platform, "GET", one, ""), 404)
	wantStatus(t, ask(t, w.Platform, "GET", one+"/wait", ""), 404)
	wantStatus(t, ask(t, w.Platform, "GET", one, ""), 200)
	w.do(`POST /v1/apps {"name":"late","org_slug":"personal"}`)
	w.do("GET /v1/apps/late")
	wantBody(t, w.do("GET /v1/apps?org_slug=personal"), "total_apps", "1")
	wantBody(t, w.do("GET /v1/apps?org_slug=personal"), "total_apps", "2")
}

// TestBlueGreenSteps follows flyctl's bluegreen strategy through flyctl's own client.
func TestBlueGreenSteps(t *testing.T) {
	ctx := t.Context()
	w := newDemoApp(t, flysim.Options{})
	_, rest := clients(t, w.Platform)
	blue, err := rest.Get(ctx, "demo", w.machine)
	if err != nil {
		t.Fatal(err)
	}
	blue.Config.Mounts = nil
	green, err := rest.Launch(ctx, "demo", fly.LaunchMachineInput{Config: blue.Config, Region: "iad",
		SkipServiceRegistration: true, LeaseTTL: 300})
	if err != nil || green.LeaseNonce == "" || !green.Cordoned {
		t.Fatalf("%+v, %v", green, err)
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("wait for green", rest.Wait(ctx, "demo", green.ID, flaps.WithWaitStates("started")))
	green, err = rest.Get(ctx, "demo", green.ID)
	if err != nil || !green.AllHealthChecks().AllPassing() || len(green.Checks) != 2 || green.LeaseNonce != "" {
		t.Fatalf("%+v, %v", green, err)
	}
	lease, err := rest.FindLease(ctx, "demo", green.ID)
	must("find lease", err)
	must("uncordon", rest.Uncordon(ctx, "demo", green.ID, lease.Data.Nonce))
	must("tag", rest.SetMetadata(ctx, "demo", w.machine, "fly_bluegreen_deployment_tag", "safe_to_destroy"))
	must("cordon", rest.Cordon(ctx, "demo", w.machine, ""))
	must("stop", rest.Stop(ctx, "demo", fly.StopMachineInput{ID: w.machine, Timeout: fly.Duration{}}, ""))
	must("wait for blue", rest.Wait(ctx, "demo", w.machine, flaps.WithWaitStates("stopped"))) // without a version
	must("destroy", rest.Destroy(ctx, "demo", fly.RemoveMachineInput{ID: w.machine, Kill: true}, ""))
	must("release", rest.ReleaseLease(ctx, "demo", green.ID, lease.Data.Nonce))
	list, err := rest.ListActive(ctx, "demo")
	if err != nil || len(list) != 1 || list[0].ID != green.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

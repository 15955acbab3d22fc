package rollout

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestCrashLoop: the third of five Machines crashes again and again. All that
// were changed get back exactly what they had, the last first.
func TestCrashLoop(t *testing.T) {
	for name, test := range map[string]struct {
		failure flysim.Failure
		checks  bool
		says    string
	}{
		"out of memory":              {flysim.FailOOM, false, "killed for lack of memory"},
		"exit code":                  {flysim.FailCrash, false, "exit code 1"},
		"exit code, with a check":    {flysim.FailCrash, true, "exit code 1, and is started again and again"},
		"out of memory, with checks": {flysim.FailOOM, true, "killed for lack of memory"},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{StartDelay: time.Second, CheckDelay: 5 * time.Second, CrashAfter: 2 * time.Second},
				fleetGroup{name: "api", running: 5, checks: test.checks})
			w := b.upgrade()
			third := w.member("api", 2).Before.ID
			b.FailMachine(fleet, third, test.failure)
			report := b.do(w)
			b.counts(report, map[State]int{PutBack: 3, NotStarted: 2})
			b.failed(report, third, "", test.says)
			for i := range 5 {
				c := w.member("api", i)
				b.has(c.Before.ID, c.Before.Config)
				if state := b.Machine(fleet, c.Before.ID).State; state != "started" {
					t.Errorf("Machine %s is %s", c.Before.ID, state)
				}
			}
			b.untouched(w.member("api", 3))
			b.untouched(w.member("api", 4))
			b.noLeases()
			var updated []string
			for _, c := range b.Calls() {
				if c.Operation == "machine.update" {
					updated = append(updated, c.Target)
				}
			}
			first, second := w.member("api", 0).Before.ID, w.member("api", 1).Before.ID
			if got, want := strings.Join(updated, " "), strings.Join([]string{first, second, third, third, second,
				first}, " "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestOnFailure: what becomes of the others is the work's to say.
func TestOnFailure(t *testing.T) {
	for on, want := range map[OnFailure]map[State]int{
		Stop:     {Healthy: 2, Failed: 1, NotStarted: 2},
		Continue: {Healthy: 4, Failed: 1},
	} {
		bubble(t, string(on), func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 5, checks: true})
			w := b.upgrade()
			w.OnFailure = on
			third := w.member("api", 2)
			b.FailMachine(fleet, third.Before.ID, flysim.FailExit)
			report := b.do(w)
			b.counts(report, want)
			b.failed(report, third.Before.ID, "", "exit code 1")
			if now := b.MachineConfig(fleet, third.Before.ID); !machine.Equal(now, third.After) {
				t.Errorf("it was changed: %v", machine.Diff(third.After, now))
			}
			if n := len(b.sentUpdates(third.Before.ID)); n != 1 {
				t.Errorf("%d updates were sent", n)
			}
			b.noLeases()
		})
	}
}

// TestPutBackOthers: what was done while another Machine failed is put back as it
// was: what ran runs, what did not does not, and what somebody else has changed
// since is left alone and named.
func TestPutBackOthers(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, stopped: 2, checks: true},
			fleetGroup{name: "web", running: 3, checks: true})
		w := b.upgrade()
		w.Wake = true
		last := w.member("web", 2).Before.ID
		theirs := w.member("web", 0)
		config, err := theirs.After.With("theirs", true)
		if err != nil {
			t.Fatal(err)
		}
		b.FailMachine(fleet, last, flysim.FailChecks)
		b.Inject(flysim.Fault{Operation: "machine.update", Target: last,
			Before: func(p *flysim.Platform) { p.SetMachineConfig(fleet, theirs.Before.ID, config) }})
		report := b.do(w)
		b.counts(report, map[State]int{PutBack: 5, Broken: 1})
		b.failed(report, last, "", "did not pass")
		for _, m := range report.Machines {
			if m.ID == theirs.Before.ID && (m.State != Broken || m.Err == nil ||
				!strings.Contains(m.Err.Error(), "another client")) {
				t.Errorf("got %+v", m)
			}
		}
		b.has(theirs.Before.ID, config)
		for _, c := range w.Updates {
			if state := b.Machine(fleet, c.Before.ID).State; state != c.Before.State {
				t.Errorf("Machine %s was %s and is %s", c.Before.ID, c.Before.State, state)
			}
			if c.Before.ID != theirs.Before.ID {
				b.has(c.Before.ID, c.Before.Config)
			}
		}
		b.noLeases()
	})
}

// TestInvented: unknown fields, at every level, survive an update and
// a put back.
func TestInvented(t *testing.T) {
	config, err := machine.ParseConfig([]byte(`{
		"image": "registry.fly.io/fleet:1", "x1": {"deep": [1, 2.50, {"x": null}], "big": 12345678901234567890},
		"env": {"A": "1"}, "metadata": {"fly_platform_version": "v2", "fly_process_group": "api", "x2": "kept"},
		"guest": {"cpus": 1, "memory_mb": 256, "x3": [[]]}, "restart": {"policy": "always", "x4": 1e3},
		"mounts": [{"volume": "vol_x1", "path": "/d", "size_gb": 1, "encrypted": true, "x5": {"a": "<b>"}}],
		"checks": {"alive": {"type": "tcp", "port": 8080, "x6": false}},
		"services": [{"protocol": "tcp", "internal_port": 8080, "x7": {"y": [0.10]},
			"ports": [{"port": 443, "handlers": ["tls"], "x8": "é", "http_options": {"x9": 1}}],
			"checks": [{"type": "http", "path": "/", "x10": [{"y": 1}]}]}],
		"processes": [{"cmd": ["a"], "x11": true}], "files": [{"guest_path": "/a", "raw_value": "eA==", "x12": {}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, fails := range []bool{false, true} {
		platformtest.InBubble(t, func(t *testing.T) {
			b := newFleet(t, flysim.Options{})
			id := b.AddMachine(fleet, "iad", config)
			b.settle()
			w := b.upgrade()
			w.Release = newRelease()
			if fails {
				b.FailMachine(fleet, id, flysim.FailExit)
			}
			report := b.do(w)
			if fails {
				b.counts(report, map[State]int{PutBack: 1})
				b.has(id, config)
				return
			}
			b.counts(report, map[State]int{Healthy: 1})
			want, err := withRelease(w.Updates[0].After, report.Release.Release)
			if err != nil {
				t.Fatal(err)
			}
			b.has(id, want)
			if text := parseDocument(t, want); len(report.Machines[0].Mismatch) != 0 {
				t.Errorf("got %v of %v", report.Machines[0].Mismatch, text)
			}
		})
	}
}

// TestWake: a Machine that did not run is started, proved, and left to autostop,
// or stopped again; a standby never is.
func TestWake(t *testing.T) {
	bubble(t, "autostop", func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: time.Second}, fleetGroup{name: "api", stopped: 3,
			checks: true, autostop: true})
		w := b.upgrade()
		w.Wake = true
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 3})
		for _, m := range report.Machines {
			if truth := b.Machine(fleet, m.ID); truth.State != "started" || !m.Woken || m.Stopped || m.Launched ||
				m.Proof == "" {
				t.Errorf("Machine %s is %s: %+v", m.ID, truth.State, m)
			}
		}
		b.noLeases()
	})
	bubble(t, "without autostop", func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: time.Second}, fleetGroup{name: "api", stopped: 3, worker: true})
		w := b.upgrade()
		w.Wake = true
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 3})
		for _, m := range report.Machines {
			if truth := b.Machine(fleet, m.ID); truth.State != "stopped" || !m.Woken || !m.Stopped {
				t.Errorf("Machine %s is %s: %+v", m.ID, truth.State, m)
			}
		}
	})
	bubble(t, "it fails", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", stopped: 2, checks: true, autostop: true})
		w := b.upgrade()
		w.Wake = true
		first := w.member("api", 0)
		b.FailMachine(fleet, first.Before.ID, flysim.FailExit)
		report := b.do(w)
		b.counts(report, map[State]int{PutBack: 1, NotStarted: 1})
		b.has(first.Before.ID, first.Before.Config)
		if state := b.Machine(fleet, first.Before.ID).State; state != "stopped" {
			t.Errorf("it is %s", state)
		}
		b.noLeases()
	})
	bubble(t, "a standby", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "work", stopped: 1, worker: true})
		w := b.upgrade()
		after, err := w.Updates[0].After.With("standbys", []string{"e2865"})
		if err != nil {
			t.Fatal(err)
		}
		w.Updates[0].After, w.Wake = after, true
		b.counts(b.do(w), map[State]int{Unproven: 1})
		if n := b.count(w.Updates[0].Before.ID, "machine.start"); n != 0 {
			t.Errorf("it was started %d times", n)
		}
	})
	bubble(t, "stopped since the plan", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true, autostop: true},
			fleetGroup{name: "work", running: 1, worker: true})
		w := b.upgrade()
		w.Wake = true
		for _, c := range w.Updates {
			b.StopMachine(fleet, c.Before.ID)
		}
		b.counts(b.do(w), map[State]int{Healthy: 1, Unproven: 1})
	})
}

// TestListening: what the list of processes tells of the services' ports decides
// nothing, and is said.
func TestListening(t *testing.T) {
	for name, test := range map[string]struct {
		sockets []string
		status  int
		want    Reach
	}{
		"everywhere":      {[]string{"0.0.0.0:8080"}, 0, ReachAll},
		"IPv6":            {[]string{"[::]:8080", "127.0.0.1:8080"}, 0, ReachAll},
		"any":             {[]string{"*:8080"}, 0, ReachAll},
		"loopback":        {[]string{"127.0.0.1:8080", "0.0.0.0:9090"}, 0, ReachLoopback},
		"another port":    {[]string{"0.0.0.0:9090"}, 0, ReachNone},
		"private network": {[]string{"[fdaa:0:1:a7b::2]:8080"}, 0, ReachPrivate},
		"UDP":             {[]string{"udp://0.0.0.0:8080", "0.0.0.0:1"}, 0, ReachNone},
		"no socket":       {nil, 0, ReachUnknown},
		"silence":         {[]string{"0.0.0.0:8080"}, http.StatusNotFound, ReachUnknown},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2})
			for _, id := range b.MachineIDs(fleet) {
				b.SetListen(fleet, id, test.sockets)
			}
			if test.status != 0 {
				b.Inject(flysim.Fault{Operation: "machine.ps", Status: test.status, Times: -1})
			}
			report := b.do(b.upgrade())
			b.counts(report, map[State]int{Healthy: 2})
			got := report.Machines[0].Listening
			if len(got) != 1 || got[0].Port != 8080 || got[0].State != test.want || len(report.Machines[1].Listening) != 0 {
				t.Errorf("got %v and %v, want %s", got, report.Machines[1].Listening, test.want)
			}
		})
	}
}

var errKilled = errors.New("the process was killed")

// dying lets so many requests through.
type dying struct {
	next http.RoundTripper
	left atomic.Int64
}

func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.left.Add(-1) < 0 {
		return nil, errKilled
	}
	return d.next.RoundTrip(r)
}

// TestKilled: our process ends at any request. A rerun, with a new plan over what
// is there, finishes.
func TestKilled(t *testing.T) {
	for after := 0; ; after++ {
		whole := false
		platformtest.InBubble(t, func(t *testing.T) {
			b := newFleet(t, flysim.Options{StartDelay: time.Second, CheckDelay: time.Second},
				fleetGroup{name: "api", running: 2, checks: true}, fleetGroup{name: "web", stopped: 1, autostop: true})
			survivor := b.client
			mortal := &dying{next: b.Transport()}
			mortal.left.Store(int64(after) + 1) // one for the list of the plan
			b.client = b.Client(func(o *fly.Options) { o.HTTP = mortal })
			b.engine.Client = b.client
			w := b.upgrade()
			w.Wake, w.Release = true, newRelease()
			first := b.do(w)
			whole = first.Err == nil && first.Count(Healthy) == 3 && first.Release.Status == fly.ReleaseComplete

			b.client, b.engine.Client = survivor, survivor
			again := b.upgrade()
			again.Wake, again.Release = true, newRelease()
			report := b.do(again)
			b.counts(report, map[State]int{Healthy: 3})
			for _, m := range report.Machines {
				if image := b.MachineConfig(fleet, m.ID).Image(); image != "registry.fly.io/fleet:2" {
					t.Errorf("killed after %d requests: Machine %s runs %s", after, m.ID, image)
				}
			}
			if report.Release.Status != fly.ReleaseComplete || b.Releases(fleet)[0].Status != "complete" {
				t.Errorf("killed after %d requests: the release is %+v", after, report.Release)
			}
			b.noLeases()
		})
		if whole {
			if after < 20 {
				t.Errorf("the whole run took only %d requests", after)
			}
			return
		}
		if t.Failed() {
			t.Fatalf("killed after %d requests", after)
		}
	}
}

// TestUnclear: where it is unknown what a Machine has, and nothing is put back, no
// more is said than that.
func TestUnclear(t *testing.T) {
	for _, on := range []OnFailure{Stop, Continue} {
		bubble(t, string(on), func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true})
			w := b.upgrade()
			w.OnFailure = on
			id := w.Updates[0].Before.ID
			b.Inject(flysim.Fault{Operation: "machine.update", Target: id, Reset: flysim.ResetBefore})
			b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Times: -1, Status: 502})
			report := b.do(w)
			b.counts(report, map[State]int{Unclear: 1})
			b.failed(report, id, "", "is unknown")
			b.has(id, w.Updates[0].Before.Config)
			b.noLeases()
		})
	}
}

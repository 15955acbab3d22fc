package rollout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

func TestCrash(t *testing.T) {
	const failed = "the Machine failed to start"
	tests := []struct {
		state string
		exit  *fly.Exit
		want  string
	}{
		{"started", &fly.Exit{Code: 1}, ""},
		{"replacing", &fly.Exit{Code: 1}, ""},
		{"stopped", nil, ""},
		{"stopped", &fly.Exit{Requested: true}, ""},
		{"stopped", &fly.Exit{Requested: true, OOMKilled: true}, ""},
		{"stopped", &fly.Exit{Code: 137}, "its program ended with exit code 137"},
		{"stopped", &fly.Exit{}, "its program ended with exit code 0"},
		{"stopped", &fly.Exit{Code: 137, OOMKilled: true}, "its program was killed for lack of memory"},
		{"failed", nil, failed},
		{"failed", &fly.Exit{Requested: true}, failed},
		{"failed", &fly.Exit{Code: 2}, "its program ended with exit code 2"},
	}
	for _, test := range tests {
		got := ""
		if err := new(job).crashError(fly.Machine{State: test.state, Exit: test.exit}); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s, %+v: got %q, want %q", test.state, test.exit, got, test.want)
		}
	}
}

// history is a Machine's events, the newest first.
func history(types ...string) (events []fly.Event) {
	for _, text := range types {
		event := fly.Event{Type: text}
		if text == "exit 1" {
			event = fly.Event{Type: "exit", Exit: &fly.Exit{Code: 1}}
		}
		events = append(events, event)
	}
	return events
}

// TestVerdict: every check that is configured must have reported and pass.
func TestVerdict(t *testing.T) {
	checks := func(statuses ...string) (out []fly.CheckStatus) {
		for _, status := range statuses {
			out = append(out, fly.CheckStatus{Name: "c", Status: status})
		}
		return out
	}
	tests := []struct {
		name    string
		machine fly.Machine
		checks  int
		done    bool
		err     bool
	}{
		{"no checks", fly.Machine{State: "started"}, 0, true, false},
		{"no checks, not started", fly.Machine{State: "starting"}, 0, false, false},
		{"passing", fly.Machine{State: "started", Checks: checks("passing", "passing")}, 2, true, false},
		{"one has not reported", fly.Machine{State: "started", Checks: checks("passing")}, 2, false, false},
		{"none has reported", fly.Machine{State: "started"}, 1, false, false},
		{"a warning", fly.Machine{State: "started", Checks: checks("passing", "warning")}, 2, false, false},
		{"critical", fly.Machine{State: "started", Checks: checks("critical")}, 1, false, false},
		{"passing, but stopped", fly.Machine{State: "stopped", Checks: checks("passing")}, 1, false, false},
		{"crashed", fly.Machine{State: "stopped", Checks: checks("passing"), Exit: &fly.Exit{Code: 1}}, 1, true, true},
		{"crashed once, and up again", fly.Machine{State: "started", Events: history("start", "exit 1", "start",
			"launch"), Checks: checks("passing")}, 1, true, false},
		{"crashed once, without checks", fly.Machine{State: "started", Events: history("start", "exit 1", "start",
			"launch")}, 0, true, true},
		{"crashed again", fly.Machine{State: "started", Events: history("start", "exit 1", "start", "exit 1",
			"start", "launch"), Checks: checks("passing")}, 1, true, true},
		{"the one before crashed", fly.Machine{State: "started", Events: history("start", "launch", "update",
			"exit 1", "start", "exit 1")}, 0, true, false},
		{"stopped by somebody", fly.Machine{State: "stopped", Started: time.Unix(1, 0),
			Exit: &fly.Exit{Requested: true}}, 0, true, true},
		{"restarting", fly.Machine{State: "restarting", Events: history("exit 1", "start", "launch"),
			Checks: checks("passing")}, 1, false, false},
	}
	serving, err := machine.ParseConfig([]byte(`{"services":[{"internal_port":8080}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		done, err := new(run).verdict(&job{config: serving, out: Outcome{Checks: test.checks}}, test.machine, true)
		if done != test.done || (err != nil) != test.err {
			t.Errorf("%s: got %t, %v", test.name, done, err)
		}
	}
}

func TestCountChecks(t *testing.T) {
	tests := []struct {
		config string
		want   int
	}{
		{`{}`, 0},
		{`{"services":[{"checks":[{"type":"tcp"},{"type":"http"}]},{"checks":[]},{}]}`, 2},
		{`{"checks":{"a":{"type":"http"},"b":{"type":"tcp"}},"services":[{"checks":[{"type":"tcp"}]}]}`, 3},
	}
	for _, test := range tests {
		config, err := machine.ParseConfig([]byte(test.config))
		if err != nil {
			t.Fatal(err)
		}
		if got := countChecks(config); got != test.want {
			t.Errorf("%s: got %d, want %d", test.config, got, test.want)
		}
	}
}

// TestSmoke: a program is watched for a while also when its checks pass.
func TestSmoke(t *testing.T) {
	options := flysim.Options{StartDelay: 2 * time.Second, CheckDelay: time.Second}
	for name, after := range map[string]time.Duration{
		"it crashes at once":                   0,
		"it crashes after its checks pass":     3 * time.Second,
		"it crashes before the watch is over":  8 * time.Second,
		"it crashes again, in the second":      9500 * time.Millisecond,
		"it has crashed when it is looked at":  6 * time.Second,
		"it crashes between start and reading": time.Second,
	} {
		for _, strategy := range []Strategy{Rolling, Immediate} {
			bubble(t, name+", "+string(strategy), func(t *testing.T) {
				crashing := options
				crashing.CrashAfter = after
				b := newFleet(t, crashing, fleetGroup{name: "api", running: 2, checks: true})
				w := b.upgrade()
				w.Strategy, w.Release = strategy, newRelease()
				id := w.member("api", 0).Before.ID
				b.FailMachine(fleet, id, flysim.FailCrash)
				report := b.do(w)
				b.failed(report, id, "", "exit code 1")
				if report.Machines[0].State != PutBack || report.Release.Status != fly.ReleaseFailed {
					t.Errorf("got %s, release %s", report.Machines[0].State, report.Release.Status)
				}
				b.has(id, w.member("api", 0).Before.Config)
			})
		}
	}
	bubble(t, "side by side", func(t *testing.T) {
		b := newFleet(t, options, fleetGroup{name: "api", running: 40, checks: true})
		w := b.upgrade()
		w.Strategy = Immediate
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 40})
		if report.Took > 2*SmokeTime {
			t.Errorf("it took %v", report.Took)
		}
	})
	bubble(t, "the watch is cut short", func(t *testing.T) {
		b := newFleet(t, options, fleetGroup{name: "api", running: 1, checks: true})
		w := b.upgrade()
		id := w.member("api", 0).Before.ID
		b.Inject(flysim.Fault{Operation: "machine.wait", After: 1, Status: 200, Body: `{"ok":true}`})
		report := b.do(w)
		b.states(report, Healthy)
		if n := b.count(id, "machine.wait"); n != 3 || report.Took < options.StartDelay+SmokeTime {
			t.Errorf("%d waits in %v", n, report.Took)
		}
	})
	bubble(t, "something earlier has crashed", func(t *testing.T) {
		crashing := options
		crashing.CrashAfter = 3 * time.Second
		b := newFleet(t, crashing, fleetGroup{name: "api", running: 1, checks: true})
		id := b.MachineIDs(fleet)[0]
		b.FailMachine(fleet, id, flysim.FailCrash)
		b.SetMachineConfig(fleet, id, b.MachineConfig(fleet, id))
		time.Sleep(20 * time.Second)
		w := b.upgrade()
		w.Updates[0].After = w.Updates[0].Before.Config
		b.states(b.do(w), Failed)
		b.FailMachine(fleet, id)
		b.StartMachine(fleet, id)
		time.Sleep(time.Minute)
		w = b.upgrade()
		w.Updates[0].After = w.Updates[0].Before.Config
		b.states(b.do(w), Healthy)
	})
}

// TestRestless: one that was woken and cannot be stopped again is healthy, and
// that it runs is told.
func TestRestless(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", stopped: 1, checks: true})
		w := b.upgrade()
		w.Wake = true
		b.Inject(flysim.Fault{Operation: "machine.stop", Status: 403})
		report := b.do(w)
		b.states(report, Healthy)
		out := report.Machines[0]
		if !out.StillRunning() || out.Stopped || b.Machine(fleet, out.ID).State != "started" {
			t.Errorf("got %+v", out)
		}
		out.Mismatch = append(out.Mismatch, "env.LOG_LEVEL: changed")
		if out.StillRunning() {
			t.Error("another field differs, too")
		}
	})
}

// slowClock is a clock whose waits go by itself alone.
type slowClock struct{ *flysim.Clock }

func (c slowClock) After(d time.Duration) <-chan time.Time {
	passed, until := make(chan time.Time, 1), c.Now().Add(d)
	go func() {
		if c.Wait(context.Background(), until, nil) == nil {
			passed <- c.Now()
		}
	}()
	return passed
}

// TestOneClock: a program is watched for ten seconds of the engine's clock, also
// where that is ten times as slow as this machine's.
func TestOneClock(t *testing.T) {
	bubble(t, "slow", func(t *testing.T) {
		b := newFleet(t, flysim.Options{CrashAfter: 8 * time.Second}, fleetGroup{name: "api", running: 1})
		b.Clock().SetSpeed(0.1)
		b.engine.Clock = slowClock{b.Clock()}
		w := b.upgrade()
		b.FailMachine(fleet, w.Updates[0].Before.ID, flysim.FailCrash)
		b.do(w)
		synctest.Wait()
		b.settle() // those who still wait
		b.has(w.Updates[0].Before.ID, w.Updates[0].Before.Config)
	})
}

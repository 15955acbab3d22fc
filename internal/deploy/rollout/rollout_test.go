package rollout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestOneAtATime: under the platform's own rate limits, with starts and checks
// that take their time.
func TestOneAtATime(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{StartDelay: 5 * time.Second,
			CheckDelay: 3 * time.Second, RateLimits: true})
		b.settle()
		changes := b.changes()
		report := b.run(changes)
		b.states(report, Healthy, Healthy)
		if _, failed := report.Failed(); failed || report.Count(Healthy) != 2 || report.Count(PutBack) != 0 {
			t.Errorf("got %+v", report)
		}

		var order []string // target and operation, repetitions left out
		for _, c := range b.Calls() {
			if step := c.Target + " " + c.Operation; len(order) == 0 || order[len(order)-1] != step {
				order = append(order, step)
			}
			if c.Status/100 != 2 && c.Status != http.StatusRequestTimeout { // the one wait for an end that does not come
				t.Errorf("%s was answered with %d", c.Operation, c.Status)
			}
		}
		var want []string
		for i, c := range changes {
			operations := []string{"lease.acquire", "machine.get", "machine.update", "machine.wait", "machine.get",
				"machine.ps", "lease.release"}
			if i > 0 {
				operations = slices.Delete(operations, 5, 6) // the sockets of one Machine are enough
			}
			for _, operation := range operations {
				want = append(want, c.Before.ID+" "+operation)
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}

		for i, c := range changes {
			id := c.Before.ID
			if out := report.Machines[i]; out.ID != id || out.Group != "app" || out.Err != nil || len(out.Mismatch) != 0 {
				t.Errorf("got %+v", out)
			}
			truth := b.Machine(b.app, id)
			if truth.State != "started" || !truth.ChecksPassing || truth.InstanceID == c.Before.InstanceID {
				t.Errorf("Machine %s is %s at %s, checks passing %t", id, truth.State, truth.InstanceID, truth.ChecksPassing)
			}
			if changes := machine.Diff(b.MachineConfig(b.app, id), c.After.WithoutFlyctlVersion()); len(changes) != 0 {
				t.Errorf("Machine %s differs: %v", id, changes)
			}
			if n := b.count(id, "machine.update"); n != 1 {
				t.Errorf("Machine %s was updated %d times", id, n)
			}
			b.released(id)
		}

		doing := []string{"taking the lease", "updating", "waiting for it to start", "watching that it stays up",
			"looking at its listening sockets"}
		var phases []Phase
		for i, c := range changes {
			for _, d := range doing[:5-i] {
				phases = append(phases, Phase{Group: "app", Machine: c.Before.ID, Doing: d, N: i + 1, Of: 2})
			}
		}
		b.phases = slices.DeleteFunc(b.phases, func(p Phase) bool { return p.For > 0 }) // heartbeats
		if !slices.Equal(b.phases, phases) {
			t.Errorf("got phases %v, want %v", b.phases, phases)
		}
	})
}

// TestNothingToDo: a rollout of no Machines sends nothing.
func TestNothingToDo(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		if report := b.run(nil); len(report.Machines) != 0 || len(b.Calls()) != 0 || len(b.phases) != 0 {
			t.Errorf("got %+v, %d calls, %v", report, len(b.Calls()), b.phases)
		}
	})
}

// sentUpdates are the bodies of a Machine's updates.
func (b *deployedApp) sentUpdates(id string) []updateBody {
	b.t.Helper()
	var out []updateBody
	for _, c := range b.Calls() {
		if c.Operation != "machine.update" || c.Target != id {
			continue
		}
		var body updateBody
		if err := json.Unmarshal(c.Body, &body); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, body)
	}
	return out
}

type updateBody struct {
	Config         machine.Config `json:"config"`
	CurrentVersion string         `json:"current_version"`
	SkipLaunch     bool           `json:"skip_launch"`
}

// TestPutBack: the first Machine fails in every way there is. It gets exactly
// what it had; the second is never touched.
func TestPutBack(t *testing.T) {
	tests := []struct {
		name  string
		delay time.Duration // of the checks
		spoil func(b *deployedApp, id string)
		says  string
	}{
		{name: "checks never pass", spoil: func(b *deployedApp, id string) { b.FailMachine(b.app, id, flysim.FailChecks) },
			says: `its health checks did not pass within 1m15s: "servicecheck-00-http-8080" is "critical"`},
		{name: "the program listens elsewhere", spoil: func(b *deployedApp, id string) {
			b.SetListen(b.app, id,
				[]string{"127.0.0.1:8080"})
		},
			says: `is "critical"; port 8080 is bound to 127.0.0.1:8080, which Fly Proxy cannot reach: bind it to ` +
				`0.0.0.0 or [::]`},
		{name: "the program listens nowhere", spoil: func(b *deployedApp, id string) {
			b.SetListen(b.app, id,
				[]string{"0.0.0.0:9"})
		},
			says: `is "critical"; nothing listens on port 8080`},
		{name: "the program ends at once", spoil: func(b *deployedApp, id string) {
			b.FailMachine(b.app, id,
				flysim.FailExit)
		},
			says: "its program ended with exit code 1"},
		{name: "the Machine cannot be launched", spoil: func(b *deployedApp, id string) {
			b.FailMachine(b.app, id,
				flysim.FailLaunch)
		},
			says: "the Machine failed to start"},
		{name: "the program ends while its checks are awaited", delay: time.Minute, spoil: func(b *deployedApp, id string) {
			b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 3, Before: func(p *flysim.Platform) {
				p.FailMachine(b.app, id, flysim.FailExit)
				p.StopMachine(b.app, id)
				p.StartMachine(b.app, id)
			}})
		}, says: "its program ended with exit code 1"},
		{name: "it never starts", spoil: func(b *deployedApp, id string) {
			b.Inject(flysim.Fault{Operation: "machine.get", Target: id}) // under the lease
			b.Inject(flysim.Fault{Operation: "machine.wait", Target: id, Status: 408, Times: -1, Delay: waitStep})
			b.Inject(flysim.Fault{Operation: "machine.get", Target: id, Status: 503, Times: -1})
			b.Inject(flysim.Fault{Operation: "machine.update", Target: id, After: 1,
				Before: func(p *flysim.Platform) { p.ClearFaults() }})
		}, says: "it did not start"},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{CheckDelay: test.delay})
			first := b.MachineIDs(b.app)[0]
			b.invent(first)
			changes := b.changes()
			changes[0].After = b.inService(changes[0].After, "min_machines_running", "0")
			test.spoil(b, first)
			report := b.run(changes)
			b.states(report, PutBack, NotStarted)
			b.failed(report, first, "", test.says)
			if !report.Machines[0].Up {
				t.Error("it was put back, and is not said to have been seen started")
			}

			b.has(first, changes[0].Before.Config)
			truth := b.Machine(b.app, first)
			if truth.State != "started" || truth.InstanceID == changes[0].Before.InstanceID {
				t.Errorf("it is %s at %s", truth.State, truth.InstanceID)
			}
			sent := b.sentUpdates(first)
			if len(sent) != 2 || sent[0].CurrentVersion != changes[0].Before.InstanceID ||
				sent[1].CurrentVersion == sent[0].CurrentVersion {
				t.Fatalf("got updates %+v", sent)
			}
			if sent[0].SkipLaunch || sent[1].SkipLaunch {
				t.Error("a running Machine was updated without a launch")
			}
			if !sameDocument(t, sent[1].Config, changes[0].Before.Config) {
				t.Errorf("sent back with %v", machine.Diff(sent[1].Config, changes[0].Before.Config))
			}
			b.released(first)
			b.leaseNeverLapsed(first)
			b.untouched(changes[1])
			if out := report.Machines[1]; out.ID != changes[1].Before.ID || out.Group != "app" || out.Err != nil {
				t.Errorf("got %+v", out)
			}
			if last := b.phases[len(b.phases)-1]; last.Machine != first ||
				last.Doing != "waiting for it to start with the earlier configuration" {
				t.Errorf("the last phase is %+v", last)
			}
		})
	}
}

// leaseNeverLapsed checks that the lease was prolonged in time.
func (b *deployedApp) leaseNeverLapsed(id string) {
	b.t.Helper()
	var held time.Time
	for _, c := range b.Calls() {
		if c.Target != id {
			continue
		}
		switch {
		case held.IsZero():
		case c.Time.Sub(held) >= leaseTTL:
			b.t.Errorf("%s came %v after the lease was last prolonged", c.Operation, c.Time.Sub(held))
		}
		if c.Operation == "lease.acquire" && c.Status == 201 {
			held = c.Time
		}
	}
}

// TestLeaseIsKept: the Machine takes long to start, and long to become healthy.
func TestLeaseIsKept(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{StartDelay: 100 * time.Second, CheckDelay: 100 * time.Second})
		b.settle()
		changes := b.changes()[:1]
		id := changes[0].Before.ID
		w := b.work(changes)
		w.StartWithin, w.HealthyWithin = 2*time.Minute, 2*time.Minute
		b.states(b.do(w), Healthy)
		b.leaseNeverLapsed(id)
		b.released(id)
		// 200 s, prolonged at most every 20 s and at least every 35 s.
		if n := b.count(id, "lease.acquire"); n < 6 || n > 11 {
			t.Errorf("the lease was taken or prolonged %d times", n)
		}
	})
}

// TestStoppedMachine: it is updated, not started, and not called healthy.
func TestStoppedMachine(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "inner-circle", flysim.Options{})
		b.settle()
		changes := b.changes()
		running, stopped := changes[0].Before, changes[1].Before
		if running.State != "started" || stopped.State != "stopped" {
			t.Fatalf("got %s and %s", running.State, stopped.State)
		}
		started := starts(b.Machine(b.app, stopped.ID))
		report := b.run(changes)
		b.states(report, Healthy, Unproven)
		if _, failed := report.Failed(); failed || len(report.Machines[1].Mismatch) != 0 {
			t.Errorf("got %+v", report.Machines[1])
		}
		truth := b.Machine(b.app, stopped.ID)
		config := b.MachineConfig(b.app, stopped.ID)
		if truth.State != "stopped" || machine.Equal(config, stopped.Config) ||
			!machine.Equal(config, changes[1].After.WithoutFlyctlVersion()) {
			t.Errorf("it is %s: %v", truth.State, machine.Diff(config, changes[1].After.WithoutFlyctlVersion()))
		}
		if got := starts(truth); got != started {
			t.Errorf("it was started: %q", truth.Events)
		}
		if got, want := b.operations(stopped.ID), []string{"lease.acquire", "machine.get", "machine.update",
			"machine.get", "lease.release"}; !slices.Equal(got, want) {
			t.Errorf("got calls %q, want %q", got, want)
		}
		if sent := b.sentUpdates(stopped.ID); len(sent) != 1 || !sent[0].SkipLaunch {
			t.Errorf("got updates %+v", sent)
		}
		b.released(stopped.ID)
		for _, p := range b.phases {
			if p.Machine == stopped.ID && strings.Contains(p.Doing, "start") {
				t.Errorf("it is said to be %s", p.Doing)
			}
		}
	})
}

// TestWokenMachine: what runs when its turn comes must run afterwards, whatever
// the plan saw; and what was stopped since is not started.
func TestWokenMachine(t *testing.T) {
	bubble(t, "woken", func(t *testing.T) {
		b := newDeployedApp(t, "inner-circle", flysim.Options{})
		b.settle()
		changes := b.changes()
		id := changes[1].Before.ID
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: id, Before: func(p *flysim.Platform) {
			p.StartMachine(b.app, id)

		}})
		report := b.run(changes)
		b.states(report, Healthy, Healthy)
		if m := b.Machine(b.app, id); m.State != "started" || !report.Machines[1].Launched || report.Machines[1].Checks != 1 {
			t.Errorf("it is %s: %+v", m.State, report.Machines[1])
		}
		if sent := b.sentUpdates(id); len(sent) != 1 || sent[0].SkipLaunch {
			t.Errorf("got updates %+v", sent)
		}
	})
	bubble(t, "stopped", func(t *testing.T) {
		b := newDeployedApp(t, "inner-circle", flysim.Options{})
		b.settle()
		changes := b.changes()
		id := changes[0].Before.ID
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: id,
			Before: func(p *flysim.Platform) { p.StopMachine(b.app, id) }})
		report := b.run(changes)
		b.states(report, Unproven, Unproven)
		if m := b.Machine(b.app, id); m.State != "stopped" || report.Machines[0].Launched {
			t.Errorf("it is %s: %+v", m.State, report.Machines[0])
		}
	})
}

// TestRecord: each outcome is told when it is known, not at the end; what never
// had its turn is not told.
func TestRecord(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		second := changes[1].Before.ID
		var told []string
		b.engine.Record = func(o Outcome) { told = append(told, o.ID+" "+string(o.State)) }
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: second, Status: 403, Before: func(*flysim.Platform) {
			if len(told) != 1 {
				t.Errorf("before the second Machine: %q", told)
			}
		}})
		b.run(changes)
		if want := []string{changes[0].Before.ID + " healthy", second + " unchanged", changes[0].Before.ID +
			" put_back"}; !slices.Equal(told, want) {
			t.Errorf("got %q, want %q", told, want)
		}
	})
}

// starts counts how often a Machine was started.
func starts(m flysim.Machine) int {
	n := 0
	for _, e := range m.Events {
		if strings.HasPrefix(e, "start ") {
			n++
		}
	}
	return n
}

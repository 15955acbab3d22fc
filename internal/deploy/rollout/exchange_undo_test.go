package rollout

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestBlueGreenIsUndone: until the first blue Machine is destroyed, everything
// can be as it was.
func TestBlueGreenIsUndone(t *testing.T) {
	refuse := func(operation string, after int) flysim.Fault {
		return flysim.Fault{Operation: operation, Status: 422, Body: `{"error":"refused"}`, After: after}
	}
	tests := []struct {
		name  string
		fault flysim.Fault
		says  string
		state State // of the one that failed
	}{
		{"it cannot be marked", refuse("machine.metadata.set", 1), "set_metadata", Unchanged},
		{"it cannot be cordoned", refuse("machine.cordon", 0), "cordon", PutBack},
		{"it cannot be stopped", refuse("machine.stop", 1), "stop", PutBack},
		{"it cannot be destroyed", refuse("machine.destroy", 0), "destroy", PutBack},
		{"the answer is lost, and nothing done", flysim.Fault{Operation: "machine.cordon",
			Reset: flysim.ResetBefore, Times: 4}, "cordon", PutBack},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{StartDelay: 2 * time.Second, CheckDelay: 3 * time.Second},
				fleetGroup{name: "api", running: 2, checks: true})
			changes := b.changes()
			b.Inject(test.fault)
			b.watched()
			report := b.do(b.with(BlueGreen, changes))
			if got := report.Count(Removed); got != 2 {
				t.Errorf("got %d green Machines removed", got)
			}
			b.truth(report)
			b.asBefore(changes)
			b.releaseIs(report, fly.ReleaseFailed)
			failed, ok := report.Failed()
			if !ok || failed.Role != RoleBlue || failed.State != test.state || !strings.Contains(failed.Err.Error(), test.says) {
				t.Errorf("got %+v, want %q in its error", failed, test.says)
			}
		})
	}
}

// TestBlueGreenLeft: with stop everything stays as it is when something fails,
// and the report says how.
func TestBlueGreenLeft(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 422})
		b.watched()
		w := b.with(BlueGreen, b.changes())
		w.OnFailure = Stop
		report := b.do(w)
		b.states(report, Healthy, Healthy, Broken, Broken)
		b.truth(report)
		b.releaseIs(report, fly.ReleaseFailed)
		for _, m := range report.Machines[2:] {
			if m.Err == nil ||
				!strings.Contains(m.Err.Error(), "beside the new Machines: marked as safe to destroy, cordoned, stopped") {
				t.Errorf("got %v", m.Err)
			}
		}
		if got := b.serving(); len(got) != 2 || got[0] != report.Machines[0].ID || got[1] != report.Machines[1].ID {
			t.Errorf("got %q in routing", got)
		}
	})
}

// TestBlueGreenLeftAlone: what was refused is not told as done.
func TestBlueGreenLeftAlone(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.metadata.set", Status: 422, After: 1})
		b.watched()
		w := b.with(BlueGreen, b.changes())
		w.OnFailure = Stop
		report := b.do(w)
		b.truth(report)
		b.releaseIs(report, fly.ReleaseFailed)
		if got := report.Count(Broken); got != 1 {
			t.Errorf("%d Machines left changed, want 1", got)
		}
		for _, m := range report.Machines[2:] {
			marked := b.MachineConfig(b.app, m.ID).Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy
			if marked != (m.State == Broken) || !marked && m.State != Unchanged || m.Err == nil ||
				marked != strings.Contains(m.Err.Error(), "marked as safe to destroy") {
				t.Errorf("marked %t: got %s, %v", marked, m.State, m.Err)
			}
		}
	})
}

// TestBlueGreenGoesOn: with continue, blue Machines that cannot be taken out of
// routing gently are destroyed all the same, as with fly deploy.
func TestBlueGreenGoesOn(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.cordon", Status: 422})
		b.Inject(flysim.Fault{Operation: "machine.stop", Status: 422})
		b.watched()
		w := b.with(BlueGreen, b.changes())
		w.OnFailure = Continue
		report := b.do(w)
		b.states(report, Healthy, Healthy, Replaced, Replaced)
		b.truth(report)
		b.releaseIs(report, fly.ReleaseComplete)
		if got := len(report.Machines[2].Mismatch) + len(report.Machines[3].Mismatch); got != 2 {
			t.Errorf("got %d notes, want 2", got)
		}
	})
}

// TestBlueGreenNoWayBack: once a blue Machine is destroyed, the green ones stay.
func TestBlueGreenNoWayBack(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 422, After: 1})
		b.watched()
		report := b.do(b.with(BlueGreen, b.changes()))
		b.states(report, Healthy, Healthy, Replaced, Broken)
		b.truth(report)
		b.failed(report, report.Machines[3].ID, "", "destroy")
		b.releaseIs(report, fly.ReleaseComplete)
		if got := b.serving(); len(got) != 2 || slices.Contains(got, report.Machines[3].ID) {
			t.Errorf("got %q in routing", got)
		}
	})
}

// TestBlueGreenCannotBeUndone: where a blue Machine does not get up again, the
// green ones go on serving.
func TestBlueGreenCannotBeUndone(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 422})
		b.Inject(flysim.Fault{Operation: "machine.start", Status: 422})
		b.watched()
		report := b.do(b.with(BlueGreen, b.changes()))
		b.truth(report)
		b.releaseIs(report, fly.ReleaseFailed)
		if report.Count(Healthy) != 2 || report.Count(Broken) != 1 || report.Count(PutBack) != 1 {
			b.states(report, Healthy, Healthy, Broken, PutBack)
		}
		if got := b.serving(); !slices.Contains(got, report.Machines[0].ID) || !slices.Contains(got, report.Machines[1].ID) {
			t.Errorf("got %q in routing", got)
		}
	})
}

// TestBlueGreenStumbles: what Fly did not answer to, and what has not arrived, is
// sent once more.
func TestBlueGreenStumbles(t *testing.T) {
	// The second fault is for the first try with the other Machine.
	for operation, after := range map[string]int{"machine.uncordon": 0, "machine.metadata.set": 0,
		"machine.cordon": 0, "machine.stop": 0, "machine.destroy": 1} {
		bubble(t, operation, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
			b.Inject(flysim.Fault{Operation: operation, Status: 503})
			b.Inject(flysim.Fault{Operation: operation, Reset: flysim.ResetBefore, After: after})
			b.watched()
			report := b.do(b.with(BlueGreen, b.changes()))
			b.states(report, Healthy, Healthy, Replaced, Replaced)
			b.truth(report)
			b.releaseIs(report, fly.ReleaseComplete)
		})
	}
}

// TestBlueGreenAnswersLost: every lost answer is settled by reading, and nothing
// is done twice.
func TestBlueGreenAnswersLost(t *testing.T) {
	for _, operation := range []string{"machine.create", "machine.uncordon", "machine.metadata.set",
		"machine.cordon", "machine.stop", "machine.destroy"} {
		bubble(t, operation, func(t *testing.T) {
			b := newFleet(t, flysim.Options{MachineLag: 1}, fleetGroup{name: "api", running: 2, checks: true})
			b.Inject(flysim.Fault{Operation: operation, Reset: flysim.ResetAfter, Times: 2})
			b.watched()
			report := b.do(b.with(BlueGreen, b.changes()))
			b.states(report, Healthy, Healthy, Replaced, Replaced)
			b.truth(report)
			b.releaseIs(report, fly.ReleaseComplete)
			n := 0
			for _, c := range b.Calls() {
				if c.Operation == operation {
					n++
				}
			}
			if n != 2 {
				t.Errorf("%s was sent %d times, want 2", operation, n)
			}
		})
	}
}

// TestBlueGreenCancelled: before the switch nothing of it stays; from then on it
// comes to its end.
func TestBlueGreenCancelled(t *testing.T) {
	tests := []struct {
		operation string
		states    []State
		status    fly.ReleaseStatus
	}{
		{"lease.acquire", []State{NotStarted, NotStarted, NotStarted, NotStarted}, fly.ReleaseInterrupted},
		{"machine.create", []State{Removed, NotStarted, NotStarted, NotStarted}, fly.ReleaseInterrupted},
		{"machine.wait", []State{Removed, Removed, NotStarted, NotStarted}, fly.ReleaseInterrupted},
		{"machine.uncordon", []State{Healthy, Healthy, Replaced, Replaced}, fly.ReleaseComplete},
		{"machine.stop", []State{Healthy, Healthy, Replaced, Replaced}, fly.ReleaseComplete},
	}
	for _, test := range tests {
		bubble(t, test.operation, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
			ctx, cancel := context.WithCancel(t.Context())
			w := b.with(BlueGreen, b.changes())
			b.Inject(flysim.Fault{Operation: test.operation, Before: func(*flysim.Platform) { cancel() }})
			report := b.carryOut(ctx, b.grantFor(w), w)
			b.states(report, test.states...)
			b.truth(report)
			b.releaseIs(report, test.status)
			if got, want := report.Interrupted, test.status == fly.ReleaseInterrupted; got != want {
				t.Errorf("got interrupted %t, want %t", got, want)
			}
			if len(b.serving()) != 2 {
				t.Errorf("got %q in routing", b.serving())
			}
		})
	}
}

// TestBlueGreenUndoTakesItsTime: Fly Proxy learns that the blue Machines are back
// before the green ones go, and that the green ones are out of routing before
// they are destroyed.
func TestBlueGreenUndoTakesItsTime(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 422})
		report := b.do(b.with(BlueGreen, b.changes()))
		role := make(map[string]Role)
		for _, m := range report.Machines {
			role[m.ID] = m.Role
		}
		first, last := make(map[string]time.Time), make(map[string]time.Time)
		for _, c := range b.Calls() {
			step := string(role[c.Target]) + " " + c.Operation
			if last[step] = c.Time; first[step].IsZero() {
				first[step] = c.Time
			}
		}
		for _, gap := range [][2]string{{"blue machine.uncordon", "green machine.cordon"},
			{"green machine.cordon", "green machine.destroy"}} {
			if got := first[gap[1]].Sub(last[gap[0]]); got < proxyTime {
				t.Errorf("%v between %s and %s, want %v", got, gap[0], gap[1], proxyTime)
			}
		}
	})
}

// TestBlueGreenNotGone: that a Machine is not found once, after its destruction
// was refused, does not make it a destroyed one.
func TestBlueGreenNotGone(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 403, Before: func(p *flysim.Platform) {
			p.Inject(flysim.Fault{Operation: "machine.get", Status: 404})
		}})
		report := b.do(b.with(BlueGreen, b.changes()))
		b.states(report, Removed, PutBack)
		b.truth(report)
		b.releaseIs(report, fly.ReleaseFailed)
	})
}

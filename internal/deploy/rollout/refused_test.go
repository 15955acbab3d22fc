package rollout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestSomebodyElse: what others did since the plan is not overwritten.
func TestSomebodyElse(t *testing.T) {
	const other = "mallory@example.com"
	bubble(t, "holds the lease", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.HoldLease(b.app, id, other, time.Hour)
		report := b.run(changes)
		b.states(report, Unchanged, NotStarted)
		b.failed(report, id, gate.Busy, "take the lease", other)
		if b.count(id, "lease.acquire")+b.count(id, "lease.get") != len(b.operations(id)) {
			t.Errorf("got calls %q", b.operations(id))
		}
		if report.Took > leaseWithin || report.Took < leaseWithin-leaseStep {
			t.Errorf("it took %v", report.Took)
		}
		b.unchanged(changes[0])
		b.untouched(changes[1])
		if owner := b.Machine(b.app, id).LeaseOwner; owner != other {
			t.Errorf("the lease is held by %q", owner)
		}
	})
	bubble(t, "changed the first Machine", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		theirs := b.inService(changes[0].Before.Config, "theirs", "true")
		b.SetMachineConfig(b.app, id, theirs)
		at := b.Machine(b.app, id).InstanceID
		report := b.run(changes)
		b.states(report, Unchanged, NotStarted)
		b.failed(report, id, gate.Stale, "update")
		b.has(id, theirs)
		if n := b.count(id, "machine.update"); n != 0 {
			t.Errorf("%d updates were sent", n)
		}
		if now := b.Machine(b.app, id).InstanceID; now != at {
			t.Errorf("it is at %s, was at %s", now, at)
		}
		b.released(id)
		b.untouched(changes[1])
	})
	bubble(t, "changed the second while the first was updated", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		first, second := changes[0].Before.ID, changes[1].Before.ID
		theirs := b.inService(changes[1].Before.Config, "theirs", "true")
		b.Inject(flysim.Fault{Operation: "lease.release", Target: first,
			Before: func(p *flysim.Platform) { p.SetMachineConfig(b.app, second, theirs) }})
		report := b.run(changes)
		b.states(report, PutBack, Unchanged)
		b.failed(report, second, gate.Stale)
		b.has(first, changes[0].Before.Config)
		b.has(second, theirs)
		b.released(second)
	})
	bubble(t, "changed it after it was read under the lease", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		theirs := b.inService(changes[0].Before.Config, "theirs", "true")
		b.Inject(flysim.Fault{Operation: "machine.update", Target: id,
			Before: func(p *flysim.Platform) { p.SetMachineConfig(b.app, id, theirs) }})
		report := b.run(changes)
		b.states(report, Unchanged, NotStarted)
		b.failed(report, id, gate.Stale, "update")
		b.has(id, theirs) // and is not put back
		b.released(id)
	})
	bubble(t, "changed it, and then it cannot be read", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		theirs := b.inService(changes[0].Before.Config, "theirs", "true")
		b.Inject(flysim.Fault{Operation: "machine.update", Target: id,
			Before: func(p *flysim.Platform) { p.SetMachineConfig(b.app, id, theirs) }})
		b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Times: 4 * settleReads, Status: 503})
		report := b.run(changes)
		b.states(report, Unchanged, NotStarted)
		b.failed(report, id, gate.Stale, "is unknown")
		b.has(id, theirs)
		b.released(id)
	})
	bubble(t, "destroyed it", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		b.DestroyMachine(b.app, changes[0].Before.ID)
		report := b.run(changes)
		b.states(report, Unchanged, NotStarted)
		b.untouched(changes[1])
	})
}

// TestWithoutAGrant: each step that is missing is a request that is not sent.
func TestWithoutAGrant(t *testing.T) {
	bubble(t, "lease", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		for name, grant := range map[string]*gate.Grant{
			"none": nil, "zero": {}, "without the lease": b.grant(changes, gate.LeaseMachine),
			"the other Machine's": b.grant(changes[1:]),
		} {
			report := b.runWith(t.Context(), grant, changes)
			b.states(report, Unchanged, NotStarted)
			if out, _ := report.Failed(); !errors.Is(out.Err, gate.ErrNotGranted) {
				t.Errorf("%s: got %v", name, out.Err)
			}
		}
		b.untouched(changes[0])
		b.untouched(changes[1])
	})
	bubble(t, "update", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		others := slices.Clone(changes)
		others[0].After = b.inService(others[0].After, "min_machines_running", "3")
		for name, grant := range map[string]*gate.Grant{
			"without the update": b.grant(changes, gate.UpdateMachine), "for another configuration": b.grant(others),
		} {
			b.ResetCalls()
			report := b.runWith(t.Context(), grant, changes)
			b.states(report, Unchanged, NotStarted)
			if out, _ := report.Failed(); !errors.Is(out.Err, gate.ErrNotGranted) {
				t.Errorf("%s: got %v", name, out.Err)
			}
			if got, want := b.operations(id), []string{"lease.acquire", "machine.get",
				"lease.release"}; !slices.Equal(got, want) {
				t.Errorf("%s: got calls %q, want %q", name, got, want)
			}
			b.unchanged(changes[0])
			b.untouched(changes[1])
		}
	})
	bubble(t, "put back", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.FailMachine(b.app, id, flysim.FailExit)
		report := b.runWith(t.Context(), b.grant(changes, gate.PutBackMachine), changes)
		b.states(report, Broken, NotStarted)
		b.failed(report, id, "", "exit code 1", "put back")
		if out, _ := report.Failed(); !errors.Is(out.Err, gate.ErrNotGranted) {
			t.Errorf("got %v", out.Err)
		}
		if n := len(b.sentUpdates(id)); n != 1 {
			t.Errorf("%d updates were sent", n)
		}
		b.released(id)
		b.untouched(changes[1])
	})
	bubble(t, "spent", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		grant := b.grant(changes)
		b.states(b.runWith(t.Context(), grant, changes), Healthy, Healthy)
		b.ResetCalls()
		b.states(b.runWith(t.Context(), grant, changes), Unchanged, NotStarted)
		for _, c := range b.Writes() { // there was a second lease, to put back under
			if !strings.HasPrefix(c.Operation, "lease.") {
				t.Errorf("%s was sent", c.Operation)
			}
		}
	})
}

// TestCancelled: the Machine at work comes to its end, no other is begun, and the
// report says so.
func TestCancelled(t *testing.T) {
	bubble(t, "before", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		report := b.runWith(ctx, b.grant(changes), changes)
		b.states(report, NotStarted, NotStarted)
		if !report.Interrupted {
			t.Error("it is not said to be interrupted")
		}
		b.untouched(changes[0])
		b.untouched(changes[1])
	})
	for _, at := range []string{"taking the lease", "updating", "waiting for it to start",
		"waiting for its health checks"} {
		bubble(t, at, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{CheckDelay: time.Minute})
			b.settle()
			changes := b.changes()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			report := b.engine.Run(ctx, b.grant(changes), b.work(changes), func(p Phase) {
				if p.Doing == at {
					cancel()
				}
			})
			b.states(report, Healthy, NotStarted)
			if _, failed := report.Failed(); failed || !report.Interrupted {
				t.Errorf("got %+v", report)
			}
			b.released(changes[0].Before.ID)
			b.untouched(changes[1])
		})
	}
	bubble(t, "waiting for somebody else's lease", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		b.HoldLease(b.app, changes[0].Before.ID, "other@example.com", time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		report := b.runWith(ctx, b.grant(changes), changes)
		b.states(report, NotStarted, NotStarted)
		if !report.Interrupted || report.Took != 10*time.Second {
			t.Errorf("interrupted %t after %v", report.Interrupted, report.Took)
		}
		b.unchanged(changes[0])
	})
}

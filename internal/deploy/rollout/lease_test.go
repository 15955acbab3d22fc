package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestLeaseStumbles: a lease that cannot be prolonged is no reason to take a
// configuration back: proving only reads. What must be written is written under
// a lease that holds.
func TestLeaseStumbles(t *testing.T) {
	stumble := func(b *deployedApp, id string, times int) {
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: id, After: 1, Times: times, Status: 502})
	}
	bubble(t, "for a while", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{CheckDelay: 70 * time.Second})
		b.settle()
		changes := b.changes()[:1]
		id := changes[0].Before.ID
		stumble(b, id, 3)
		b.states(b.run(changes), Healthy)
		b.leaseNeverLapsed(id)
		b.released(id)
	})
	bubble(t, "for ever, and the Machine is well", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{CheckDelay: 70 * time.Second})
		b.settle()
		changes := b.changes()[:1]
		stumble(b, changes[0].Before.ID, -1)
		b.states(b.run(changes), Healthy)
		b.released(changes[0].Before.ID)
	})
	bubble(t, "until it has run out, and the Machine is not well", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()[:1]
		id := changes[0].Before.ID
		b.FailMachine(b.app, id, flysim.FailChecks)
		stumble(b, id, 16)
		b.states(b.run(changes), PutBack)
		b.has(id, changes[0].Before.Config)
		b.released(id)
	})
	bubble(t, "taken away for ever", func(t *testing.T) {
		const other = "mallory@example.com"
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.FailMachine(b.app, id, flysim.FailChecks)
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: id, After: 1,
			Before: func(p *flysim.Platform) { p.HoldLease(b.app, id, other, time.Hour) }})
		report := b.run(changes)
		b.states(report, Broken, NotStarted)
		b.failed(report, id, gate.Busy, "did not pass", "put back", other)
		if changed := machine.Diff(b.MachineConfig(b.app, id), changes[0].After.WithoutFlyctlVersion()); len(changed) != 0 {
			t.Errorf("it was changed under somebody else's lease: %v", changed)
		}
		if owner := b.Machine(b.app, id).LeaseOwner; owner != other {
			t.Errorf("the lease is held by %q", owner)
		}
		b.untouched(changes[1])
	})
}

// TestLeaseAnswerLost: nothing is changed under a lease that may be ours. It is
// waited for until it has run out.
func TestLeaseAnswerLost(t *testing.T) {
	for name, fault := range map[string]flysim.Fault{
		"after":     {Reset: flysim.ResetAfter},
		"before":    {Reset: flysim.ResetBefore},
		"502":       {Status: 502, EffectThenStatus: true},
		"malformed": {Malformed: true},
		"429":       {Status: 429, RetryAfter: 2 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			changes := b.changes()[:1]
			id := changes[0].Before.ID
			fault.Operation, fault.Target = "lease.acquire", id
			b.Inject(fault)
			report := b.run(changes)
			b.states(report, Healthy)
			if lost := name != "before" && name != "429"; lost && report.Took < leaseTTL-time.Second || !lost &&
				report.Took > 15*time.Second {
				t.Errorf("it took %v", report.Took)
			}
			b.released(id)
		})
	}
}

// TestLeaseOfAnother: it is named, waited for, and never stolen; one step of the
// grant is enough.
func TestLeaseOfAnother(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		const other = "mallory@example.com"
		b := newDeployedApp(t, "shop-api", flysim.Options{RateLimits: true})
		changes := b.changes()[:1]
		id := changes[0].Before.ID
		b.HoldLease(b.app, id, other, 47*time.Second)
		w := b.work(changes)
		w.OnFailure = Stop // one lease in the grant
		report := b.do(w)
		b.states(report, Healthy)
		if report.Took < 57*time.Second || report.Took > 63*time.Second {
			t.Errorf("it took %v", report.Took)
		}
		var named bool
		for _, p := range b.phases {
			named = named || strings.Contains(p.Doing, "which "+other+" holds until 12:00:47")
		}
		if !named {
			t.Errorf("nobody is named: %v", b.phases)
		}
		for _, c := range b.Calls() {
			if c.Status == 429 {
				t.Errorf("%s came too fast", c.Operation)
			}
		}
		b.released(id)
	})
}

// TestHeartbeats: while a Machine is waited for, no silence is longer than five
// seconds.
func TestHeartbeats(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{StartDelay: 33 * time.Second, CheckDelay: 21 * time.Second})
		b.settle()
		b.Inject(flysim.Fault{Operation: "release.*", Times: 3, Delay: 18 * time.Second})
		w := b.work(b.changes())
		w.Release = newRelease()
		last, beats := b.Clock().Now(), 0
		report := b.engine.Run(t.Context(), b.grantFor(w), w, func(p Phase) {
			if silent := b.Clock().Now().Sub(last); silent > heartbeat {
				t.Errorf("silent for %v before %v", silent, p)
			}
			if last = b.Clock().Now(); p.For > 0 {
				beats++
			}
		})
		b.states(report, Healthy, Healthy)
		if beats < 20 {
			t.Errorf("%d heartbeats in %v", beats, report.Took)
		}
	})
}

// TestPanic: what goes wrong in the program itself leaves no lease behind, and no
// release as running.
func TestPanic(t *testing.T) {
	for name, when := range map[string]func(Phase) bool{
		"in a turn":             func(p Phase) bool { return p.Doing == "updating" },
		"in a heartbeat":        func(p Phase) bool { return p.For > 0 },
		"before the first turn": func(p Phase) bool { return p.Doing == "recording the release" },
		"after the last":        func(p Phase) bool { return p.Doing == "closing the release" },
		"from then on":          func(p Phase) bool { return p.Doing == "updating" || p.Doing == "closing the release" },
	} {
		bubble(t, name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			w := b.work(b.changes())
			w.Release = newRelease()
			before := len(b.Releases(b.app))
			defer func() {
				if cause := recover(); cause != "the test's" {
					t.Errorf("got %v", cause)
				}
				if have := b.Releases(b.app); len(have) > before && have[0].Status != "interrupted" {
					t.Errorf("the release is %s", have[0].Status)
				}
				b.noLeases()
				if name != "after the last" {
					b.untouched(w.Updates[1])
				}
			}()
			b.engine.Run(t.Context(), b.grantFor(w), w, func(p Phase) {
				if when(p) {
					panic("the test's")
				}
			})
		})
	}
}

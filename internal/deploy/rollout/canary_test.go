package rollout

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// with is the changes as one deployment with a strategy.
func (b *deployedApp) with(strategy Strategy, changes []Change) Work {
	w := b.work(changes)
	w.Strategy = strategy
	w.Release = &fly.NewRelease{Definition: json.RawMessage(`{"app":"` + b.app + `"}`),
		Image: "registry.fly.io/x:1", Strategy: string(strategy)}
	return w
}

// spoilNew says how the first start of the nth Machine that is created from now on ends.
func (b *deployedApp) spoilNew(nth int, failure ...flysim.Failure) {
	known := len(b.MachineIDs(b.app))
	spoil := func(p *flysim.Platform) {
		if ids := p.MachineIDs(b.app); len(ids) > known+nth {
			p.FailMachine(b.app, ids[known+nth], failure...)
			p.StartMachine(b.app, ids[known+nth]) // as if it were its first start
		}
	}
	b.Inject(flysim.Fault{Operation: "machine.wait", App: b.app, Before: spoil})
}

const somebodyElse = "other@example.com"

// truth checks that the report tells what there is: the Machines that it says
// are there, and no other, with no lease.
func (b *deployedApp) truth(report Report) {
	b.t.Helper()
	var told []string
	for _, m := range report.Machines {
		if m.ID != "" && m.State != Removed && m.State != Replaced {
			told = append(told, m.ID)
		}
	}
	there := b.MachineIDs(b.app)
	slices.Sort(told)
	slices.Sort(there)
	if !slices.Equal(told, there) {
		b.t.Errorf("the report tells of %q, there are %q", told, there)
	}
	for _, id := range there {
		if owner := b.Machine(b.app, id).LeaseOwner; owner != "" && owner != somebodyElse {
			b.t.Errorf("%s still holds the lease of Machine %s", owner, id)
		}
	}
}

// sequence is the operations that change Machines, with the part that each of
// them plays, repetitions left out.
func (b *deployedApp) sequence(report Report) []string {
	role := make(map[string]string)
	for _, m := range report.Machines {
		role[m.ID] = string(m.Role) + " "
	}
	var out []string
	for _, c := range b.Calls() {
		name, ok := strings.CutPrefix(c.Operation, "machine.")
		if step := role[c.Target] + name; ok && c.Write && (len(out) == 0 || out[len(out)-1] != step) {
			out = append(out, step)
		}
	}
	return out
}

func (b *deployedApp) sequenceIs(report Report, want ...string) {
	b.t.Helper()
	if got := b.sequence(report); !slices.Equal(got, want) {
		b.t.Errorf("got %q, want %q", got, want)
	}
}

// releaseIs checks how the release of a report ended.
func (b *deployedApp) releaseIs(report Report, want fly.ReleaseStatus) {
	b.t.Helper()
	if report.Release == nil || report.Release.Status != want || report.Release.Err != nil {
		b.t.Errorf("got release %+v, want %s", report.Release, want)
	}
}

func TestCanary(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{StartDelay: 5 * time.Second,
			CheckDelay: 3 * time.Second, RateLimits: true})
		b.settle()
		changes := b.changes()
		report := b.do(b.with(Canary, changes))
		b.states(report, Removed, Healthy, Healthy)
		b.truth(report)
		b.sequenceIs(report, "create", "canary destroy", " update")
		b.releaseIs(report, fly.ReleaseComplete)
		canary := report.Machines[0]
		if canary.Role != RoleCanary || canary.Err != nil || !canary.Created || canary.Group != "app" ||
			canary.Region != "iad" || !strings.Contains(canary.Proof, "1 of 1") {
			t.Errorf("got %+v", canary)
		}

		var asked struct {
			Config   machine.Config
			Region   string
			Unrouted bool `json:"skip_service_registration"`
		}
		for _, c := range b.Calls() {
			if c.Operation == "machine.create" {
				if err := json.Unmarshal(c.Body, &asked); err != nil {
					t.Fatal(err)
				}
			}
		}
		if asked.Config.Label(machine.MetadataCanary) != "true" ||
			string(asked.Config.Raw("dns")) != `{"skip_registration":true}` || !asked.Unrouted {
			t.Errorf("got metadata %s, dns %s, unrouted %t", asked.Config.Raw("metadata"), asked.Config.Raw("dns"),
				asked.Unrouted)
		}
		if asked.Config.Label(machine.MetadataReleaseID) != report.Release.Release.ID {
			t.Errorf("the canary has not the label of the release: %s", asked.Config.Raw("metadata"))
		}
		for _, c := range changes {
			if got := b.MachineConfig("shop-api", c.Before.ID); got.Label(machine.MetadataCanary) != "" ||
				got.Raw("dns") != nil {
				t.Errorf("Machine %s got what is the canary's", c.Before.ID)
			}
		}
	})
}

// TestCanaryFails: nothing of the app is touched, nothing of the canary stays,
// and nothing else is begun, whatever is to be done on a failure.
func TestCanaryFails(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(b *deployedApp)
		state State
		says  string
	}{
		{"its program ends", func(b *deployedApp) { b.spoilNew(0, flysim.FailExit) }, Removed, "ended with exit code 1"},
		{"its program is out of memory again and again", func(b *deployedApp) { b.spoilNew(0, flysim.FailOOM) },
			Removed, "lack of memory"},
		{"its checks never pass", func(b *deployedApp) { b.spoilNew(0, flysim.FailChecks) }, Removed, "did not pass"},
		{"it cannot be launched", func(b *deployedApp) { b.spoilNew(0, flysim.FailLaunch) }, Removed, "failed to start"},
		{"there is no room for it", func(b *deployedApp) { b.Inject(flysim.NoCapacity("machine.create")) },
			Unchanged, "create"},
		{"the lost answer to its creation", func(b *deployedApp) {
			b.spoilNew(0, flysim.FailExit)
			b.Inject(flysim.Fault{Operation: "machine.create", Reset: flysim.ResetAfter})
		}, Removed, "ended with exit code 1"},
		{"somebody stops it", func(b *deployedApp) {
			known := len(b.MachineIDs(b.app))
			b.Inject(flysim.Fault{Operation: "machine.get", Before: func(p *flysim.Platform) {
				p.StopMachine(b.app, p.MachineIDs(b.app)[known])
			}})
		}, Removed, "was not proved"},
		{"it cannot be destroyed", func(b *deployedApp) {
			b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 500, Times: -1})
		}, Broken, "destroy it again"},
	}
	for i, test := range tests {
		onFailure := []OnFailure{PutAllBack, Stop, Continue}[i%3]
		bubble(t, test.name+", "+string(onFailure), func(t *testing.T) {
			b := newFleet(t, flysim.Options{CheckDelay: 3 * time.Second, CrashAfter: time.Second},
				fleetGroup{name: "api", running: 2, checks: true})
			changes := b.changes()
			w := b.with(Canary, changes)
			w.OnFailure = onFailure
			test.spoil(b)
			report := b.do(w)
			b.states(report, test.state, NotStarted, NotStarted)
			b.failed(report, report.Machines[0].ID, "", test.says)
			b.truth(report)
			b.releaseIs(report, fly.ReleaseFailed)
			for _, c := range changes {
				b.untouched(c)
			}
		})
	}
}

// TestCanaryAnswerLost: it is found, proved and destroyed, and not made twice.
func TestCanaryAnswerLost(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{MachineLag: 2}, fleetGroup{name: "api", running: 2, checks: true})
		w := b.with(Canary, b.changes())
		b.Inject(flysim.Fault{Operation: "machine.create", Reset: flysim.ResetAfter})
		b.Inject(flysim.Fault{Operation: "machine.destroy", Reset: flysim.ResetAfter})
		report := b.do(w)
		b.states(report, Removed, Healthy, Healthy)
		b.truth(report)
		b.sequenceIs(report, "create", "canary destroy", " update")
	})
}

// TestCanaryCancelled: the canary comes to its end, and no Machine is begun.
func TestCanaryCancelled(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{CheckDelay: 3 * time.Second}, fleetGroup{name: "api", running: 2, checks: true})
		changes := b.changes()
		w := b.with(Canary, changes)
		ctx, cancel := context.WithCancel(t.Context())
		b.Inject(flysim.Fault{Operation: "machine.create", Before: func(*flysim.Platform) { cancel() }})
		report := b.carryOut(ctx, b.grantFor(w), w)
		b.states(report, Removed, NotStarted, NotStarted)
		b.truth(report)
		b.releaseIs(report, fly.ReleaseInterrupted)
		if !report.Interrupted {
			t.Error("the report does not say that it was interrupted")
		}
		for _, c := range changes {
			b.untouched(c)
		}
	})
}

// TestCanaryLeftover: what a process that ended left behind is destroyed first.
func TestCanaryLeftover(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		config, err := canaryConfig(b.MachineConfig("shop-api", b.MachineIDs("shop-api")[0]))
		if err != nil {
			t.Fatal(err)
		}
		left := b.AddMachine("shop-api", "iad", config)
		b.settle()
		report := b.do(b.with(Canary, b.changes()))
		b.sequenceIs(report, "leftover destroy", "create", "canary destroy", " update")
		b.truth(report)
		i := slices.IndexFunc(report.Machines, func(m Outcome) bool { return m.ID == left })
		if i < 0 || report.Machines[i].State != Removed || report.Machines[i].Role != RoleLeftover {
			t.Errorf("got %+v", report.Machines)
		}
	})
}

// TestCanaryPerGroup: one for each group in which something changes, none for
// standbys, none where there is nothing yet.
func TestCanaryPerGroup(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "legacy-api", flysim.Options{})
		b.settle()
		changes := b.changes()
		var groups []string
		for _, c := range b.with(Canary, changes).canaries() {
			groups = append(groups, c.Group)
		}
		if want := []string{"web", "worker"}; !slices.Equal(groups, want) {
			t.Errorf("got canaries %q, want %q", groups, want)
		}
		changes[0].After = changes[0].Before.Config
		standby, err := changes[1].After.With("standbys", []string{changes[0].Before.ID})
		if err != nil {
			t.Fatal(err)
		}
		changes[1].After = standby
		for _, w := range []Work{b.with(Canary, changes), b.with(Canary, nil)} {
			if got := w.canaries(); len(got) != 0 {
				t.Errorf("got %+v, want none", got)
			}
		}
	})
}

func TestCanaryRefusesVolumes(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		mounted, err := changes[1].After.With("mounts", []map[string]string{{"volume": "vol_1", "path": "/data"}})
		if err != nil {
			t.Fatal(err)
		}
		changes[1].After = mounted
		err = b.with(Canary, changes).Check()
		if fly.CodeOf(err) != gate.Precondition ||
			!strings.Contains(err.Error(), "canary deployment strategy is not supported when using mounted volumes") {
			t.Errorf("got %v", err)
		}
		if err := b.with(Rolling, changes).Check(); err != nil {
			t.Error(err)
		}
	})
}

package rollout

import (
	"encoding/json"
	"fmt"
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

// watched sees to it that at every change some Machine of the app serves: it is
// in routing, started, and its checks pass. Faults injected later are not seen.
func (b *deployedApp) watched() {
	b.Inject(flysim.Fault{Operation: "machine.*", Times: -1, Before: func(p *flysim.Platform) {
		for _, id := range p.MachineIDs(b.app) {
			if m := p.Machine(b.app, id); !m.Cordoned && m.State == "started" && m.ChecksPassing {
				return
			}
		}
		b.t.Error("no Machine serves")
	}})
}

// greensFirst checks that no blue Machine was changed before the last green one
// was proved, which is when the first is put into routing.
func (b *deployedApp) greensFirst(report Report) {
	b.t.Helper()
	blue := make(map[string]bool)
	for _, m := range report.Machines {
		blue[m.ID] = m.Role == RoleBlue
	}
	for _, c := range b.Calls() {
		if c.Operation == "machine.uncordon" {
			return
		}
		if blue[c.Target] && c.Write && strings.HasPrefix(c.Operation, "machine.") {
			b.t.Errorf("%s of the blue Machine %s before the green ones are in routing", c.Operation, c.Target)
		}
	}
}

// serving are the Machines in routing.
func (b *deployedApp) serving() []string {
	var ids []string
	for _, id := range b.MachineIDs(b.app) {
		if !b.Machine(b.app, id).Cordoned {
			ids = append(ids, id)
		}
	}
	return ids
}

// asBefore checks that the app has the Machines that the plan saw, as they were,
// all in routing, and no other.
func (b *deployedApp) asBefore(changes []Change) {
	b.t.Helper()
	var want []string
	for _, c := range changes {
		want = append(want, c.Before.ID)
		now := b.Machine(b.app, c.Before.ID)
		if now.InstanceID != c.Before.InstanceID || now.State != c.Before.State || now.Cordoned != c.Before.Cordoned {
			b.t.Errorf("Machine %s is at %s, %s, cordoned %t; was at %s, %s", now.ID, now.InstanceID, now.State,
				now.Cordoned, c.Before.InstanceID, c.Before.State)
		}
		if tag := now.Config.Label(machine.MetadataBlueGreenTag); tag != c.Before.Config.Label(machine.MetadataBlueGreenTag) {
			b.t.Errorf("Machine %s has the tag %q", c.Before.ID, tag)
		}
	}
	slices.Sort(want)
	got := b.MachineIDs(b.app)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		b.t.Errorf("the app has the Machines %q, want %q", got, want)
	}
}

func TestBlueGreen(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{StartDelay: 5 * time.Second,
			CheckDelay: 3 * time.Second, RateLimits: true})
		b.settle()
		changes := b.changes()
		b.watched()
		report := b.do(b.with(BlueGreen, changes))
		b.states(report, Healthy, Healthy, Replaced, Replaced)
		b.truth(report)
		b.greensFirst(report)
		b.releaseIs(report, fly.ReleaseComplete)
		b.sequenceIs(report, "create", "green uncordon", "blue metadata.set", "blue cordon", "blue stop", "blue destroy")
		for i, c := range changes {
			green, blue := report.Machines[i], report.Machines[i+2]
			if green.Role != RoleGreen || green.For != c.Before.ID || green.Err != nil || len(green.Mismatch) != 0 ||
				green.Region != c.Before.Region ||
				!strings.Contains(green.Proof, "1 of 1") || blue.Role != RoleBlue || blue.ID != c.Before.ID || blue.Err != nil {
				t.Errorf("got %+v, %+v", green, blue)
			}
			got := b.Machine("shop-api", green.ID)
			if got.State != "started" || got.Cordoned || !got.ChecksPassing {
				t.Errorf("got %+v", got)
			}
			metadata, err := got.Config.Metadata()
			want := map[string]string{
				machine.MetadataBlueGreenTag: "1795349400", ReplacesKey: c.Before.ID,
				machine.MetadataReleaseID: report.Release.Release.ID, machine.MetadataProcessGroup: "app",
			}
			for key, value := range want {
				if metadata[key] != value || err != nil {
					t.Errorf("got %s = %q (%v), want %q", key, metadata[key], err, value)
				}
			}
		}
		if len(report.Machines[0].Listening)+len(report.Machines[1].Listening) != 1 {
			t.Errorf("got %+v", report.Machines)
		}
	})
}

// TestBlueGreenTakesItsTime: Fly Proxy gets its ten seconds before the blue
// Machines are out of routing, and before they are stopped.
func TestBlueGreenTakesItsTime(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.do(b.with(BlueGreen, b.changes()))
		last := make(map[string]time.Time)
		first := make(map[string]time.Time)
		for _, c := range b.Calls() {
			if last[c.Operation] = c.Time; first[c.Operation].IsZero() {
				first[c.Operation] = c.Time
			}
		}
		for _, gap := range [][2]string{{"machine.uncordon", "machine.cordon"}, {"machine.cordon", "machine.stop"}} {
			if got := first[gap[1]].Sub(last[gap[0]]); got < proxyTime {
				t.Errorf("%v between %s and %s, want %v", got, gap[0], gap[1], proxyTime)
			}
		}
	})
}

// TestBlueGreenIsHeard: it is never silent for longer than a heartbeat, and tells
// of what is going on, not of what is over.
func TestBlueGreenIsHeard(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: 12 * time.Second, CheckDelay: 13 * time.Second},
			fleetGroup{name: "api", running: 2, checks: true})
		w := b.with(BlueGreen, b.changes())
		grant, last := b.grantFor(w), b.Clock().Now()
		report := b.engine.Run(t.Context(), grant, w, func(p Phase) {
			if now := b.Clock().Now(); now.Sub(last) > heartbeat {
				t.Errorf("%v of silence before %+v", now.Sub(last), p)
			}
			if last = b.Clock().Now(); p.For > proxyTime && !strings.HasPrefix(p.Doing, "waiting") {
				t.Errorf("got %+v", p)
			}
		})
		b.states(report, Healthy, Healthy, Replaced, Replaced)
	})
}

// TestBlueGreenMeanwhile: what happened to a blue Machine between the plan and
// its turn. One that was woken gets a green one that runs; one that a person took
// out of routing, or put into it, is not what was approved.
func TestBlueGreenMeanwhile(t *testing.T) {
	bubble(t, "woken", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", stopped: 1, checks: true, autostop: true})
		w := b.upgradeWith(BlueGreen)
		w.Wake = false
		b.StartMachine(fleet, w.Updates[0].Before.ID)
		report := b.do(w)
		b.states(report, Healthy, Replaced)
		b.truth(report)
		if got := b.Machine(fleet, report.Machines[0].ID); got.State != "started" {
			t.Errorf("the green Machine is %s", got.State)
		}
		b.sequenceIs(report, "create", "green uncordon", "blue metadata.set", "blue cordon", "blue stop", "blue destroy")
	})
	bubble(t, "cordoned", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true})
		w := b.upgradeWith(BlueGreen)
		b.cordon(w.Updates[0].Before.ID)
		report := b.do(w)
		b.states(report, NotStarted, Unchanged)
		b.failed(report, w.Updates[0].Before.ID, gate.Stale, "cordoned")
		b.truth(report)
	})
}

// TestBlueGreenFailsBeforeTheSwitch: the green Machines are gone, the blue ones
// never got a request that changes them, whatever is to be done on a failure.
func TestBlueGreenFailsBeforeTheSwitch(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(b *deployedApp, w Work)
		state []State
		says  string
	}{
		{"a green one is not healthy", func(b *deployedApp, _ Work) { b.spoilNew(1, flysim.FailChecks) },
			[]State{Removed, Removed, NotStarted, NotStarted}, "did not pass"},
		{"a green one's program ends", func(b *deployedApp, _ Work) { b.spoilNew(0, flysim.FailExit) },
			[]State{Removed, Removed, NotStarted, NotStarted}, "exit code 1"},
		{"no room for the second", func(b *deployedApp, _ Work) {
			fault := flysim.NoCapacity("machine.create")
			fault.After = 1
			b.Inject(fault)
		}, []State{Removed, Unchanged, NotStarted, NotStarted}, "create"},
		{"somebody else deploys", func(b *deployedApp, w Work) {
			b.HoldLease(b.app, w.Updates[1].Before.ID,
				somebodyElse, time.Hour)
		},
			[]State{NotStarted, NotStarted, NotStarted, Unchanged}, somebodyElse + " holds it"},
		{"a blue one has changed", func(b *deployedApp, w Work) {
			b.SetMachineConfig(b.app, w.Updates[0].Before.ID, w.Updates[0].Before.Config)
			b.settle()
			w.Updates[0].Before.State = "started"
		}, []State{NotStarted, NotStarted, Unchanged, NotStarted}, "has changed meanwhile"},
		{"a green one cannot be put into routing", func(b *deployedApp, _ Work) {
			b.Inject(flysim.Fault{Operation: "machine.uncordon", Status: 422, After: 1})
		}, []State{Removed, Removed, NotStarted, NotStarted}, "uncordon"},
	}
	for i, test := range tests {
		onFailure := []OnFailure{PutAllBack, Stop, Continue}[i%3]
		bubble(t, test.name+", "+string(onFailure), func(t *testing.T) {
			b := newFleet(t, flysim.Options{CheckDelay: 3 * time.Second}, fleetGroup{name: "api", running: 2, checks: true})
			w := b.with(BlueGreen, b.changes())
			w.OnFailure = onFailure
			test.spoil(b, w)
			b.watched()
			report := b.do(w)
			b.states(report, test.state...)
			if failed, ok := report.Failed(); !ok || !strings.Contains(failed.Err.Error(), test.says) {
				t.Errorf("got %v, want %q in it", failed.Err, test.says)
			}
			b.truth(report)
			b.greensFirst(report)
			b.releaseIs(report, fly.ReleaseFailed)
			for _, step := range b.sequence(report) {
				if strings.HasPrefix(step, "blue") {
					t.Errorf("got %s", step)
				}
			}
			if got := b.serving(); len(got) != 2 {
				t.Errorf("got %q in routing", got)
			}
		})
	}
}

// TestBlueGreenAsleep: a stopped Machine gets a stopped one, proved once; a
// cordoned one gets a cordoned one.
func TestBlueGreenAsleep(t *testing.T) {
	for _, wake := range []bool{true, false} {
		bubble(t, fmt.Sprintf("wake %t", wake), func(t *testing.T) {
			b := newDeployedApp(t, "inner-circle", flysim.Options{StartDelay: time.Second})
			b.settle()
			changes := b.changes() // the first runs, the second is stopped
			w := b.with(BlueGreen, changes)
			w.Wake = wake
			for i := range w.Updates {
				w.Updates[i].After = b.checked(w.Updates[i].After)
			}
			w.Updates[1].Before.Cordoned = true
			b.cordon(w.Updates[1].Before.ID)
			report := b.do(w)
			second := Unproven
			if wake {
				second = Healthy
			}
			b.states(report, Healthy, second, Replaced, Replaced)
			b.truth(report)
			green := report.Machines[1]
			got := b.Machine(b.app, green.ID)
			if green.Woken != wake || green.Stopped != wake || !got.Cordoned || got.State == "started" {
				t.Errorf("got %+v, %s, cordoned %t", green, got.State, got.Cordoned)
			}
			if got := b.serving(); !slices.Equal(got, []string{report.Machines[0].ID}) {
				t.Errorf("got %q in routing", got)
			}
		})
	}
}

// checked gives the first service a check.
func (b *deployedApp) checked(config machine.Config) machine.Config {
	return b.inService(config, "checks", `[{"type":"tcp","interval":"15s","timeout":"2s"}]`)
}

// cordon takes a Machine out of routing, as a person would.
func (b *deployedApp) cordon(id string) {
	b.t.Helper()
	w := Work{App: b.app}
	grant := b.granted(w, []gate.Step{{Verb: gate.CordonMachine, App: b.app, Target: id}})
	if err := b.client.CordonMachine(b.t.Context(), grant, b.app, id, nil); err != nil {
		b.t.Fatal(err)
	}
	b.ResetCalls()
}

// TestBlueGreenStandby: a standby gets one that stands by for the green Machine.
func TestBlueGreenStandby(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "legacy-api", flysim.Options{})
		worker := b.MachineIDs("legacy-api")[1]
		config, err := b.MachineConfig("legacy-api", worker).With("standbys", []string{worker})
		if err == nil {
			config, err = config.Merge("env", map[string]any{machine.EnvStandbyFor: worker})
		}
		if err != nil {
			t.Fatal(err)
		}
		id := b.AddMachine("legacy-api", "fra", config)
		b.StopMachine("legacy-api", id)
		b.settle()
		w := b.with(BlueGreen, nil)
		for _, c := range b.changes() {
			after, err := c.Before.Config.Merge("env", map[string]any{"NEW": "1"})
			if err != nil {
				t.Fatal(err)
			}
			c.After = after
			w.Updates = append(w.Updates, c)
		}
		w.Wake = true
		report := b.do(w)
		b.truth(report)
		if report.Count(Replaced) != 3 || report.Count(Healthy) != 2 || report.Count(Unproven) != 1 {
			b.states(report)
		}
		var main, standby string
		for _, m := range report.Machines {
			switch m.For {
			case worker:
				main = m.ID
			case id:
				standby = m.ID
			}
		}
		got := b.Machine("legacy-api", standby)
		env, err := got.Config.Env()
		if want := `["` + main + `"]`; err != nil || string(got.Config.Raw("standbys")) != want ||
			env[machine.EnvStandbyFor] != main || env["NEW"] != "1" || got.State == "started" {
			t.Errorf("got standbys %s, for %s, state %s; want %s", got.Config.Raw("standbys"),
				env[machine.EnvStandbyFor], got.State, want)
		}
	})
}

func TestBlueGreenChecks(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		b.settle()
		edit := func(spoil func(changes []Change)) Work {
			changes := b.changes()
			spoil(changes)
			return b.with(BlueGreen, changes)
		}
		mounted := json.RawMessage(`[{"volume":"vol_1","path":"/data"}]`)
		tests := []struct {
			name  string
			spoil func(changes []Change)
			says  string
		}{
			{"volumes", func(c []Change) { c[1].After, _ = c[1].After.With("mounts", mounted) }, "mounts a volume"},
			{"volumes before", func(c []Change) {
				c[1].Before.Config, _ = c[1].Before.Config.With("mounts",
					mounted)
			}, "mounts a volume"},
			{"no checks", func(c []Change) {
				for i := range c {
					c[i].After = b.inService(c[i].After, "checks", "[]")
				}
			}, "you need to define at least 1 check"},
			{"images", func(c []Change) { c[1].Before.ImageRef = "registry.fly.io/other:2" }, "found multiple image versions"},
		}
		for _, test := range tests {
			err := edit(test.spoil).Check()
			if fly.CodeOf(err) != gate.Precondition || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("%s: got %v, want %q", test.name, err, test.says)
			}
		}
		if err := edit(func([]Change) {}).Check(); err != nil {
			t.Error(err)
		}
		if err := b.with(BlueGreen, nil).Check(); err != nil {
			t.Error(err)
		}
	})
}

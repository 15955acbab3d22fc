package rollout

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestSteps: each step as often as it may be taken, and no other.
func TestSteps(t *testing.T) {
	config := fleetGroup{name: "api", autostop: true}.config(t)
	after, err := config.With("image", "registry.fly.io/fleet:2")
	if err != nil {
		t.Fatal(err)
	}
	fixed := fleetGroup{name: "api"}.config(t)
	change := func(id, state string, before, after machine.Config) Change {
		return Change{Before: fly.Machine{ID: id, State: state, Config: before}, Group: "api", After: after}
	}
	release := newRelease()
	full := Work{
		App: fleet, Strategy: Rolling, OnFailure: PutAllBack, Wake: true, Release: release,
		Updates: []Change{
			change("a1", "started", config, after), change("a2", "stopped", config, after),
			change("a3", "stopped", after, fixed), change("a4", "started", after, after),
		},
		Creates: []Create{{Group: "work", Region: "fra", Config: config, Volume: &fly.NewVolume{Name: "data",
			Region: "fra", SizeGB: 1, Encrypted: true}}},
	}
	created := fly.NewMachine{Config: config, Region: "fra"}.Target()
	target := func(id string, config machine.Config) string { return fly.UpdateTarget(id, config) }
	want := []string{
		"create_release " + release.Target(),
		"create_volume data@fra:1GB", "create_machine " + created, "lease_machine " + created,
		"destroy_machine " + created, "destroy_machine " + created,
		"lease_machine a1", "update_machine " + target("a1", after), "lease_machine a1", "put_back_machine " +
			target("a1", config), "put_back_machine " + target("a1", config),
		"lease_machine a4",
		"lease_machine a2", "update_machine " + target("a2", after), "start_machine a2", "lease_machine a2",
		"put_back_machine " + target("a2", config), "put_back_machine " + target("a2", config),
		"lease_machine a3", "update_machine " + target("a3", fixed), "start_machine a3", "stop_machine a3",
		"lease_machine a3", "put_back_machine " + target("a3", after), "put_back_machine " + target("a3", after),
	}
	for _, status := range []string{"running", "complete", "failed", "interrupted"} {
		for range closeTries {
			want = append(want, "update_release "+status)
		}
	}
	text := func(w Work) string {
		var lines []string
		for _, s := range w.Steps() {
			lines = append(lines, fmt.Sprintf("%s %s", s.Verb, s.Target))
		}
		return strings.Join(lines, "\n")
	}
	if got := text(full); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	bare := Work{App: fleet, Strategy: Rolling, OnFailure: Stop, Updates: full.Updates[1:2]}
	if got, want := text(bare), "lease_machine a2\nupdate_machine "+target("a2", after); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCheck(t *testing.T) {
	good := func() Work {
		return Work{App: fleet, Strategy: Rolling, OnFailure: Stop, StartWithin: time.Minute, HealthyWithin: time.Minute,
			Updates: []Change{{Before: fly.Machine{ID: "a1"}}, {Before: fly.Machine{ID: "a2"}}}}
	}
	mounted := fleetGroup{name: "work"}.config(t)
	mounted, err := mounted.With("mounts", []machine.Mount{{Name: "data", Path: "/data"}})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*Work)
		want   gate.Code
	}{
		"good":                   {func(*Work) {}, ""},
		"no strategy":            {func(w *Work) { w.Strategy = "" }, gate.InvalidInput},
		"no rule for failures":   {func(w *Work) { w.OnFailure = "hope" }, gate.InvalidInput},
		"less than none at once": {func(w *Work) { w.MaxUnavailable = -1 }, gate.InvalidInput},
		"no number":              {func(w *Work) { w.MaxUnavailable = math.NaN() }, gate.InvalidInput},
		"no time":                {func(w *Work) { w.HealthyWithin = 0 }, gate.InvalidInput},
		"twice":                  {func(w *Work) { w.Updates[1] = w.Updates[0] }, gate.InvalidInput},
		"not whole":              {func(w *Work) { w.Updates[1].Before.Incomplete = true }, gate.Precondition},
		"a mount without a volume": {func(w *Work) { w.Creates = []Create{{Config: mounted, Region: "fra"}} },
			gate.InvalidInput},
		"a mount with a volume": {
			func(w *Work) { w.Creates = []Create{{Config: mounted, Region: "fra", Use: "vol_1"}} }, ""},
		"a volume without a mount": {func(w *Work) { w.Creates = []Create{{Region: "fra", Use: "vol_1"}} },
			gate.InvalidInput},
		"a volume somewhere else": {func(w *Work) {
			w.Creates = []Create{{Config: mounted, Region: "fra", Volume: &fly.NewVolume{Region: "iad"}}}
		}, gate.InvalidInput},
		"two volumes for one mount": {
			func(w *Work) { w.Creates = []Create{{Config: mounted, Use: "vol_1", Volume: &fly.NewVolume{}}} },
			gate.InvalidInput},
	}
	for name, test := range tests {
		w := good()
		test.change(&w)
		if got := fly.CodeOf(w.Check()); got != test.want {
			t.Errorf("%s: got %q (%v), want %q", name, got, w.Check(), test.want)
		}
	}
}

// TestSame: a Machine that has the configuration already is proved, and nothing
// is sent to it.
func TestSame(t *testing.T) {
	same := func(b *deployedApp) Work {
		w := b.upgrade()
		for i := range w.Updates {
			w.Updates[i].After = w.Updates[i].Before.Config
		}
		w.Wake, w.Release = true, newRelease()
		return w
	}
	bubble(t, "well", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, stopped: 1, checks: true, autostop: true})
		w := same(b)
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 2})
		for _, c := range w.Updates {
			if n := b.count(c.Before.ID, "machine.update"); n != 0 {
				t.Errorf("%d updates were sent", n)
			}
			b.has(c.Before.ID, c.Before.Config)
		}
		b.noLeases()
	})
	bubble(t, "not well", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		w := same(b)
		first := w.member("api", 0)
		b.SetListen(fleet, first.Before.ID, nil)
		report := b.do(w)
		b.counts(report, map[State]int{Failed: 1, NotStarted: 1})
		b.failed(report, first.Before.ID, "", "did not pass")
		b.unchanged(first)
	})
}

package rollout

import (
	"slices"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestStrategyKilled: our process ends at any request. A rerun, with a new plan
// over what is there, finishes: as many Machines as before, all with the new
// image, all in routing, and nothing left over of either run. At every request
// some Machine serves. Every fifth request stands for all; of canary, those up to
// the rolling part, which is TestKilled's.
func TestStrategyKilled(t *testing.T) {
	for strategy, most := range map[Strategy]int{Canary: 20, BlueGreen: 100} {
		for after := 0; after < most; after += 5 {
			whole := false
			platformtest.InBubble(t, func(t *testing.T) {
				b := newFleet(t, flysim.Options{StartDelay: time.Second, CheckDelay: time.Second},
					fleetGroup{name: "api", running: 2, checks: true}, fleetGroup{name: "web", stopped: 1, autostop: true})
				b.watched()
				survivor := b.client
				mortal := &dying{next: b.Transport()}
				mortal.left.Store(int64(after) + 1) // one for the list of the plan
				b.client = b.Client(func(o *fly.Options) { o.HTTP = mortal })
				b.engine.Client = b.client
				w := b.upgradeWith(strategy)
				first := b.do(w)
				whole = first.Err == nil && first.Release.Status == fly.ReleaseComplete

				b.client, b.engine.Client = survivor, survivor
				report := b.do(b.upgradeWith(strategy))
				if report.Err != nil || report.Release.Status != fly.ReleaseComplete || report.Count(Healthy) != 3 {
					t.Errorf("got %v, release %+v", report.Err, report.Release)
					b.states(report)
				}
				b.truth(report)
				ids := b.MachineIDs(fleet)
				if len(ids) != 3 || len(b.serving()) != 3 {
					t.Errorf("got the Machines %q, in routing %q, want 3", ids, b.serving())
				}
				for _, id := range ids {
					config := b.MachineConfig(fleet, id)
					if config.Image() != "registry.fly.io/fleet:2" || config.Label(machine.MetadataCanary) != "" ||
						config.Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy {
						t.Errorf("Machine %s runs %s, with metadata %s", id, config.Image(), config.Raw("metadata"))
					}
				}
			})
			if t.Failed() {
				t.Fatalf("%s, killed after %d requests", strategy, after)
			}
			if whole {
				if after < 20 {
					t.Errorf("%s: the whole run took only %d requests", strategy, after)
				}
				break
			}
			if after+5 >= most && strategy == BlueGreen {
				t.Errorf("%s: no run came to its end within %d requests", strategy, most)
			}
		}
	}
}

// upgradeWith is a new image for all Machines of the app.
func (b *deployedApp) upgradeWith(strategy Strategy) Work {
	w := b.with(strategy, b.upgrade().Updates)
	w.Wake = true
	return w
}

// TestBlueGreenTwice: a second run has nothing to do but to look, and another
// image is another exchange.
func TestBlueGreenTwice(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		b.do(b.upgradeWith(BlueGreen))
		after := slices.Sorted(slices.Values(b.MachineIDs(fleet)))
		report := b.do(b.upgradeWith(BlueGreen))
		b.states(report, Healthy, Healthy)
		b.sequenceIs(report)
		if got := slices.Sorted(slices.Values(b.MachineIDs(fleet))); !slices.Equal(got, after) {
			t.Errorf("got %q, want %q", got, after)
		}
		w := b.upgradeWith(BlueGreen)
		for i, c := range w.Updates {
			config, err := c.After.With("image", "registry.fly.io/fleet:3")
			if err != nil {
				t.Fatal(err)
			}
			w.Updates[i].After = config
		}
		report = b.do(w)
		b.states(report, Healthy, Healthy, Replaced, Replaced)
		b.truth(report)
	})
}

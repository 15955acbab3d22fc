package rollout

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// fleetGroup is a process group of an app made for a test.
type fleetGroup struct {
	name             string
	running, stopped int
	checks           bool // one check for its service
	worker           bool // no service at all
	autostop         bool
}

const fleet = "fleet"

// newFleet makes an app that has the groups.
func newFleet(t *testing.T, options flysim.Options, groups ...fleetGroup) *deployedApp {
	t.Helper()
	b := newDeployedApp(t, fleet, options)
	for _, g := range groups {
		for i := range g.running + g.stopped {
			id := b.AddMachine(fleet, "iad", g.config(t))
			if i >= g.running {
				b.settle()
				b.StopMachine(fleet, id)
			}
		}
	}
	b.settle()
	return b
}

func (g fleetGroup) config(t *testing.T) machine.Config {
	t.Helper()
	document := map[string]any{
		"image":    "registry.fly.io/fleet:1",
		"env":      map[string]string{"V": "1"},
		"guest":    map[string]any{"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
		"metadata": map[string]string{"fly_platform_version": "v2", "fly_process_group": g.name},
	}
	if !g.worker {
		service := map[string]any{"protocol": "tcp", "internal_port": 8080, "autostop": g.autostop, "autostart": g.autostop}
		if g.checks {
			service["checks"] = []map[string]any{{"type": "tcp", "interval": "5s", "timeout": "2s"}}
		}
		document["services"] = []map[string]any{service}
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	config, err := machine.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// upgrade is a new image for all Machines of the app.
func (b *deployedApp) upgrade() Work {
	b.t.Helper()
	machines, err := b.client.Machines(b.t.Context(), b.app)
	if err != nil {
		b.t.Fatal(err)
	}
	var changes []Change
	for _, m := range machines {
		after, err := m.Config.With("image", "registry.fly.io/fleet:2")
		if err != nil {
			b.t.Fatal(err)
		}
		changes = append(changes, Change{Before: m, Group: m.Config.ProcessGroup(), After: after})
	}
	b.ResetCalls()
	return b.work(changes)
}

// member is the nth Machine of a group, in the order of the rollout.
func (w Work) member(group string, n int) Change {
	for _, c := range w.sortedUpdates() {
		if c.Group == group {
			if n--; n < 0 {
				return c
			}
		}
	}
	panic("no such Machine")
}

// noLeases checks that no Machine of the app is leased.
func (b *deployedApp) noLeases() {
	b.t.Helper()
	for _, id := range b.MachineIDs(b.app) {
		if owner := b.Machine(b.app, id).LeaseOwner; owner != "" {
			b.t.Errorf("%s still holds the lease of Machine %s", owner, id)
		}
	}
}

// counts checks how many Machines ended in which state.
func (b *deployedApp) counts(r Report, want map[State]int) {
	b.t.Helper()
	got := make(map[State]int)
	for _, m := range r.Machines {
		got[m.State]++
	}
	if !maps.Equal(got, want) {
		b.t.Errorf("got %v, want %v", got, want)
		for _, m := range r.Machines {
			b.t.Logf("%s %s: %s: %v", m.Group, m.ID, m.State, m.Err)
		}
	}
}

// spans are the times from a Machine's update to the return of its lease, in the
// order in which they begin.
type span struct {
	id         string
	group      string
	begin, end int // places in the log of calls
}

func (b *deployedApp) spans(w Work) []span {
	group := make(map[string]string)
	for _, c := range w.Updates {
		group[c.Before.ID] = c.Group
	}
	var out []span
	for i, c := range b.Calls() {
		switch c.Operation {
		case "machine.update":
			out = append(out, span{id: c.Target, group: group[c.Target], begin: i})
		case "lease.release":
			for k := range out {
				if out[k].id == c.Target {
					out[k].end = i
				}
			}
		}
	}
	return out
}

// widestOverlap is how many of the spans overlap at most.
func widestOverlap(spans []span) int {
	widest := 0
	for _, a := range spans {
		n := 0
		for _, b := range spans {
			if b.begin <= a.begin && a.begin < b.end {
				n++
			}
		}
		widest = max(widest, n)
	}
	return widest
}

func only(spans []span, group string) []span {
	return slices.DeleteFunc(slices.Clone(spans), func(s span) bool { return s.group != group })
}

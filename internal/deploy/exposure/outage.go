package exposure

import (
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// turnover is what a deploy does to one process group while it runs.
type turnover struct {
	there   int // Machines of the group
	updated int // of them, those that get another configuration
	working int // of the updated ones, those that do the group's work now
	staying int // Machines that are left as they are, and do its work
}

// mayStopAll reports whether all Machines that do the group's work may be down at one time.
func (t turnover) mayStopAll(work rollout.Work) bool {
	return t.staying == 0 && work.AtOnce(t.updated) >= t.working
}

// turnovers returns the turnover of each group in which a Machine changes.
func (d Deploy) turnovers() map[string]turnover {
	changes := make(map[string]rollout.Change)
	groups := make(map[string]turnover)
	for _, c := range d.Work.Updates {
		if !c.Same() {
			changes[c.Before.ID] = c
			groups[c.Group] = turnover{}
		}
	}
	for _, m := range d.Before.Machines {
		change, updated := changes[m.ID]
		group := d.groupOf(m)
		if updated {
			group = change.Group
		}
		t, ok := groups[group]
		if !ok {
			continue
		}
		t.there++
		switch working := canWork(m); {
		case updated && working:
			t.updated++
			t.working++
		case updated:
			t.updated++
		case working:
			t.staying++
		}
		groups[group] = t
	}
	return groups
}

// canWork reports whether a Machine can do the work of its group: its host is well, Fly
// Proxy sends it requests if it serves, and it is no standby.
func canWork(m fly.Machine) bool {
	return !m.HostDown() && !(m.Cordoned && m.Config.HasPort()) && !m.Config.IsStandby()
}

// briefOutage reports whether all Machines that do the work of a group may be down at one
// time.
func (d Deploy) briefOutage() bool {
	if d.Work.Strategy == rollout.BlueGreen {
		return false
	}
	for _, t := range d.turnovers() {
		if d.Work.Strategy == rollout.Immediate || t.mayStopAll(d.Work) {
			return true
		}
	}
	return false
}

// AtOnce says of each group how many of its Machines may be down at one time, as
// [plan.AtOnce] writes it.
func (d Deploy) AtOnce() map[string]string {
	out := make(map[string]string)
	for group, t := range d.turnovers() {
		if n := d.Work.AtOnce(t.updated); n > 0 {
			out[group] = plan.AtOnce(n, t.there, t.mayStopAll(d.Work))
		}
	}
	return out
}

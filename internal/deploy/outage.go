package deploy

import (
	"cmp"
	"maps"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// turnover is what a deploy does to one process group while it is under way.
type turnover struct {
	there   int // Machines of the group
	updated int // of them, those that get another configuration
	helping int // of the updated ones, those that do the group's work now
	staying int // Machines that are left as they are, and do its work
}

// whole reports whether all Machines that do the group's work may be down at one
// time.
func (t turnover) whole(work rollout.Work) bool {
	return t.staying == 0 && work.AtOnce(t.updated) >= t.helping
}

// turnovers are those of the groups of which Machines change. They never depend
// on run states: Machines stop while people read, and that must not make an
// approval stale.
func (d *deployment) turnovers() map[string]turnover {
	changes := make(map[string]rollout.Change)
	groups := make(map[string]turnover)
	for _, c := range d.changes {
		if !c.Same() {
			changes[c.Before.ID] = c
			groups[c.Group] = turnover{}
		}
	}
	for _, m := range d.snapshot.Machines {
		change, updated := changes[m.ID]
		group := m.Config.ProcessGroup()
		if d.file != nil {
			group = cmp.Or(group, d.file.DefaultGroup())
		}
		if updated {
			group = change.Group
		}
		t, ok := groups[group]
		if !ok {
			continue
		}
		t.there++
		switch helps := works(m); {
		case updated && helps:
			t.updated++
			t.helping++
		case updated:
			t.updated++
		case helps:
			t.staying++
		}
		groups[group] = t
	}
	return groups
}

// serves reports whether Fly Proxy listens for a service of the Machine.
func serves(c machine.Config) bool {
	return slices.ContainsFunc(c.ServicesOrNone(), machine.Service.HasPort)
}

// works reports whether a Machine can do the work of its group: its host is
// well, Fly Proxy sends it requests if it serves, and it is no standby.
func works(m fly.Machine) bool {
	return !hostless(m) && !(m.Cordoned && serves(m.Config)) && !standby(m.Config)
}

// outages states a short outage where all Machines that do the work of a group
// may be down at one time.
func (d *deployment) outages() {
	work := d.toWork()
	if work.Strategy == rollout.BlueGreen {
		return
	}
	for _, t := range d.turnovers() {
		if work.Strategy == rollout.Immediate || t.whole(work) {
			d.hazard(plan.BriefOutage)
		}
	}
}

// widthFacts tell of each group how many of its Machines may be down at one
// time.
func (d *deployment) widthFacts(p *plan.Plan, work rollout.Work) {
	groups := d.turnovers()
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		t := groups[group]
		if n := work.AtOnce(t.updated); n > 0 {
			p.Fact(plan.FactAtOnce+group, plan.AtOnce(n, t.there, t.whole(work)))
		}
	}
}

package deploy

import (
	"cmp"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// sleeping states which groups of the file stop when idle after the deploy,
// changed by it or not, although no request starts them again: no service of
// theirs has a port, or they serve UDP alone, or autostart is off.
func (d *deployment) sleeping() {
	if d.empty() || d.file == nil {
		return
	}
	groups := d.file.Groups()
	said := make(map[string]bool)
	for _, m := range d.afterwards().Machines {
		group, list := cmp.Or(m.Config.ProcessGroup(), d.file.DefaultGroup()), m.Config.ServicesOrNone()
		if said[group] || !slices.Contains(groups, group) || !m.Whole() || !machine.AllStop(list) || machine.AnyWoken(list) {
			continue
		}
		why := "autostart is off"
		switch {
		case machine.AnyRouted(list) && machine.Minimum(list) > 0:
			continue // a Machine is kept running
		case machine.AnyRouted(list):
		case slices.ContainsFunc(list, machine.Service.HasPort):
			why = "all its services are UDP"
		default:
			why = "none of its services has a port"
		}
		said[group] = true
		d.hazard(plan.StaysStopped)
		d.remark("after this deploy: group %s stops when idle, and no request starts it again (%s); patch_services with autostop off for this group keeps it running", plan.Quote(group), why)
	}
}

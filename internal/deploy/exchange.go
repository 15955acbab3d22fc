package deploy

import (
	"cmp"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// halfExchanged are the groups in which an earlier bluegreen deploy did not come
// to its end. Such a deploy, made again, is given all their Machines, also those
// that have their configuration already: it knows which of them are to go. With
// another strategy they are named, and there are no such groups.
func (d *deployment) halfExchanged() map[string]bool {
	groups := make(map[string]bool)
	there := make(map[string]bool)
	for _, m := range d.snapshot.Machines {
		there[m.ID] = true
	}
	var left []string
	for _, m := range d.snapshot.Machines {
		if m.Config.Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy || there[m.Config.Label(rollout.ReplacesKey)] {
			groups[cmp.Or(m.Config.ProcessGroup(), d.file.DefaultGroup())] = true
			left = append(left, m.ID)
		}
	}
	if d.settings.strategy == rollout.BlueGreen {
		return groups
	}
	if len(left) > 0 {
		d.remark("an earlier bluegreen deploy did not finish, and left two sets of Machines (%s): strategy bluegreen finishes it, this strategy keeps both", plan.Few(left))
	}
	return nil
}

// goings counts the Machines that are destroyed: once another is in their place,
// and because an earlier deploy left them over.
func goings(work rollout.Work) (replaced, leftover int) {
	greens := make(map[string]bool)
	for _, s := range work.Steps() {
		if s.For != "" {
			greens[s.For] = true
		}
	}
	return len(greens), len(work.Destroyed()) - len(greens)
}

package tools

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// wantsAdopt reports whether the deployed configuration, edited, is to be deployed
// with adopt: fly deploy made none of the Machines, or some that it did not make
// have blockers, which a deploy without adopt leaves.
func wantsAdopt(list []fly.Machine) bool {
	if len(inNeed(list)) > 0 {
		return true
	}
	return len(rules.Snapshot{Machines: list}.Detached()) > 0 && !slices.ContainsFunc(list, func(m fly.Machine) bool { return m.Config.FlyLaunch() })
}

// inNeed are the ids of the Machines that fly deploy did not make and that have
// blockers.
func inNeed(list []fly.Machine) []string {
	var ids []string
	for _, h := range (rules.Snapshot{Machines: list, MachinesKnown: true}).ByHand() {
		ids = append(ids, h.Machines...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

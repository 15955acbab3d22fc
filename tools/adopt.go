package tools

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
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

// adoptOrUpdate are the two ways to fix Machines that fly deploy did not make.
func adoptOrUpdate(app string, byHand []rules.ByHand) []plan.Next {
	var ids []string
	for _, h := range byHand {
		ids = append(ids, h.Machines...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	next := []plan.Next{{
		Who: "agent", Tool: "patch_services", Arguments: &plan.Arguments{App: app},
		Why: fmt.Sprintf("pass path or content of its fly.toml if there is one; then deploy with adopt: true, because fly deploy did not make %s (%s) and does not update them", plan.Machines(len(ids)), plan.Few(ids)),
	}}
	for _, h := range byHand {
		if h.Command == "" || len(next) == plan.MaxNext {
			continue
		}
		why := "alternative for Machine " + h.Machines[0]
		if len(h.Machines) > 1 {
			why = fmt.Sprintf("alternative for each of %s", plan.Few(h.Machines))
		}
		next = append(next, plan.Next{Who: "person", Command: h.Command, Why: why + ": updates it directly, without a deploy"})
	}
	return next
}

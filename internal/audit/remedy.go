package audit

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// decide is a remedy for a person to decide on.
func decide(what string) plan.Next { return plan.Next{Who: "person", Why: what} }

// command is a remedy that a person runs.
func command(line, why string) plan.Next { return plan.Next{Who: "person", Command: line, Why: why} }

// edit is a remedy that changes the app's fly.toml by hand.
func edit(what string) func([]string) plan.Next {
	return func([]string) plan.Next {
		return plan.Next{Who: "agent", Why: "in fly.toml, " + what + "; then deploy it"}
	}
}

// asked is a remedy for a person to decide on, whatever the groups.
func asked(what string) func([]string) plan.Next {
	return func([]string) plan.Next { return decide(what) }
}

// none is the remedy of what needs no change.
func none(why string) func([]string) plan.Next {
	return func([]string) plan.Next { return decide("nothing has to be done: " + why) }
}

// machineCommand is a command on the first of an app's Machines that the rule holds for.
func (f *Facts) machineCommand(verb, why string, holds func(*unit) string) func([]string) plan.Next {
	return func([]string) plan.Next {
		for i := range f.units {
			if holds(&f.units[i]) != "" {
				return command(fmt.Sprintf("fly machine %s %s -a %s", verb, f.units[i].ID, f.App), why)
			}
		}
		return decide(why)
	}
}

// patch is a call of patch_services for the groups that a rule holds for. The deploy
// follows from the result of the call.
func (f *Facts) patch(arguments plan.Arguments, why string) func([]string) plan.Next {
	return func(groups []string) plan.Next {
		a := arguments
		a.App = f.App
		if len(f.groups) > 1 && len(groups) > 0 && !slices.Contains(groups, "") {
			a.ProcessGroups = slices.Sorted(slices.Values(groups))
		}
		return plan.Next{Who: "agent", Tool: "patch_services", Arguments: &a,
			Why: why + "; then deploy, which asks a person"}
	}
}

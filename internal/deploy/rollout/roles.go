package rollout

import (
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Role is the part that a Machine plays in a strategy which needs more Machines
// than the app has. Most have none.
type Role string

// The roles.
const (
	RoleCanary   Role = "canary"   // made to be proved, and destroyed before any other Machine is touched
	RoleGreen    Role = "green"    // made beside an old Machine, to take its place
	RoleBlue     Role = "blue"     // removed from routing, stopped and destroyed once the green ones serve
	RoleLeftover Role = "leftover" // of an earlier deployment that did not finish, and destroyed
)

// assignment is the part of one existing Machine in the strategy.
type assignment struct {
	role   Role
	routed bool // it, or the one in its place, is to be in Fly Proxy's routing
}

// assignments returns the assignments of the existing Machines, by id.
func (w Work) assignments() map[string]assignment {
	parts := make(map[string]assignment, len(w.Updates))
	for _, c := range w.Updates {
		parts[c.Before.ID] = assignment{routed: !c.Before.Cordoned}
	}
	switch w.Strategy {
	case Canary:
		for _, c := range w.Updates {
			if c.Before.Config.Label(machine.MetadataCanary) == "true" {
				parts[c.Before.ID] = assignment{role: RoleLeftover}
			}
		}
	case BlueGreen:
		w.blueGreenAssignments(parts)
	}
	return parts
}

// withRole returns the existing Machines of a role, in the order of their turns.
func (w Work) withRole(role Role) []Change {
	parts := w.assignments()
	var out []Change
	for _, c := range w.sortedUpdates() {
		if parts[c.Before.ID].role == role {
			out = append(out, c)
		}
	}
	return out
}

// extras returns the Machines that the strategy makes beside those of the app.
func (w Work) extras() []Create {
	switch w.Strategy {
	case Canary:
		return w.canaries()
	case BlueGreen:
		return w.greens()
	}
	return nil
}

// withLabels sets entries of a configuration's metadata.
func withLabels(config machine.Config, labels map[string]string) (machine.Config, error) {
	fields := make(map[string]any, len(labels))
	for key, value := range labels {
		fields[key] = value
	}
	return config.Merge("metadata", fields)
}

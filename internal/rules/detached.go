package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Detached returns the Machines that fly deploy does not update because they were
// made through the Machines API or by fly machine run. It is unknown for Machines that
// could not be read completely; those are left out.
func (s Snapshot) Detached() []fly.Machine {
	return slices.DeleteFunc(slices.Clone(s.Machines), func(m fly.Machine) bool { return !isDetached(m) })
}

func isDetached(m fly.Machine) bool { return m.Whole() && m.Config.IsDetached() }

// splitDetached gives the blockers of detached Machines their own fix, because a deploy
// does not update those Machines. A blocker of both kinds of Machines becomes two.
func (s Snapshot) splitDetached(all []plan.Blocker) []plan.Blocker {
	detached := s.Detached()
	if len(detached) == 0 {
		return all
	}
	deployed := s
	deployed.Machines = slices.DeleteFunc(slices.Clone(s.Machines), isDetached)
	var rest []plan.Blocker
	if len(deployed.Machines) > 0 {
		rest = deployed.deployBlockers()
	}
	var out []plan.Blocker
	done := make(map[string]bool)
	for _, b := range all {
		needsService := b.ID == plan.NoServices || b.ID == plan.NoPorts
		switch {
		case !strings.Contains(b.Fix, "deploy"), needsService && len(deployed.Machines) > 0:
			out = append(out, b)
		case done[b.ID]:
		default:
			done[b.ID] = true
			for _, other := range rest {
				if other.ID == b.ID {
					out = append(out, other)
				}
			}
			for _, h := range s.manualFixes(b.ID, detached) {
				out = append(out, h.blocker)
			}
		}
	}
	return out
}

// ManualFix is what a person can do about a blocker of detached Machines.
type ManualFix struct {
	Machines []string // ids
	Command  string   // for the first of them; empty if none can be given

	blocker plan.Blocker
}

// ManualFixes returns the blockers of detached Machines, with what a person can do.
func (s Snapshot) ManualFixes() []ManualFix {
	detached := s.Detached()
	if len(detached) == 0 {
		return nil
	}
	var out []ManualFix
	seen := make(map[string]bool)
	for _, b := range s.Blockers() {
		if !seen[b.ID] && strings.Contains(b.Fix, "adopt") {
			seen[b.ID] = true
			out = append(out, s.manualFixes(b.ID, detached)...)
		}
	}
	return out
}

// manualFixes returns the blockers of detached Machines with one id. Machines with the
// same fix are in one.
func (s Snapshot) manualFixes(id string, detached []fly.Machine) []ManualFix {
	type kind struct{ what, flags string }
	var kinds []kind
	machines := make(map[kind][]string)
	for _, m := range detached {
		alone := s
		alone.Machines = []fly.Machine{m}
		for _, b := range alone.deployBlockers() {
			if b.ID != id {
				continue
			}
			k := kind{what: b.What, flags: updateFlags(id, m)}
			if id == plan.BindLoopback { // its sentence names the Machine
				k.what = strings.TrimPrefix(b.What, "Machine "+m.ID+": ")
			}
			if machines[k] == nil {
				kinds = append(kinds, k)
			}
			if !slices.Contains(machines[k], m.ID) {
				machines[k] = append(machines[k], m.ID)
			}
		}
	}
	out := make([]ManualFix, 0, len(kinds))
	for _, k := range kinds {
		hand := ManualFix{Machines: machines[k], blocker: plan.Blocker{
			ID:   id,
			What: fmt.Sprintf("Machine %s, not made by fly deploy: %s", plan.Few(machines[k]), k.what),
			Fix:  s.manualFixText(id, machines[k], k.flags),
		}}
		if k.flags != "" {
			hand.Command = updateLine(s.Addresses.App.Name, machines[k][0], k.flags)
		}
		out = append(out, hand)
	}
	return out
}

// manualFixText returns how to fix detached Machines: deploy with adopt, or a person
// runs fly machine update.
func (s Snapshot) manualFixText(id string, ids []string, flags string) string {
	app := s.Addresses.App.Name
	part := s
	part.Machines = slices.DeleteFunc(slices.Clone(s.Machines), func(m fly.Machine) bool {
		return !slices.Contains(ids, m.ID)
	})
	arguments := plan.Arguments{App: app}
	switch id {
	case plan.NoPorts:
		arguments = part.NewService()
	case plan.TLSOnly:
		arguments = part.PlainPorts()
	}
	adopt := fmt.Sprintf("deploy {app: %q, draft: …, adopt: true} after %s: "+
		"without adopt, deploy and fly deploy do not update this Machine", app, patchCall(arguments))
	if flags == "" {
		return adopt
	}
	line := updateLine(app, ids[0], flags)
	if len(ids) > 1 {
		line += fmt.Sprintf(" (and the same for the other %d)", len(ids)-1)
	}
	return line + "; or " + adopt
}

// updateLine returns the fly machine update command with the flags for a Machine.
func updateLine(app, id, flags string) string {
	return fmt.Sprintf("fly machine update %s -a %s %s", id, app, flags)
}

package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// ReplacesKey is the metadata key under which a green Machine has the id of the one that it
// replaces. It lets a later run tell apart the two sets of one that did not finish.
const ReplacesKey = "flycast_replaces"

// blueGreenAssignments says which Machines are replaced. One that has the new
// configuration already stays. What an earlier run left half done is finished:
//   - it had begun to route to its green Machines, all of which were proved: the
//     blue ones are left over;
//   - it had not: the green ones are;
//   - a Machine marked as safe to destroy is left over, if its group has another
//     one in routing that is not.
func (w Work) blueGreenAssignments(parts map[string]assignment) {
	byID := make(map[string]Change, len(w.Updates))
	for _, c := range w.Updates {
		byID[c.Before.ID] = c
	}
	pairs := make(map[string]string) // green to blue
	begun := make(map[string]bool)   // tags of sets whose switch had begun
	serving := make(map[string]bool) // groups
	for id, c := range byID {
		green, tag := c.Before, c.Before.Config.Label(machine.MetadataBlueGreenTag)
		if tag != machine.SafeToDestroy && !green.Cordoned {
			serving[c.Group] = true
		}
		blue, there := byID[green.Config.Label(ReplacesKey)]
		if !there || tag == machine.SafeToDestroy || blue.Before.ID == id {
			continue
		}
		pairs[id] = blue.Before.ID
		begun[tag] = begun[tag] || !green.Cordoned || safeToDestroy(blue)
	}
	for id, c := range byID {
		if safeToDestroy(c) && serving[c.Group] {
			parts[id] = assignment{role: RoleLeftover}
		}
	}
	for green, blue := range pairs {
		c := byID[green]
		if !begun[c.Before.Config.Label(machine.MetadataBlueGreenTag)] {
			parts[green] = assignment{role: RoleLeftover}
			continue
		}
		parts[blue] = assignment{role: RoleLeftover}
		// Blue Machines are marked once all green ones are in routing. Before
		// that, their own cordon is from before the switch.
		parts[green] = assignment{routed: !c.Before.Cordoned || !safeToDestroy(byID[blue]) && !byID[blue].Before.Cordoned}
	}
	for id, p := range parts {
		if p.role == "" && !byID[id].Same() {
			p.role = RoleBlue
			parts[id] = p
		}
	}
}

func safeToDestroy(c Change) bool {
	return c.Before.Config.Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy
}

// greens returns one Machine for each that is replaced, in its region and, at first,
// out of Fly Proxy's routing. One for a Machine that does not run is not started.
func (w Work) greens() []Create {
	parts := w.assignments()
	var greens []Create
	for _, c := range w.withRole(RoleBlue) {
		id := c.Before.ID
		config, err := withLabels(c.After, map[string]string{ReplacesKey: id})
		if err != nil {
			continue // Check refuses it
		}
		greens = append(greens, Create{
			Group: c.Group, Region: c.Before.Region, Config: config, role: RoleGreen, replaces: id,
			asleep: !c.Launch() || c.After.IsStandby(), unrouted: true, routed: parts[id].routed,
		})
	}
	return greens
}

// greenWidth returns how many of n Machines are created at once: a third of them, at
// most eight, as with fly deploy.
func greenWidth(n int) int { return min((n+2)/3, maxImmediate) }

// Destroyed returns the existing Machines that will be destroyed if all goes well, and with
// them what they wrote to their root file systems.
func (w Work) Destroyed() []Change {
	return append(w.withRole(RoleBlue), w.withRole(RoleLeftover)...)
}

// leaveSteps returns the steps of one existing Machine that is destroyed.
func (w Work) leaveSteps(c Change) []Step {
	id := c.Before.ID
	var steps []Step
	once := func(verb gate.Verb, target string) {
		steps = append(steps, Step{Verb: verb, Target: target, Machine: id, Group: c.Group})
	}
	add := func(verb gate.Verb, target string) {
		for range undoTries {
			once(verb, target)
		}
	}
	once(gate.LeaseMachine, id)
	if w.Strategy == BlueGreen {
		if !safeToDestroy(c) {
			add(gate.SetMetadata, fly.MetadataTarget(id, machine.MetadataBlueGreenTag, machine.SafeToDestroy))
		}
		if !c.Before.Cordoned {
			add(gate.CordonMachine, id)
		}
		add(gate.StopMachine, id)
	}
	add(gate.DestroyMachine, id)
	if w.Strategy == BlueGreen && w.OnFailure == PutAllBack {
		once(gate.LeaseMachine, id)
		add(gate.StartMachine, id)
		if !c.Before.Cordoned {
			add(gate.UncordonMachine, id)
		}
		if !safeToDestroy(c) {
			add(gate.SetMetadata, fly.MetadataTarget(id, machine.MetadataBlueGreenTag,
				c.Before.Config.Label(machine.MetadataBlueGreenTag)))
		}
	}
	return steps
}

// routeSteps returns the steps of a Machine that stays and is not in routing yet, as an
// earlier run left it.
func (w Work) routeSteps(c Change) []Step {
	var steps []Step
	for _, verb := range []gate.Verb{gate.LeaseMachine, gate.UncordonMachine, gate.UncordonMachine,
		gate.CordonMachine, gate.CordonMachine} {
		steps = append(steps, Step{Verb: verb, Target: c.Before.ID, Machine: c.Before.ID, Group: c.Group})
	}
	return steps
}

// checkBlueGreen refuses what flyctl refuses, and volumes, which it does not see
// coming: a volume is mounted by one Machine, so a green one would have none of
// its data. Whether the organization has room for a second set only Fly knows;
// see [Work.Allowed].
func (w Work) checkBlueGreen() error {
	refuse := func(message, hint string) error {
		return &plan.Problem{Code: gate.Precondition, Message: message, Hint: hint}
	}
	checks, images := 0, make(map[string][]string)
	parts := w.assignments()
	replaced := w.withRole(RoleBlue)
	for _, c := range w.sortedUpdates() {
		if role := parts[c.Before.ID].role; role != RoleLeftover && c.Before.ImageRef != "" {
			images[c.Before.ImageRef] = append(images[c.Before.ImageRef], c.Before.ID)
		}
	}
	for _, c := range replaced {
		if hasMounts(c.After) || hasMounts(c.Before.Config) {
			return refuse("app not in valid state for bluegreen deployments: Machine "+c.Before.ID+" mounts a "+
				"volume, which no second Machine can mount",
				`use strategy "rolling"`)
		}
		if _, err := withLabels(c.After, map[string]string{ReplacesKey: c.Before.ID}); err != nil {
			return &plan.Problem{
				Code: gate.InvalidInput, Err: err,
				Message: "the configuration of Machine " + c.Before.ID + " cannot be given to another",
			}
		}
		checks += countChecks(c.After)
	}
	switch {
	case len(replaced) == 0:
		return nil
	case checks == 0:
		return refuse("app not in valid state for bluegreen deployments: you need to define at least 1 check "+
			"in order to use blue-green deployments",
			"add a check to a service, or use another strategy "+
				"(https://fly.io/docs/reference/configuration/#services-tcp_checks)")
	case len(images) > 1:
		var lines []string
		for _, image := range slices.Sorted(maps.Keys(images)) {
			lines = append(lines, fmt.Sprintf("%s (Machines %s)", image, strings.Join(images[image], ", ")))
		}
		return refuse("found multiple image versions (for bluegreen to work, all machines need to run a single image): "+
			strings.Join(lines, "; "),
			"deploy with strategy \"rolling\" first, or destroy the unwanted Machines (fly machines destroy "+
				"--force --image=IMAGE)")
	}
	return nil
}

// Allowed asks Fly whether it allows the strategy for the app. If not, the error is a
// *plan.Problem with code precondition, in flyctl's words. A run asks again first.
func (w Work) Allowed(ctx context.Context, client strategyChecker) error {
	if w.Strategy != BlueGreen || len(w.withRole(RoleBlue)) == 0 {
		return nil
	}
	can, err := client.CanBlueGreen(ctx, w.App)
	if err != nil {
		return fmt.Errorf("ask whether bluegreen is possible: %w", err)
	}
	if !can {
		return &plan.Problem{
			Code: gate.Precondition, Message: "app can't undergo bluegreen deployment due to org limits",
			Hint: `use strategy "rolling", or have the limit of the organization raised`,
		}
	}
	return nil
}

package rollout

import (
	"math"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// closeTries is how often a release's status is sent, as flyctl does.
const closeTries = 3

// Steps returns all that a grant must hold for the work, each step as often as it
// may be taken. A step on a Machine that does not exist yet has the target of
// its creation ([fly.NewMachine.Target]); once it is created, the grant knows
// it by its id too.
func (w Work) Steps() []Step {
	var steps []Step
	for range w.Abandoned {
		steps = append(steps, slices.Repeat([]Step{{Verb: gate.UpdateRelease,
			Target: string(fly.ReleaseInterrupted)}}, closeTries)...)
	}
	if w.Release != nil {
		steps = append(steps, Step{Verb: gate.CreateRelease, Target: w.Release.Target()})
	}
	for _, create := range slices.Concat(w.extras(), w.sortedCreates()) {
		steps = append(steps, w.createSteps(create)...)
	}
	parts := w.assignments()
	for _, change := range w.sortedUpdates() {
		switch part := parts[change.Before.ID]; {
		case part.role != "":
			steps = append(steps, w.leaveSteps(change)...)
		default:
			steps = append(steps, w.updateSteps(change)...)
			if part.routed && change.Before.Cordoned && w.Strategy == BlueGreen {
				steps = append(steps, w.routeSteps(change)...)
			}
		}
	}
	if w.Release != nil {
		for _, status := range []fly.ReleaseStatus{fly.ReleaseRunning, fly.ReleaseComplete, fly.ReleaseFailed,
			fly.ReleaseInterrupted} {
			steps = append(steps, slices.Repeat([]Step{{Verb: gate.UpdateRelease, Target: string(status)}}, closeTries)...)
		}
	}
	return steps
}

// updateSteps returns the steps of one existing Machine that stays. Putting back a Machine
// whose turn is over takes its lease a second time.
func (w Work) updateSteps(c Change) []Step {
	id := c.Before.ID
	step := func(verb gate.Verb, target string) Step {
		return Step{Verb: verb, Target: target, Machine: id, Group: c.Group}
	}
	steps := []Step{step(gate.LeaseMachine, id)}
	if !c.Same() {
		steps = append(steps, step(gate.UpdateMachine, fly.UpdateTarget(id, c.After)))
	}
	if !c.Launch() && w.wakes(c) {
		steps = append(steps, step(gate.StartMachine, id))
		if !hasAutostop(c.After) {
			steps = append(steps, step(gate.StopMachine, id))
		}
	}
	if w.OnFailure == PutAllBack && !c.Same() {
		steps = append(steps, step(gate.LeaseMachine, id))
		steps = append(steps, slices.Repeat([]Step{step(gate.PutBackMachine, fly.UpdateTarget(id,
			c.Before.Config))}, undoTries)...)
	}
	return steps
}

// createSteps returns the steps of one new Machine.
func (w Work) createSteps(c Create) []Step {
	var steps []Step
	if c.Volume != nil {
		steps = append(steps, Step{Verb: gate.CreateVolume, Target: c.Volume.Target(), Group: c.Group})
	}
	target := c.machine().Target()
	add := func(verbs ...gate.Verb) {
		for _, verb := range verbs {
			steps = append(steps, Step{Verb: verb, Target: target, Group: c.Group, Role: c.role, For: c.replaces})
		}
	}
	add(gate.CreateMachine)
	if c.asleep && w.wakes(Change{After: c.Config}) {
		add(gate.StartMachine, gate.StopMachine)
	}
	if c.routed {
		add(slices.Repeat([]gate.Verb{gate.UncordonMachine}, undoTries)...)
		add(slices.Repeat([]gate.Verb{gate.CordonMachine}, undoTries)...)
	}
	if w.OnFailure == PutAllBack || c.role != "" {
		add(gate.LeaseMachine)
		add(slices.Repeat([]gate.Verb{gate.DestroyMachine}, undoTries)...)
	}
	return steps
}

// machine returns what is requested, except the labels of the release and the
// volume, which do not count for its target.
func (c Create) machine() fly.NewMachine {
	return fly.NewMachine{Config: c.Config, Region: c.Region, LeaseTTL: leaseTTL, SkipLaunch: c.asleep,
		SkipServiceRegistration: c.unrouted}
}

// Check returns an error if the work is impossible, before a person is asked: a
// *plan.Problem with code invalid_input or precondition.
func (w Work) Check() error {
	refuse := func(code gate.Code, message string) error { return &plan.Problem{Code: code, Message: message} }
	switch w.Strategy {
	case Rolling, Immediate, Canary, BlueGreen:
	default:
		return refuse(gate.InvalidInput, "the strategy is not one of rolling, immediate, canary and bluegreen")
	}
	switch w.OnFailure {
	case PutAllBack, Stop, Continue:
	default:
		return refuse(gate.InvalidInput, "on_failure is not one of put_back, stop and continue")
	}
	if w.MaxUnavailable < 0 || math.IsNaN(w.MaxUnavailable) || math.IsInf(w.MaxUnavailable, 0) {
		return refuse(gate.InvalidInput, "max_unavailable is a share below 1, or a number of Machines")
	}
	if w.StartWithin <= 0 || w.HealthyWithin <= 0 {
		return refuse(gate.InvalidInput, "the time for a Machine to start and to become healthy must be more than zero")
	}
	for _, c := range w.Creates {
		mounts, err := c.Config.Mounts()
		switch {
		case err != nil, (c.Volume != nil || c.Use != "") != (len(mounts) > 0):
			return refuse(gate.InvalidInput, "a new Machine of group "+c.Group+" has a volume and no mount for "+
				"it, or a mount and no volume")
		case c.Volume != nil && (c.Use != "" || c.Volume.Region != c.Region):
			return refuse(gate.InvalidInput, "the volume of a new Machine of group "+c.Group+" is given twice, "+
				"or is not in its region")
		}
	}
	seen := make(map[string]bool)
	for _, c := range w.Updates {
		id := c.Before.ID
		switch {
		case seen[id]:
			return refuse(gate.InvalidInput, "Machine "+id+" is listed twice")
		case !c.Before.Whole():
			return refuse(gate.Precondition, "the configuration of Machine "+id+" could not be read whole: an "+
				"update from it would lose fields")
		}
		seen[id] = true
	}
	switch w.Strategy {
	case Canary:
		return w.checkCanary()
	case BlueGreen:
		return w.checkBlueGreen()
	}
	return nil
}

package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// withdraw destroys the green Machines again. The blue ones are in routing.
func (x *exchange) withdraw(ctx context.Context) {
	var routed []*job
	for _, j := range x.routable() {
		if j.done[gate.UncordonMachine] {
			routed = append(routed, j)
		}
	}
	if len(routed) > 0 {
		x.each(routed, maxImmediate, func(j *job) error {
			x.say(j, "taking it out of routing")
			return x.send(ctx, j, gate.CordonMachine, x.Client.CordonMachine, isCordoned)
		})
		x.giveTime(ctx)
	}
	var made []*job
	for _, j := range x.greens {
		if j.out.Created {
			made = append(made, j)
		}
	}
	x.each(made, maxImmediate, func(j *job) error {
		x.discard(ctx, j)
		if j.out.State == Broken {
			x.noteFailure(j)
		}
		return nil
	})
}

// turnBack ends an exchange that failed after the switch had begun, and before a
// blue Machine was destroyed.
func (x *exchange) turnBack(ctx context.Context) {
	if x.work.OnFailure == Stop {
		x.final = fly.ReleaseFailed
		for _, j := range x.blues {
			x.describeLeft(j)
		}
		return
	}
	if !x.each(x.blues, maxImmediate, func(j *job) error { return x.reinstate(ctx, j) }) {
		x.final = fly.ReleaseFailed // the green Machines have to go on serving
		return
	}
	x.giveTime(ctx)
	x.withdraw(ctx)
}

// describeLeft records how a blue Machine was left beside the green ones.
func (x *exchange) describeLeft(j *job) {
	var how []string
	for _, done := range []struct {
		verb gate.Verb
		how  string
	}{{gate.SetMetadata, "marked as safe to destroy"}, {gate.CordonMachine, "cordoned"}, {gate.StopMachine, "stopped"}} {
		if j.done[done.verb] {
			how = append(how, done.how)
		}
	}
	if len(how) == 0 {
		x.leaveUntouched(j)
		return
	}
	j.out.State = Broken
	j.out.Err = errors.Join(j.out.Err, errors.New("it was left beside the new Machines: "+strings.Join(how, ", ")))
}

// leaveUntouched sets the state of a blue Machine that was not changed: the request was
// refused, or its turn did not come.
func (x *exchange) leaveUntouched(j *job) {
	if j.out.Err != nil {
		j.out.State = Unchanged
	}
}

// reinstate puts a blue Machine back to work: it is started and proved if it ran before,
// and then put into routing.
func (x *exchange) reinstate(ctx context.Context, j *job) error {
	if len(j.done) == 0 {
		x.leaveUntouched(j)
		return nil
	}
	j.out.State = Broken
	before := j.change.Before
	err := x.secure(ctx, j)
	if err == nil {
		_, err = x.readPlanned(ctx, before)
	}
	if err == nil && j.done[gate.StopMachine] {
		err = x.restart(ctx, j)
	}
	if err == nil && j.done[gate.CordonMachine] {
		x.say(j, "putting it into routing again")
		err = x.send(ctx, j, gate.UncordonMachine, x.Client.UncordonMachine, isRouted)
	}
	if err == nil && j.done[gate.SetMetadata] {
		err = x.setTag(ctx, j, before.Config.Label(machine.MetadataBlueGreenTag))
	}
	if err != nil {
		return fmt.Errorf("put back: %w", err)
	}
	j.out.State = PutBack
	return nil
}

// restart starts a blue Machine again, and proves it.
func (x *exchange) restart(ctx context.Context, j *job) error {
	x.say(j, "starting it again")
	live, err := x.readFresh(ctx, j.out.ID)
	if err != nil {
		return fmt.Errorf("read its state: %w", err)
	}
	if !isRunning(live.State) {
		if !isIdle(live.State) { // it is stopping
			_, _ = x.wait(ctx, j, live.InstanceID, "stopped", x.work.StartWithin) // the start fails if it did not stop
		}
		up := func(m fly.Machine) bool { return isRunning(m.State) }
		if err := x.send(ctx, j, gate.StartMachine, x.Client.StartMachine, up); err != nil {
			return err
		}
	}
	before := j.change.Before
	j.config, j.instance = before.Config, before.InstanceID
	j.out.Checks, j.out.Same = countChecks(before.Config), true
	_, err = x.prove(ctx, j)
	return err
}

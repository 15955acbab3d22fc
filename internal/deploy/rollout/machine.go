package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// turn takes one Machine all the way: lease, update or creation, proof, and what
// follows a failure.
func (r *run) turn(ctx context.Context, j *job) {
	if j.create != nil {
		r.create(ctx, j)
	} else {
		r.applyUpdate(ctx, j)
	}
	// From here on the Machine is not left in the middle.
	ctx = context.WithoutCancel(ctx)
	if j.out.State == Unproven && j.out.Err == nil {
		r.verify(ctx, j)
	}
	r.handleFailure(ctx, j)
}

// applyUpdate gives an existing Machine its new configuration, under its lease. The
// state is Unproven if it has it, Unchanged if nothing was changed, and
// NotStarted if ctx ended while another client held the lease.
func (r *run) applyUpdate(ctx context.Context, j *job) {
	out, before := &j.out, j.change.Before
	out.State = Unchanged
	hold, err := r.lease(ctx, j, before.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		out.State = NotStarted
		return
	case err != nil:
		out.Err = fmt.Errorf("take the lease: %w", err)
		return
	}
	j.hold = hold
	ctx = context.WithoutCancel(ctx)
	live, err := r.readPlanned(ctx, before)
	if err != nil {
		out.Err = fmt.Errorf("update: %w", err)
		return
	}
	// Fly Proxy may have woken or stopped it since the plan: what runs now is
	// what must run afterwards.
	j.wasRunning = isRunning(live.State)
	if j.change.Same() {
		out.State, out.Same, j.instance, j.idle = Unproven, true, live.InstanceID, isIdle(live.State)
		j.crashes, _ = countCrashes(live)
		return
	}
	out.Launched = j.wasRunning
	if !j.wasRunning && j.change.Launch() && r.work.wakes(j.change) && hasAutostop(j.config) {
		out.Launched, out.Woken = true, true // it has stopped since the plan: no step was planned to start it
	}
	r.say(j, "updating")
	updated, err := r.update(ctx, fly.Update{
		ID: before.ID, Config: j.config, CurrentInstance: before.InstanceID, Lease: hold.lease, SkipLaunch: !out.Launched,
	}, before.InstanceID)
	if err != nil {
		out.Err = fmt.Errorf("update: %w", err)
		if !errors.Is(err, errTookEffect) && !errors.Is(err, errUnsettled) {
			return
		}
	}
	out.State, j.instance, out.After, j.idle = Unproven, updated.InstanceID, updated.InstanceID, isIdle(updated.State)
	r.noteSent(j)
}

// noteSent notes that the platform may have something of this run.
func (r *run) noteSent(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.sent = true
	r.changed = append(r.changed, j)
}

// readPlanned reads a Machine under its lease: it must still be the one that the
// plan saw.
func (r *run) readPlanned(ctx context.Context, before fly.Machine) (fly.Machine, error) {
	live, err := r.readFresh(ctx, before.ID)
	if err != nil {
		return fly.Machine{}, fmt.Errorf("read it under the lease: %w", err)
	}
	if live.InstanceID != before.InstanceID {
		return fly.Machine{}, &plan.Problem{Code: gate.Stale, Message: "Machine " + before.ID + " has changed meanwhile"}
	}
	return live, nil
}

// verify proves a Machine that has its new configuration: one that does not run
// is started first if Work.Wake is set.
func (r *run) verify(ctx context.Context, j *job) {
	out := &j.out
	up := out.Launched || out.Created && !j.create.asleep || out.Same && j.wasRunning
	// One that was stopped since the plan, and that Fly Proxy would not stop again, is
	// left stopped.
	if !up && (j.change.Launch() || !r.work.wakes(Change{After: j.config})) {
		live, err := r.readFresh(ctx, out.ID)
		if err != nil {
			out.Err = fmt.Errorf("read back: %w", err)
			return
		}
		out.Mismatch = mismatch(j.config, live.Config, j.change.Before.Config)
		return
	}
	if !up {
		if err := r.wake(ctx, j); err != nil {
			out.Err = err
			return
		}
	}
	live, err := r.prove(ctx, j)
	if err != nil {
		if !errors.Is(err, errStoppedMeanwhile) {
			out.Err = err
			return
		}
		out.Proof = "it was stopped before it was tested"
	} else {
		out.State = Healthy
		r.checkListening(ctx, j)
	}
	out.Mismatch = mismatch(j.config, live.Config, j.change.Before.Config)
	if out.Woken && (!hasAutostop(j.config) || out.Created) {
		r.stopAgain(ctx, j)
	}
}

// isIdle reports whether a Machine in that state can be started.
func isIdle(state string) bool {
	return state == "stopped" || state == "suspended" || state == "created"
}

// wake starts a Machine that was updated while it did not run.
func (r *run) wake(ctx context.Context, j *job) error {
	r.say(j, "waking it")
	j.out.Woken = true
	if !j.idle { // a start that is refused for that cannot be sent again
		_, _ = r.wait(ctx, j, j.instance, "stopped", waitStep) // the start fails if it did not stop
	}
	if err := r.Client.StartMachine(ctx, r.grant, r.work.App, j.out.ID, j.hold.orNil()); err != nil {
		var ambiguous *fly.Ambiguous
		if !errors.As(err, &ambiguous) { // waiting shows what became of it
			return fmt.Errorf("start it: %w", err)
		}
	}
	return nil
}

// stillRunning begins the line of a Machine that goes on running.
const stillRunning = "state: it did not run before, and could not be stopped again: "

// stopAgain stops a Machine again that was woken, and that Fly Proxy would not stop.
func (r *run) stopAgain(ctx context.Context, j *job) {
	r.say(j, "stopping it again")
	err := r.Client.StopMachine(ctx, r.grant, r.work.App, j.out.ID, j.hold.orNil())
	var ambiguous *fly.Ambiguous
	if err == nil || errors.As(err, &ambiguous) {
		_, err = r.wait(ctx, j, j.instance, "stopped", r.work.StartWithin)
	}
	if err != nil { // the answer is not the state
		if live, readErr := r.Client.Machine(ctx, r.work.App, j.out.ID); readErr == nil && live.State == "stopped" {
			err = nil
		}
	}
	if err != nil {
		j.out.Mismatch = append(j.out.Mismatch, stillRunning+err.Error())
		return
	}
	j.out.Stopped = true
}

// handleFailure does what OnFailure says about a Machine that failed.
func (r *run) handleFailure(ctx context.Context, j *job) {
	if j.out.Err == nil {
		return
	}
	r.noteFailure(j)
	switch {
	case j.out.Same:
		j.out.State = Failed // there is nothing earlier to go back to
	case !j.sent:
	case j.out.Role != "":
		r.discard(ctx, j)
	case r.work.OnFailure == PutAllBack:
		r.putBack(ctx, j)
	case errors.Is(j.out.Err, errUnsettled), errors.Is(j.out.Err, errTookEffect):
		j.out.State = Unclear
	default:
		j.out.State = Failed
	}
}

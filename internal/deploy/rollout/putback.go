package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// putAllBack undoes what the run has done, the last first: group beside group,
// in each as many at once as when they were updated.
func (r *run) putAllBack(ctx context.Context) {
	lanes := make(map[string][]*job)
	for _, j := range slices.Backward(r.changed) {
		if j.out.State != PutBack && j.out.State != Broken && j.out.State != Removed && j.out.State != Unchanged &&
			j.out.Role == "" {
			lanes[j.out.Group] = append(lanes[j.out.Group], j)
		}
	}
	var group sync.WaitGroup
	for _, jobs := range lanes {
		group.Go(func() {
			r.all(r.work.width(len(jobs)), jobs, func(j *job) {
				r.runTurn(ctx, j, r.putBack)
			})
		})
	}
	group.Wait()
	r.rethrow()
}

// putBack gives a Machine its earlier configuration, or destroys one that this
// run created.
func (r *run) putBack(ctx context.Context, j *job) {
	out := &j.out
	out.State = Broken
	broken := func(err error) { out.Err = errors.Join(out.Err, fmt.Errorf("put back: %w", err)) }
	failed := out.Err != nil // while its lease is still held
	if j.create != nil {
		r.remove(ctx, j)
		return
	}
	r.say(j, "putting the earlier configuration back")
	kept := j.hold != nil && !j.hold.lapsed(r.Clock.Now())
	if err := r.secure(ctx, j); err != nil {
		broken(err)
		return
	}
	launch := j.wasRunning
	if j.instance == "" || !kept {
		live, err := r.readFresh(ctx, out.ID)
		if err != nil {
			broken(err)
			return
		}
		switch {
		case live.InstanceID == out.Before: // the update never arrived
			out.State, out.Err = Unchanged, neverArrived(out.Err)
			return
		case j.instance == "" && isConflict(out.Err) && !machine.Equal(live.Config, j.config):
			out.State = Unchanged // another client changed it
			return
		case j.instance != "" && j.instance != live.InstanceID:
			broken(&plan.Problem{Code: gate.Stale, Message: "Machine " + out.ID + " was changed by another client " +
				"in the meantime, and was left that way"})
			return
		}
		j.instance = live.InstanceID
		launch = launch || !failed && !out.Woken && isRunning(live.State)
	}
	restored, err := r.restore(ctx, j, launch)
	if err != nil {
		broken(err)
		return
	}
	out.After = restored.InstanceID
	// A Machine that did not start before will not start now.
	if launch && (j.change.Before.State == "started" || j.change.Before.State == "starting" ||
		!isRunning(j.change.Before.State)) {
		r.say(j, "waiting for it to start with the earlier configuration")
		if err := r.waitStarted(ctx, j, restored.InstanceID); err != nil {
			broken(err)
			return
		}
		out.Up = true
	}
	out.State = PutBack
}

// undoTries is how often the earlier configuration, or a destruction, is sent if
// reading shows that it has not arrived. The version that is named with a
// configuration lets no more than one of them take effect.
const undoTries = 2

// restore sends the earlier configuration.
func (r *run) restore(ctx context.Context, j *job, launch bool) (restored fly.Machine, err error) {
	for range undoTries {
		restored, err = r.update(ctx, fly.Update{
			ID: j.out.ID, Config: j.change.Before.Config, CurrentInstance: j.instance, Lease: j.hold.orNil(),
			SkipLaunch: !launch, PutBack: true,
		}, j.instance)
		if err == nil || !isTransient(err) || errors.Is(err, errTookEffect) || errors.Is(err, errUnsettled) {
			break
		}
		if err := r.pause(ctx, pollStep); err != nil {
			return restored, err
		}
	}
	return restored, err
}

// remove destroys a Machine that this run created. Its volume stays.
func (r *run) remove(ctx context.Context, j *job) {
	out := &j.out
	if out.ID == "" {
		return // it is unknown whether it exists
	}
	r.say(j, "destroying it again")
	err := r.secure(ctx, j)
	if err == nil {
		err = r.destroy(ctx, j)
	}
	if err != nil && !r.isGone(ctx, j) {
		out.Err = errors.Join(out.Err, fmt.Errorf("destroy it again: %w", err))
		return
	}
	out.State = Removed
}

// destroy sends the destruction.
func (r *run) destroy(ctx context.Context, j *job) (err error) {
	for range undoTries {
		err = r.Client.DestroyMachine(ctx, r.grant, r.work.App, j.out.ID, j.hold.orNil())
		if err == nil || !isTransient(err) || r.isGone(ctx, j) {
			break
		}
	}
	return err
}

// isGone reads the Machine and reports whether it is destroyed, whatever the answer was.
// "Not found" is believed only the second time: a Machine just created may not be known
// everywhere.
func (r *run) isGone(ctx context.Context, j *job) bool {
	missing := false
	for range settleReads {
		live, err := r.Client.Machine(ctx, r.work.App, j.out.ID)
		again := missing
		// an app that cannot be read proves nothing
		missing = fly.CodeOf(err) == gate.NotFound && fly.Missing(err) != fly.AnApp
		if missing && again || err == nil && (live.State == "destroyed" || live.State == "destroying") {
			return true
		}
		if r.pause(ctx, pollStep) != nil {
			return false
		}
	}
	return false
}

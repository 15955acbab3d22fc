package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// putAllBack undoes what the run has done, the last first: group beside group,
// in each as many at once as when they were updated.
func (r *run) putAllBack(ctx context.Context) {
	lanes := make(map[string][]*job)
	for _, j := range slices.Backward(r.changed) {
		if j.out.State != PutBack && j.out.State != Broken && j.out.State != Removed && j.out.State != Unchanged {
			lanes[j.out.Group] = append(lanes[j.out.Group], j)
		}
	}
	var group sync.WaitGroup
	for _, jobs := range lanes {
		group.Go(func() {
			r.all(r.work.width(len(jobs)), jobs, func(j *job) {
				r.guarded(ctx, j, r.putBack)
			})
		})
	}
	group.Wait()
	if r.panicked != nil {
		panic(r.panicked)
	}
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
	launch := j.ran
	if j.at == "" || !kept {
		live, err := r.Client.Machine(ctx, r.work.App, out.ID)
		if err != nil {
			broken(err)
			return
		}
		switch {
		case live.InstanceID == out.Before, j.at == "" && foreign(out.Err) && !machine.Equal(live.Config, j.config):
			out.State = Unchanged // the update never arrived, or what is there is somebody else's
			return
		case j.at != "" && j.at != live.InstanceID:
			broken(&fly.Error{Code: gate.Stale, Message: "Machine " + out.ID + " was changed by somebody else meanwhile, and was left so"})
			return
		}
		j.at = live.InstanceID
		launch = launch || !failed && running(live.State)
	}
	restored, err := r.update(ctx, fly.Update{
		ID: out.ID, Config: j.change.Before.Config, CurrentInstance: j.at, Lease: j.hold.of(), SkipLaunch: !launch, PutBack: true,
	}, j.at)
	if err != nil {
		broken(err)
		return
	}
	out.After = restored.InstanceID
	// One that did not get up before will not get up now.
	if launch && (j.change.Before.State == "started" || j.change.Before.State == "starting" || !running(j.change.Before.State)) {
		r.say(j, "waiting for it to start with the earlier configuration")
		if err := r.started(ctx, j, restored.InstanceID); err != nil {
			broken(err)
			return
		}
	}
	out.State = PutBack
}

// remove destroys a Machine that this run created. Its volume stays.
func (r *run) remove(ctx context.Context, j *job) {
	out := &j.out
	if out.ID == "" {
		return // nobody knows whether it exists
	}
	r.say(j, "destroying it again")
	err := r.secure(ctx, j)
	if err == nil {
		err = r.Client.DestroyMachine(ctx, r.grant, r.work.App, out.ID, j.hold.of())
	}
	var ambiguous *fly.Ambiguous
	if errors.As(err, &ambiguous) || fly.CodeOf(err) == gate.NotFound {
		err = r.destroyed(ctx, j, err)
	}
	if err != nil {
		out.Err = errors.Join(out.Err, fmt.Errorf("destroy it again: %w", err))
		return
	}
	out.State = Removed
}

// destroyed reads what became of a destruction whose answer was lost, or says
// that there is no such Machine.
func (r *run) destroyed(ctx context.Context, j *job, lost error) error {
	for range settleReads {
		live, err := r.Client.Machine(ctx, r.work.App, j.out.ID)
		if fly.CodeOf(err) == gate.NotFound || err == nil && (live.State == "destroyed" || live.State == "destroying") {
			return nil
		}
		if err := r.pause(ctx, pollStep); err != nil {
			return err
		}
	}
	return lost
}

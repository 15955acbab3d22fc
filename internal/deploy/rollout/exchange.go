package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// proxyTime is how long Fly Proxy is given to learn which Machines it routes to,
// as flyctl does.
const proxyTime = 10 * time.Second

// errCancelled is no failure of a Machine: the run was ended.
var errCancelled = errors.New("cancelled")

// exchange is the bluegreen part of a run: one set of Machines for another.
type exchange struct {
	*run
	greens   []*job // in the order of the report
	unrouted []*job // they have the configuration already, and only lack the routing
	blues    []*job // replaced or left over
}

// blueGreen creates the green Machines out of routing, and tests them. Until then no blue
// one is touched, and a failure, or the end of ctx, destroys the green ones. Then requests
// go to both sets, then to the green one; the blue one is stopped, and destroyed. Until the
// first blue Machine is destroyed everything can be undone.
//
// The leases of all blue Machines are held from the beginning to the end: another deploy is
// noticed before anything is created.
func (r *run) blueGreen(ctx context.Context) {
	x := r.exchange()
	if r.mustStop(ctx) || len(x.greens)+len(x.unrouted)+len(x.blues) == 0 {
		return
	}
	whole := context.WithoutCancel(ctx)
	defer x.finish(whole)
	if x.prepare(ctx) && x.each(x.routable(), maxImmediate, func(j *job) error { return x.route(whole, j) }) {
		x.retire(whole)
		return
	}
	x.withdraw(whole)
}

func (r *run) exchange() *exchange {
	x := &exchange{run: r}
	parts := r.work.assignments()
	for _, j := range r.jobs {
		p := parts[j.change.Before.ID]
		switch {
		case j.out.Role == RoleGreen:
			x.greens = append(x.greens, j)
		case j.create != nil:
		case j.out.Role != "":
			x.blues = append(x.blues, j)
		case p.routed && j.change.Before.Cordoned:
			x.unrouted = append(x.unrouted, j)
		}
		j.done = make(map[gate.Verb]bool)
	}
	return x
}

// finish releases the leases and records what became of the Machines.
func (x *exchange) finish(ctx context.Context) {
	x.all(maxImmediate, slices.Concat(x.greens, x.unrouted, x.blues), func(j *job) {
		x.letGo(ctx, j)
		if j.n > 0 {
			x.end(j)
		}
	})
}

// each does one thing to all of the Machines, and reports whether all of it
// succeeded. What failed is the Machine's error.
func (x *exchange) each(jobs []*job, width int, do func(*job) error) bool {
	var failed atomic.Bool
	x.all(width, jobs, func(j *job) {
		x.begin(j)
		defer x.endStep(j)
		defer func() {
			if cause := recover(); cause != nil {
				x.mu.Lock()
				x.panicked = cause
				x.mu.Unlock()
			}
		}()
		err := do(j)
		if err == nil {
			return
		}
		failed.Store(true)
		if !errors.Is(err, errCancelled) {
			j.out.Err = errors.Join(j.out.Err, err)
			x.noteFailure(j)
		}
	})
	x.rethrow()
	return !failed.Load()
}

// endStep notes that nothing is done with a Machine for now.
func (x *exchange) endStep(j *job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	j.busy = false
}

// prepare creates and tests all green Machines, and reports whether that succeeded.
func (x *exchange) prepare(ctx context.Context) bool {
	return x.each(slices.Concat(x.unrouted, x.blues), maxImmediate, func(j *job) error { return x.takeBlue(ctx, j) }) &&
		x.createAll(ctx) &&
		x.each(x.greens, maxCold, func(j *job) error { return x.verifyGreen(context.WithoutCancel(ctx), j) }) &&
		ctx.Err() == nil
}

// takeBlue takes the lease of an old Machine, which must be as the plan saw it.
func (x *exchange) takeBlue(ctx context.Context, j *job) error {
	hold, err := x.lease(ctx, j, j.out.ID)
	if err != nil && ctx.Err() != nil {
		return errCancelled
	}
	if err != nil {
		err = fmt.Errorf("take the lease: %w", err)
	} else {
		j.hold = hold
		var live fly.Machine
		live, err = x.readPlanned(context.WithoutCancel(ctx), j.change.Before)
		if err == nil && live.Cordoned != j.change.Before.Cordoned {
			err = &plan.Problem{Code: gate.Stale, Message: "Machine " + j.out.ID + " was cordoned or uncordoned meanwhile"}
		}
		j.wasRunning = isRunning(live.State)
	}
	if err != nil && j.out.State == NotStarted {
		j.out.State = Unchanged
	}
	return err
}

// createAll creates the green Machines, standbys last: they name those that they
// stand by for.
func (x *exchange) createAll(ctx context.Context) bool {
	ran, instead := make(map[string]bool), make(map[string]string)
	for _, j := range x.blues {
		ran[j.out.ID] = j.wasRunning
	}
	var first, standbys []*job
	for _, j := range x.greens {
		if j.config.IsStandby() {
			standbys = append(standbys, j)
			continue
		}
		j.create.asleep = j.create.asleep && !ran[j.create.replaces] // it may have been woken since the plan
		first = append(first, j)
	}
	var failed atomic.Bool
	do := func(j *job) error {
		if ctx.Err() != nil || failed.Load() {
			return errCancelled
		}
		err := x.createGreen(ctx, j, instead)
		if err != nil {
			failed.Store(true)
		}
		return err
	}
	if !x.each(first, greenWidth(len(x.greens)), do) {
		return false
	}
	for _, j := range first {
		instead[j.create.replaces] = j.out.ID
	}
	return x.each(standbys, greenWidth(len(x.greens)), do)
}

// createGreen creates one of them; instead has the ids of those that are in the place
// of others.
func (x *exchange) createGreen(ctx context.Context, j *job, instead map[string]string) error {
	tag := strconv.FormatInt(x.began.Unix(), 10)
	config, err := withLabels(j.config, map[string]string{machine.MetadataBlueGreenTag: tag})
	if err == nil {
		config, err = withStandbys(config, instead)
	}
	if err != nil {
		return err
	}
	j.config, j.idle = config, true // if it is not started at once
	x.create(ctx, j)
	err, j.out.Err = j.out.Err, nil
	return err
}

// verifyGreen proves a green Machine. One that is not started, and not woken, has
// nothing to prove.
func (x *exchange) verifyGreen(ctx context.Context, j *job) error {
	if err := x.secure(ctx, j); err != nil { // it is held already, unless the answer to the creation was lost
		return err
	}
	x.verify(ctx, j)
	err := j.out.Err
	j.out.Err = nil
	if err == nil && j.out.State == Unproven && (!j.create.asleep || j.out.Woken) {
		err = errors.New("it was not proved: " + j.out.Proof)
	}
	return err
}

// routable returns the Machines that are to be put into routing.
func (x *exchange) routable() []*job {
	var jobs []*job
	for _, j := range x.greens {
		if j.create.routed {
			jobs = append(jobs, j)
		}
	}
	return append(jobs, x.unrouted...)
}

// retire takes the blue Machines out of routing, stops and destroys them.
func (x *exchange) retire(ctx context.Context) {
	over := fly.ReleaseComplete
	if x.hasFailed() {
		over = fly.ReleaseFailed // something failed before, and OnFailure is Continue
	}
	for _, step := range []struct {
		wait bool
		do   func(context.Context, *job) error
	}{{false, x.tag}, {true, x.unroute}, {true, x.stop}} {
		if step.wait {
			x.giveTime(ctx)
		}
		if !x.each(x.blues, maxImmediate, func(j *job) error { return x.passOver(j, step.do(ctx, j)) }) {
			x.turnBack(ctx)
			return
		}
	}
	// From the first one on there is no way back.
	for i := range x.blues {
		switch ok := x.each(x.blues[i:i+1], 1, func(j *job) error { return x.destroyBlue(ctx, j) }); {
		case ok:
			x.final = over
		case x.final == "" && x.work.OnFailure != Continue:
			x.turnBack(ctx)
			return
		}
	}
	x.final = over
}

// passOver returns nil instead of a failure if OnFailure is Continue: a blue Machine is destroyed in any
// case.
func (x *exchange) passOver(j *job, err error) error {
	if err == nil || x.work.OnFailure != Continue {
		return err
	}
	j.out.Mismatch = append(j.out.Mismatch, err.Error())
	return nil
}

// giveTime waits until Fly Proxy has had time to learn the new routing.
func (x *exchange) giveTime(ctx context.Context) {
	for _, j := range x.blues {
		x.begin(j)
		defer x.endStep(j)
		x.say(j, "giving Fly Proxy time to learn the new routing")
	}
	_ = x.pause(ctx, proxyTime) // this context does not end
}

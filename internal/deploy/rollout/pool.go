package rollout

import (
	"context"
	"sync"
	"sync/atomic"
)

// stage gives the Machines of its pools their turns, the pools side by side.
func (r *run) stage(ctx context.Context, pools []Pool, turn func(context.Context, *job)) {
	var group sync.WaitGroup
	for _, pool := range pools {
		jobs := make([]*job, 0, len(pool.members))
		for _, place := range pool.members {
			jobs = append(jobs, r.jobs[place])
		}
		group.Go(func() {
			if pool.Alone {
				r.each(ctx, 1, jobs[:1], turn)
				jobs = jobs[1:]
			}
			r.each(ctx, pool.Width, jobs, turn)
		})
	}
	group.Wait()
	r.rethrow()
}

// each gives Machines their turns in their order, at most width at a time, until
// the run is over.
func (r *run) each(ctx context.Context, width int, jobs []*job, turn func(context.Context, *job)) {
	r.all(width, jobs, func(j *job) {
		if !r.mustStop(ctx) {
			r.runTurn(ctx, j, turn)
		}
	})
}

// all does one thing to each of the Machines, in their order, at most width at
// a time.
func (r *run) all(width int, jobs []*job, do func(*job)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(width, len(jobs)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(jobs)); i = next.Add(1) - 1 {
				do(jobs[i])
			}
		})
	}
	group.Wait()
}

// mustStop reports whether no other Machine is to be begun.
func (r *run) mustStop(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ctx.Err() != nil || r.panicked != nil || r.halted || r.first >= 0 && r.work.OnFailure != Continue
}

// runTurn runs one turn. A panic in it ends the run and continues in Run's own
// goroutine, once the other turns have ended; the lease is released in any case.
func (r *run) runTurn(ctx context.Context, j *job, turn func(context.Context, *job)) {
	r.begin(j)
	defer func() {
		if cause := recover(); cause != nil {
			r.mu.Lock()
			r.panicked = cause
			r.mu.Unlock()
		}
		r.letGo(context.WithoutCancel(ctx), j)
		r.end(j)
	}()
	turn(ctx, j)
}

// immediate updates all Machines, and proves them only when all are updated, all
// side by side: each is mostly one long wait.
func (r *run) immediate(ctx context.Context, pools []Pool) {
	whole := context.WithoutCancel(ctx)
	r.stage(ctx, pools, func(ctx context.Context, j *job) {
		r.applyUpdate(ctx, j)
		r.handleFailure(whole, j)
	})
	if r.hasFailed() && r.work.OnFailure == PutAllBack {
		return
	}
	var sent []*job
	for _, pool := range pools {
		for _, place := range pool.members {
			if j := r.jobs[place]; j.out.State == Unproven && j.out.Err == nil {
				sent = append(sent, j)
			}
		}
	}
	r.all(len(sent), sent, func(j *job) {
		r.runTurn(whole, j, func(ctx context.Context, j *job) {
			r.verify(ctx, j)
			r.handleFailure(ctx, j)
		})
	})
	r.rethrow()
}

// rethrow goes on with the panic of a turn.
func (r *run) rethrow() {
	r.mu.Lock()
	cause := r.panicked
	r.mu.Unlock()
	if cause != nil {
		panic(cause)
	}
}

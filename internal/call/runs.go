package call

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Runs keeps one run per app, so that two agents do not change an app at once and a client
// that gave up early finds its run again. A run outlives the call that started it: a program
// that ends must call [Runs.Wait]. Runs is safe for concurrent use.
type Runs struct {
	clock   Clock
	locks   string // the folder of the apps' locks; empty: this is the only process
	mu      sync.Mutex
	running map[string]*Run // by slot
	ended   map[string]*Run // by key; results that nobody has fetched yet
	past    []*Run          // the last ones that ended, the newest last
	working sync.WaitGroup

	interrupt   sync.Once
	interrupted chan struct{} // closed when nothing more is to be started
}

const (
	keepEnded = 2 * time.Minute // how long a result waits for the client that was told "running"
	maxPast   = 50              // how many ended runs can be looked up,
	pastFor   = 30 * time.Minute
)

// NewRuns returns the runs of a process that is alone.
func NewRuns(clock Clock) *Runs { return NewSharedRuns(clock, "") }

// NewSharedRuns returns runs of which each app has one among all processes that use the
// same folder for locks. The folder is made when the first run begins.
func NewSharedRuns(clock Clock, locks string) *Runs {
	return &Runs{
		clock: clock, locks: locks, running: make(map[string]*Run), ended: make(map[string]*Run),
		interrupted: make(chan struct{}),
	}
}

// findIdentical returns the run that an identical call attaches to, if there is one: running, or
// ended without anybody having fetched its result.
func (r *Runs) findIdentical(key string) (run *Run, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, old := range r.ended {
		if r.clock.Now().Sub(old.Ended) > keepEnded {
			delete(r.ended, k)
		}
	}
	if old := r.ended[key]; old != nil {
		return old, true
	}
	for _, run := range r.running {
		if run.key == key {
			return run, false
		}
	}
	return nil, false
}

// Holder returns this process's run that has the app; nil if there is none.
func (r *Runs) Holder(app string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[app]
}

// Changing reports whether a run of this process has begun to change the app.
func (r *Runs) Changing(app string) bool {
	run := r.Holder(app)
	return run != nil && run.IsApplying()
}

// Begin takes the app for a job, or for local work only the key of the call. If another run
// of this process has it, that run is returned as other; if another process has it, the
// error is errAppLocked. Where locks cannot be had at all, only jobs that need no approval
// begin, as without a journal.
func (r *Runs) Begin(job Job) (run, other *Run, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.running[job.slot()]; other != nil {
		return nil, other, nil
	}
	run = &Run{
		Job: job, ID: "run_" + newID(), Started: r.clock.Now(),
		Done: make(chan struct{}), stopped: make(chan struct{}), watchers: make(map[*Progress]struct{}),
	}
	if !job.local && r.locks != "" {
		if run.lock, err = lockApp(r.locks, job.App); err != nil && (job.gated || errors.Is(err, errAppLocked)) {
			return nil, nil, err
		}
	}
	r.running[job.slot()] = run
	r.working.Add(1)
	return run, nil, nil
}

// Abandon gives back an app with which nothing was done. Calls that attached meanwhile get
// the answer.
func (r *Runs) Abandon(run *Run, answer *mcp.CallToolResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(run, answer)
}

// end gives the app back and keeps the result for calls that attach later.
func (r *Runs) end(run *Run, result *mcp.CallToolResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[run.key] = run
	if r.past = append(r.past, run); len(r.past) > maxPast {
		r.past = slices.Delete(r.past, 0, len(r.past)-maxPast)
	}
	r.leave(run, result)
}

// leave gives the app back before anybody gets the result: the next call may go to another
// process.
func (r *Runs) leave(run *Run, result *mcp.CallToolResult) {
	delete(r.running, run.slot())
	if run.lock != nil {
		_ = run.lock.Close() // nothing was written; closing gives the lock back
	}
	run.Result, run.Ended = result, r.clock.Now()
	close(run.Done)
	r.working.Done()
}

// forget drops a result that was delivered.
func (r *Runs) forget(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended[run.key] == run {
		delete(r.ended, run.key)
	}
}

// Find returns a caller's run of a tool on an app, running or ended: the one with this id, or
// the newest if id is empty; nil if there is none.
func (r *Runs) Find(id, caller, tool, app string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past = slices.DeleteFunc(r.past, func(old *Run) bool { return r.clock.Now().Sub(old.Ended) > pastFor })
	matches := func(run *Run) bool {
		return run.caller == caller && run.Tool == tool && run.App == app && (id == "" || run.ID == id)
	}
	for _, run := range r.running {
		if matches(run) {
			return run
		}
	}
	for _, old := range slices.Backward(r.past) {
		if matches(old) {
			return old
		}
	}
	return nil
}

// StopRequested returns a channel that is closed when somebody wants the app's run to end early;
// nil if the app has no run.
func (r *Runs) StopRequested(app string) <-chan struct{} {
	if run := r.Holder(app); run != nil {
		return run.stopped
	}
	return nil
}

// Wait returns when no run is left, or with the context's error. Call it when no more calls
// come in: no run may begin meanwhile.
func (r *Runs) Wait(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		r.working.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Interrupt ends what can be ended between two steps: a deploy finishes the Machines that it
// is changing, starts no others, and says so. Other work is short and goes on. Interrupt
// reports whether a run is left that was not interrupted before.
func (r *Runs) Interrupt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := false
	r.interrupt.Do(func() {
		close(r.interrupted)
		first = len(r.running) > 0
	})
	return first
}

// Interruptible returns a context that ends with [Runs.Interrupt].
func (r *Runs) Interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-r.interrupted:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

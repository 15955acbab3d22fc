package call

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Runs keeps one run per app: two agents must not change the same app at once,
// and a client that gave up early must be able to find its run again. A run
// outlives the call that started it; a program that ends must [Runs.Wait].
type Runs struct {
	clock   Clock
	locks   string // the folder of the apps' locks; empty: this process is alone
	mu      sync.Mutex
	at      map[string]*Run // by slot
	ended   map[string]*Run // by key; results nobody has fetched yet
	past    []*Run          // the last ones that ended, the newest last
	working sync.WaitGroup

	interrupt   sync.Once
	interrupted chan struct{} // closed when nothing more is to be begun
}

// run is one Apply at work, or about to be.
type Run struct {
	Job
	ID      string // a name for those who ask how far it is; no capability
	Started time.Time
	Ended   time.Time
	lock    *os.File // of the app, among processes; nil for local work
	Done    chan struct{}
	Result  *mcp.CallToolResult // set before done is closed; it never leaves, see answer

	halt   sync.Once
	halted chan struct{} // closed when somebody wants it to end before its time

	mu       sync.Mutex
	applying bool
	doing    plan.Progress
	watchers map[*Progress]struct{} // of the calls that wait
}

// work says what a run is.
type Job struct {
	key    string // who called what with which arguments; it may hold secrets and is never shown
	caller string
	Tool   string
	App    string // as it is shown; local work may have none
	local  bool   // changes nothing on the platform, and keeps no app from others
	gated  bool   // needs an approval
}

// answer is the result of a run that is over, for one call alone: mcp-go writes
// into the results that it is given.
func (at *Run) answer() *mcp.CallToolResult { return own(at.Result) }

// own is a copy of a result that shares nothing with it that could be changed.
func own(result *mcp.CallToolResult) *mcp.CallToolResult {
	copied := *result
	copied.Result = mcp.Result{ResultType: result.ResultType}
	copied.Content = slices.Clone(result.Content) // texts, which are values
	if body, err := json.Marshal(result.StructuredContent); err == nil {
		copied.StructuredContent = json.RawMessage(body)
	}
	return &copied
}

// slot is what one run at a time has.
func (w Job) slot() string {
	if w.local {
		return w.key
	}
	return w.App
}

// on is what the work is on, in words.
func (w Job) on() string { return cmp.Or(w.App, "the configuration") }

// keepEnded is how long a result waits for the client that was told "running".
const keepEnded = 2 * time.Minute

// NewRuns keeps no run yet, and knows of no other process.
func NewRuns(clock Clock) *Runs { return NewSharedRuns(clock, "") }

// NewSharedRuns keeps one run per app among all processes that use the same
// folder. The folder is made when the first run begins.
func NewSharedRuns(clock Clock, locks string) *Runs {
	return &Runs{clock: clock, locks: locks, at: make(map[string]*Run), ended: make(map[string]*Run), interrupted: make(chan struct{})}
}

// find is the run that an identical call attaches to, if there is one: at work,
// or over without anybody having fetched its result.
func (r *Runs) find(key string) (at *Run, over bool) {
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
	for _, at := range r.at {
		if at.key == key {
			return at, false
		}
	}
	return nil, false
}

// busy is the run that has the app, if one of this process has.
func (r *Runs) Busy(app string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[app]
}

// Changing reports whether a run of this process has begun to change the app.
func (r *Runs) Changing(app string) bool {
	at := r.Busy(app)
	return at != nil && at.UnderWay()
}

// begin takes the app, or for local work only the call's own key. If another
// run of this process has it, that one is returned instead; if another process
// has it, the error is [errAppLocked]. Where locks cannot be had at all, only
// what needs no approval begins, as without a journal.
func (r *Runs) Begin(w Job) (at, other *Run, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.at[w.slot()]; other != nil {
		return nil, other, nil
	}
	at = &Run{Job: w, ID: "run_" + RandomID(), Started: r.clock.Now(), Done: make(chan struct{}), halted: make(chan struct{}), watchers: make(map[*Progress]struct{})}
	if !w.local && r.locks != "" {
		if at.lock, err = lockApp(r.locks, w.App); err != nil && (w.gated || errors.Is(err, errAppLocked)) {
			return nil, nil, err
		}
	}
	r.at[w.slot()] = at
	r.working.Add(1)
	return at, nil, nil
}

// stop has the run end before its time: it comes to the end of the Machines that
// it is at, and begins with no other one. first tells whether nobody stopped it
// before.
func (at *Run) Stop() (first bool) {
	at.halt.Do(func() {
		close(at.halted)
		first = true
	})
	return first
}

// halted is closed when somebody wants the app's run to end; nil if it has none.
func (r *Runs) Halted(app string) <-chan struct{} {
	if at := r.Busy(app); at != nil {
		return at.halted
	}
	return nil
}

// stopping reports whether somebody wants the run to end.
func (at *Run) Stopping() bool {
	select {
	case <-at.halted:
		return true
	default:
		return false
	}
}

// abandon gives the app back without anything done. Calls that attached
// meanwhile get the answer.
func (r *Runs) Abandon(at *Run, answer *mcp.CallToolResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(at, answer)
}

// end gives the app back and keeps the result for whoever attaches.
func (r *Runs) end(at *Run, result *mcp.CallToolResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[at.key] = at
	if r.past = append(r.past, at); len(r.past) > maxPast {
		r.past = slices.Delete(r.past, 0, len(r.past)-maxPast)
	}
	r.leave(at, result)
}

// maxPast is how many ended runs can be asked for, and pastFor how long.
const (
	maxPast = 50
	pastFor = 30 * time.Minute
)

// look finds a caller's run of a tool on an app, at work or over: the one with
// this id, or the newest if id is empty. nil if there is none.
func (r *Runs) Look(id, caller, tool, app string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past = slices.DeleteFunc(r.past, func(old *Run) bool { return r.clock.Now().Sub(old.Ended) > pastFor })
	matches := func(at *Run) bool {
		return at.caller == caller && at.Tool == tool && at.App == app && (id == "" || at.ID == id)
	}
	for _, at := range r.at {
		if matches(at) {
			return at
		}
	}
	for _, old := range slices.Backward(r.past) {
		if matches(old) {
			return old
		}
	}
	return nil
}

// leave gives the app back before anybody hears of it: his next call may go to
// another process.
func (r *Runs) leave(at *Run, result *mcp.CallToolResult) {
	delete(r.at, at.slot())
	if at.lock != nil {
		_ = at.lock.Close() // nothing was written; closing gives the lock back
	}
	at.Result, at.Ended = result, r.clock.Now()
	close(at.Done)
	r.working.Done()
}

// fetched forgets a result that was delivered.
func (r *Runs) fetched(at *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended[at.key] == at {
		delete(r.ended, at.key)
	}
}

// step notes what the run is doing and tells the calls that wait for it.
func (at *Run) step(m plan.Progress) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.doing = m
	for p := range at.watchers {
		p.Step(m.Done, m.Of, m.String())
	}
}

// watch has the run tell its steps to one more call, until unwatch.
func (at *Run) watch(p *Progress) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.watchers[p] = struct{}{}
}

func (at *Run) unwatch(p *Progress) {
	at.mu.Lock()
	defer at.mu.Unlock()
	delete(at.watchers, p)
}

// apply marks that the run has begun to change things.
func (at *Run) apply() {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.applying = true
}

// underWay reports whether the run has begun to change things.
func (at *Run) UnderWay() bool {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.applying
}

// now is what the run is doing.
func (at *Run) Now() plan.Progress {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.doing
}

// Wait returns when no run is at work any more, or with the context's error.
// Nothing may begin a run meanwhile: call it when no more calls come in.
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

// Interrupt ends what can be ended between two steps: a deploy comes to the end
// of the Machines that it is at, begins with no other one and tells so. Other
// Job is short, and goes on. It reports whether anything is at work that was
// not interrupted before.
func (r *Runs) Interrupt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := false
	r.interrupt.Do(func() {
		close(r.interrupted)
		first = len(r.at) > 0
	})
	return first
}

// interruptible is a context that ends with [Runs.Interrupt].
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

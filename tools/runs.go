package tools

import (
	"context"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Runs keeps one run per app: two agents must not change the same app at once,
// and a client that gave up early must be able to find its run again. A run
// outlives the call that started it; a program that ends must [Runs.Wait].
type Runs struct {
	clock Clock
	mu    sync.Mutex
	byApp map[string]*run
	ended map[string]*run // by key; results nobody has fetched yet

	working sync.WaitGroup
}

// run is one Apply at work.
type run struct {
	key     string // who called what with which arguments
	tool    string
	app     string
	started time.Time
	ended   time.Time
	done    chan struct{}
	result  *mcp.CallToolResult // set before done is closed

	mu    sync.Mutex
	doing string
	tell  func(done, total int, message string) // the progress of the call that waits
}

// keepEnded is how long a result waits for the client that was told "running".
const keepEnded = 15 * time.Minute

// NewRuns keeps no run yet.
func NewRuns(clock Clock) *Runs {
	return &Runs{clock: clock, byApp: make(map[string]*run), ended: make(map[string]*run)}
}

// find is the run that an identical call attaches to, if there is one: at work,
// or ended without anybody having fetched its result.
func (r *Runs) find(key string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, old := range r.ended {
		if r.clock.Now().Sub(old.ended) > keepEnded {
			delete(r.ended, k)
		}
	}
	if old := r.ended[key]; old != nil {
		return old
	}
	for _, at := range r.byApp {
		if at.key == key {
			return at
		}
	}
	return nil
}

// busy is the run that has the app, if one has.
func (r *Runs) busy(app string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byApp[app]
}

// begin takes the app. ok is false if another run has it; that one is returned.
func (r *Runs) begin(key, tool, app string) (at *run, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.byApp[app]; other != nil {
		return other, false
	}
	at = &run{key: key, tool: tool, app: app, started: r.clock.Now(), done: make(chan struct{})}
	r.byApp[app] = at
	r.working.Add(1)
	return at, true
}

// abandon gives the app back without a run.
func (r *Runs) abandon(at *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byApp, at.app)
	r.working.Done()
}

// end gives the app back and keeps the result for whoever attaches.
func (r *Runs) end(at *run, result *mcp.CallToolResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byApp, at.app)
	defer r.working.Done()
	at.result, at.ended = result, r.clock.Now()
	r.ended[at.key] = at
	close(at.done)
}

// fetched forgets a result that was delivered.
func (r *Runs) fetched(at *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended[at.key] == at {
		delete(r.ended, at.key)
	}
}

// step notes what the run is doing and tells the call that waits for it.
func (at *run) step(done, total int, message string) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.doing = message
	if at.tell != nil {
		at.tell(done, total, message)
	}
}

// watch has the run tell its steps to one call; nil ends that.
func (at *run) watch(tell func(done, total int, message string)) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.tell = tell
}

// now is what the run is doing.
func (at *run) now() string {
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

package call

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Job says what a run does.
type Job struct {
	key    string // of identical calls; it may hold secrets and is never shown
	caller string
	Tool   string
	App    string // as it is shown; local work may have none
	local  bool   // changes nothing on the platform, and does not take the app
	gated  bool   // needs an approval
}

// slot returns what one run at a time can have.
func (j Job) slot() string {
	if j.local {
		return j.key
	}
	return j.App
}

// object returns what the work is on, in words.
func (j Job) object() string { return cmp.Or(j.App, "the configuration") }

// Run is one Apply, running or about to.
type Run struct {
	Job
	ID      string // a name for those who ask for its progress; no capability
	Started time.Time
	Ended   time.Time
	Done    chan struct{}       // closed when it has ended
	Result  *mcp.CallToolResult // set before Done is closed; calls get copies, see answer

	lock     *os.File // of the app, among processes; nil for local work
	stopOnce sync.Once
	stopped  chan struct{} // closed when somebody wants it to end early

	mu       sync.Mutex
	applying bool
	progress plan.Progress
	watchers map[*Progress]struct{} // of the calls that wait
}

// answer returns the result of a run that has ended, for one call alone: mcp-go writes into
// the results that it is given.
func (r *Run) answer() *mcp.CallToolResult { return copyResult(r.Result) }

// copyResult returns a copy that shares nothing that could be changed.
func copyResult(result *mcp.CallToolResult) *mcp.CallToolResult {
	copied := *result
	copied.Result = mcp.Result{ResultType: result.ResultType}
	copied.Content = slices.Clone(result.Content) // texts, which are values
	if body, err := json.Marshal(result.StructuredContent); err == nil {
		copied.StructuredContent = json.RawMessage(body)
	}
	return &copied
}

// Stop asks the run to end early: it finishes the Machines that it is changing and starts no
// others. first reports whether nobody had asked before.
func (r *Run) Stop() (first bool) {
	r.stopOnce.Do(func() {
		close(r.stopped)
		first = true
	})
	return first
}

// IsStopping reports whether somebody wants the run to end early.
func (r *Run) IsStopping() bool {
	select {
	case <-r.stopped:
		return true
	default:
		return false
	}
}

// begin marks that the run changes things from now on.
func (r *Run) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applying = true
}

// IsApplying reports whether the run has begun to change things.
func (r *Run) IsApplying() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.applying
}

// report notes the progress of the run and passes it to the calls that wait for it.
func (r *Run) report(p plan.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = p
	for w := range r.watchers {
		w.Step(p.Done, p.Of, p.String())
	}
}

// Progress returns the progress of the run.
func (r *Run) Progress() plan.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// watch passes the run's progress to one more call, until unwatch.
func (r *Run) watch(p *Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[p] = struct{}{}
}

func (r *Run) unwatch(p *Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, p)
}

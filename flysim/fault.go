package flysim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"sync"
	"time"
)

// Reset says when a fault drops the connection.
type Reset int

// The times of a reset. With ResetAfter the write has taken effect and its answer is lost; with
// ResetDuring half of the answer's body has been sent.
const (
	ResetNone Reset = iota
	ResetBefore
	ResetAfter
	ResetDuring
)

// Fault makes the calls that it matches fail or change. Faults are tried in the order of injection.
// The first one that matches, is open, has hits left and is drawn by its chance applies. Tokens are
// checked before faults, rate limits after them.
//
// Go's HTTP client repeats a GET by itself if a reused connection is dropped before the answer. A
// fault that should also hit the repeated call needs Times 2 or more.
type Fault struct {
	Operation string        // [Call.Operation], or a path.Match glob such as "machine.*"; empty: every operation
	App       string        // empty: every app
	Target    string        // empty: every target
	At        time.Duration // when it begins, after its injection
	For       time.Duration // how long it lasts from then; 0: forever
	After     int           // how many matching calls it lets through first
	Times     int           // how many calls it hits; 0: one, or with a Chance no limit; -1: no limit
	Chance    float64       // that a call is hit, over 0 and up to 1, drawn from the seed; 0: all are hit

	Status           int           // the answer instead of serving the call; 200 with a Body for GraphQL errors
	Body             string        // empty: {"error": the status's text}
	ContentType      string        // of Body; empty: JSON
	RetryAfter       time.Duration // the Retry-After header, in whole seconds
	EffectThenStatus bool          // serve the call, then still answer Status
	Reset            Reset
	Delay            time.Duration // on the platform's clock, before the call is served
	Trickle          time.Duration // on the platform's clock, how long the body takes to arrive, in pieces
	Malformed        bool          // serve the call, then answer only the first half of the body
	// Jump moves the platform's clock forward before the call is served. For a call that waits it
	// does so during the wait, and the wait's timeout counts from before the jump.
	Jump   time.Duration
	Before func(*Platform) // runs just before the call is served, for example as another user
}

// NoCapacity returns a fault on an operation: Fly's refusal because the Machine's host has no room,
// as seen on updates and starts (409).
func NoCapacity(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict,
		Body: `{"error":"aborted: could not reserve resource for machine: insufficient memory available to ` +
			`fulfill request on the current host"}`}
}

// HostClosed returns a fault on an operation: Fly's refusal to deploy to a host.
func HostClosed(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict,
		Body: `{"error":"aborted: deploys to this host are temporarily disabled"}`}
}

// RateLimited returns a fault on an operation: Fly's answer to too many requests, with the same
// body as the platform's own limits.
func RateLimited(operation string, retryAfter time.Duration) Fault {
	return Fault{Operation: operation, Status: http.StatusTooManyRequests,
		Body: `{"error":"rate limit exceeded"}`, RetryAfter: retryAfter}
}

// EdgeError returns a fault on an operation: an HTML page, as from a proxy in front of the API, in
// place of JSON.
func EdgeError(operation string, status int) Fault {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return Fault{Operation: operation, Status: status, ContentType: "text/html; charset=utf-8",
		Body: "<!DOCTYPE html>\n<html>\n<head><title>" + text + "</title></head>\n<body>\n<center><h1>" + text +
			"</h1></center>\n</body>\n</html>\n"}
}

type faults struct {
	mu   sync.Mutex
	seed int64
	list []*pendingFault
}

type pendingFault struct {
	Fault
	begins        time.Time
	skip, left    int // left -1: no limit
	matched, hits int
	random        *rand.Rand
}

// Inject adds a fault; see [Fault].
func (p *Platform) Inject(f Fault) {
	pending := &pendingFault{Fault: f, begins: p.clock.Now().Add(f.At), skip: f.After, left: f.Times}
	if f.Times == 0 {
		pending.left = 1
		if f.Chance > 0 {
			pending.left = -1
		}
	}
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	// Each fault has its own random numbers, so that one does not change the draws of another.
	pending.random = rand.New(rand.NewPCG(uint64(p.faults.seed), uint64(len(p.faults.list))))
	p.faults.list = append(p.faults.list, pending)
}

// ClearFaults removes all faults and all pending events.
func (p *Platform) ClearFaults() {
	p.faults.mu.Lock()
	p.faults.list = nil
	p.faults.mu.Unlock()
	p.schedule.clear()
}

// take returns the fault that hits a call, and counts the hit.
func (f *faults) take(call *Call) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		if fault.left != 0 && fault.open(call.Time) && fault.matches(call) && fault.hit() {
			return fault.Fault, true
		}
	}
	return Fault{}, false
}

func (f *pendingFault) open(now time.Time) bool {
	return !now.Before(f.begins) && (f.For == 0 || now.Before(f.begins.Add(f.For)))
}

// hit decides whether the fault hits a call that matches.
func (f *pendingFault) hit() bool {
	f.matched++
	if f.skip > 0 {
		f.skip--
		return false
	}
	if f.Chance > 0 && f.random.Float64() >= f.Chance {
		return false
	}
	if f.left > 0 {
		f.left--
	}
	f.hits++
	return true
}

func (f *Fault) matches(call *Call) bool {
	if f.App != "" && f.App != call.App || f.Target != "" && f.Target != call.Target {
		return false
	}
	if f.Operation == "" || f.Operation == call.Operation {
		return true
	}
	ok, err := path.Match(f.Operation, call.Operation)
	return err == nil && ok
}

// FaultState is the progress of a fault.
type FaultState struct {
	Fault
	Matched int // calls that matched it
	Hits    int // calls that it hit
	Left    int // how many more it can hit; -1: no limit
}

// Faults returns the faults since the last [Platform.ClearFaults], including used-up ones.
func (p *Platform) Faults() []FaultState {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	list := make([]FaultState, len(p.faults.list))
	for i, f := range p.faults.list {
		list[i] = FaultState{Fault: f.Fault, Matched: f.matched, Hits: f.hits, Left: f.left}
	}
	return list
}

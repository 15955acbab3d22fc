package flysim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"sync"
	"time"
)

// Reset is when a fault drops the connection.
type Reset int

// The moments. After ResetAfter a write has taken effect and its answer is
// lost; with ResetDuring half of the answer's body has arrived.
const (
	ResetNone Reset = iota
	ResetBefore
	ResetAfter
	ResetDuring
)

// Fault makes the calls that it matches fail or change. Faults are
// consulted in the order of injection; the first that matches, is open, is not
// used up and is drawn by chance decides. Tokens are checked before, rate limits after.
//
// Go's HTTP client repeats a GET by itself when a reused connection is dropped
// before an answer; a fault that is to outlast that needs Times 2 or more.
type Fault struct {
	Operation string        // [Call.Operation], or a path.Match glob such as "machine.*"; empty: every operation
	App       string        // empty: every app
	Target    string        // empty: every target
	At        time.Duration // it begins that long after its injection
	For       time.Duration // and ends that long after its beginning; 0: never
	After     int           // lets that many matching calls through first
	Times     int           // how many calls it hits; 0: one, with a Chance no end; -1: no end
	Chance    float64       // of each call to be hit, over 0 and up to 1, drawn from the seed; 0: all are

	Status           int           // answered instead of serving the call; 200 with a Body for GraphQL errors
	Body             string        // empty: {"error": the status's text}
	ContentType      string        // of Body; empty: JSON
	RetryAfter       time.Duration // the Retry-After header, in whole seconds
	EffectThenStatus bool          // serve the call, then answer Status all the same
	Reset            Reset
	Delay            time.Duration // on the platform's clock, before the call is served
	Trickle          time.Duration // on the platform's clock, how long the body takes to arrive, in pieces
	Malformed        bool          // serve the call, then answer only the first half of the body
	// Jump moves the platform's clock forward before the call is served, and
	// during one that waits: its time-out counts from before the jump.
	Jump   time.Duration
	Before func(*Platform) // runs just before the call is served: another actor
}

// NoCapacity is a fault on an operation: Fly's refusal because there is no room on the
// Machine's host, as seen with updates and starts (409).
func NoCapacity(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict,
		Body: `{"error":"aborted: could not reserve resource for machine: insufficient memory available to ` +
			`fulfill request on the current host"}`}
}

// HostClosed is a fault on an operation: Fly's refusal to deploy to a host.
func HostClosed(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict,
		Body: `{"error":"aborted: deploys to this host are temporarily disabled"}`}
}

// RateLimited is a fault on an operation: Fly's answer to too many requests,
// with the same document as the platform's own limits.
func RateLimited(operation string, retryAfter time.Duration) Fault {
	return Fault{Operation: operation, Status: http.StatusTooManyRequests,
		Body: `{"error":"rate limit exceeded"}`, RetryAfter: retryAfter}
}

// EdgeError is a fault on an operation: what answers is a proxy in front of the
// API, with a page for people in place of JSON.
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
	skip, left    int // left -1: no end
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
	// Each draws from numbers of its own: what one does changes nothing for another.
	pending.random = rand.New(rand.NewPCG(uint64(p.faults.seed), uint64(len(p.faults.list))))
	p.faults.list = append(p.faults.list, pending)
}

// ClearFaults removes all faults, and the events that are still to come.
func (p *Platform) ClearFaults() {
	p.faults.mu.Lock()
	p.faults.list = nil
	p.faults.mu.Unlock()
	p.schedule.clear()
}

// take returns the fault that hits a call and uses it up by one.
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

// hit decides on a call that matches.
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

// FaultState is how far a fault has come.
type FaultState struct {
	Fault
	Matched int // calls that it looked at
	Hits    int // calls that it hit
	Left    int // how many more it can hit; -1: no end
}

// Faults are the faults since the last [Platform.ClearFaults], used up ones too.
func (p *Platform) Faults() []FaultState {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	list := make([]FaultState, len(p.faults.list))
	for i, f := range p.faults.list {
		list[i] = FaultState{Fault: f.Fault, Matched: f.matched, Hits: f.hits, Left: f.left}
	}
	return list
}

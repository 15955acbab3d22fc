package sandbox

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// Reset is when a fault drops the connection.
type Reset int

// The moments. After ResetAfter a write has taken effect and its answer is lost.
const (
	ResetNone Reset = iota
	ResetBefore
	ResetAfter
)

// Fault is something that goes wrong with the calls it matches. Faults are
// consulted in the order of injection; the first that matches and is not used
// up decides. Tokens are checked before, rate limits after.
//
// Go's HTTP client repeats a GET by itself when a reused connection is dropped
// before an answer; a fault that shall outlast that needs Times 2 or more.
type Fault struct {
	Operation string // [Call.Operation], or a path.Match glob such as "machine.*"; empty: every operation
	App       string // empty: every app
	Target    string // empty: every target
	After     int    // lets that many matching calls through first
	Times     int    // how many calls it hits; 0: one, -1: all

	Status           int           // answered instead of serving the call; 200 with a Body for GraphQL errors
	Body             string        // empty: {"error": the status's text}
	RetryAfter       time.Duration // the Retry-After header, in whole seconds
	EffectThenStatus bool          // serve the call, then answer Status all the same
	Reset            Reset
	Delay            time.Duration   // on the platform's clock, before the call is served
	Malformed        bool            // serve the call, then answer only the first half of the body
	Before           func(*Platform) // runs just before the call is served: another actor
}

// NoCapacity is a fault on an operation: Fly's refusal for want of room on the
// Machine's host, as seen with updates and starts (409).
func NoCapacity(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict,
		Body: `{"error":"aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host"}`}
}

// HostClosed is a fault on an operation: Fly's refusal to deploy to a host.
func HostClosed(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusConflict, Body: `{"error":"aborted: deploys to this host are temporarily disabled"}`}
}

type faults struct {
	mu   sync.Mutex
	list []*pendingFault
}

type pendingFault struct {
	Fault
	skip, left int // left -1: no end
}

// Inject adds a fault; see [Fault].
func (p *Platform) Inject(f Fault) {
	left := f.Times
	if left == 0 {
		left = 1
	}
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.list = append(p.faults.list, &pendingFault{Fault: f, skip: f.After, left: left})
}

// ClearFaults removes all faults.
func (p *Platform) ClearFaults() {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.list = nil
}

// take returns the fault that hits a call and uses it up by one.
func (f *faults) take(call *Call) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		switch {
		case fault.left == 0 || !fault.matches(call):
		case fault.skip > 0:
			fault.skip--
		default:
			if fault.left > 0 {
				fault.left--
			}
			return fault.Fault, true
		}
	}
	return Fault{}, false
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

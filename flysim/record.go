package flysim

import (
	"sync"
	"time"
)

// Limits of the record of calls: the latest calls, limited by their number and their total size,
// and the first bytes of each body.
const (
	maxCalls     = 100_000
	maxCallsSize = 64 << 20
	maxCallBody  = 64 << 10
)

// Call is one recorded request and its outcome.
type Call struct {
	Number int       // from 1, counted since the start; ResetCalls does not reset it
	Time   time.Time // virtual
	Method string
	Path   string
	Query  string

	// Operation is a stable name. For a REST route it is a name such as "machine.update" or
	// "ip.release" (the full list is in routes.go), for a GraphQL request "graphql." and its first
	// field ("graphql.allocateIpAddress"), and for any other request "unknown".
	Operation string
	App       string
	Target    string // Machine id, address, hostname or release id; for an allocation its type
	Write     bool   // the operation can change something, whatever its HTTP method

	Status        int    // of the answer; 0 if the connection was dropped or there is no answer yet
	Body          []byte // request body, at most 64 KiB
	FaultInjected bool
	Token         TokenKind
}

// recorder keeps calls in their order of arrival.
type recorder struct {
	mu    sync.Mutex
	calls []*Call
	size  int // of all calls, see [Call.size]
	count int
}

// add records a call. From then on only settle changes it.
func (r *recorder) add(call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += call.size(); len(r.calls) >= maxCalls || r.size > maxCallsSize {
		r.drop()
	}
	r.count++
	call.Number = r.count
	r.calls = append(r.calls, call)
}

// drop removes the oldest tenth of the calls, and more if they are large.
func (r *recorder) drop() {
	n := 0
	for n < len(r.calls) && (n < maxCalls/10 && len(r.calls) >= maxCalls || r.size > maxCallsSize-maxCallsSize/10) {
		r.size -= r.calls[n].size()
		n++
	}
	r.calls = append(r.calls[:0:0], r.calls[n:]...)
}

// size returns roughly how many bytes of memory a call takes.
func (c *Call) size() int { return 256 + len(c.Path) + len(c.Query) + len(c.Body) }

// settle records the outcome of a call.
func (r *recorder) settle(call *Call, status int, injected bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.Status, call.FaultInjected = status, injected
}

func (r *recorder) list(keep func(*Call) bool) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var calls []Call
	for _, call := range r.calls {
		if keep(call) {
			calls = append(calls, *call)
		}
	}
	return calls
}

// Calls returns all requests since the start or [Platform.ResetCalls] in order of arrival,
// including refused ones. At most the latest 100,000 calls and 64 MiB are kept. [Platform.Seed]
// leaves none.
func (p *Platform) Calls() []Call {
	return p.recorder.list(func(*Call) bool { return true })
}

// CallsAfter returns the calls with a higher number.
func (p *Platform) CallsAfter(number int) []Call {
	return p.recorder.list(func(c *Call) bool { return c.Number > number })
}

// Writes returns the calls whose operation can change something, whether or not it did. Lease calls
// are included, GraphQL queries are not.
func (p *Platform) Writes() []Call {
	return p.recorder.list(func(c *Call) bool { return c.Write })
}

// ResetCalls removes the recorded calls.
func (p *Platform) ResetCalls() {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.recorder.calls, p.recorder.size = nil, 0
}

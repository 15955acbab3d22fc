package flysim

import (
	"sync"
	"time"
)

// Limits of what is kept: the latest calls by their number and their size
// together, and the first bytes of each body.
const (
	maxCalls     = 100_000
	maxCallsSize = 64 << 20
	maxCallBody  = 64 << 10
)

// Call is one request as it arrived and what became of it.
type Call struct {
	Number int       // 1 for the first since the start; ResetCalls does not count again
	Time   time.Time // virtual
	Method string
	Path   string
	Query  string

	// Operation is a stable name: of a REST route ("machine.update",
	// "ip.release"; the full list is in routes.go), of a GraphQL request
	// "graphql." and its first field ("graphql.allocateIpAddress"), or
	// "unknown".
	Operation string
	App       string
	Target    string // Machine id, address, hostname or release id; of an allocation its type
	Write     bool   // the operation can change something, whatever its HTTP method

	Status        int    // what was answered; 0 if the connection was dropped or nothing was answered yet
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

// add records a call, which from now on is changed only through settle.
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

// drop forgets a tenth of the calls, and more if they are large.
func (r *recorder) drop() {
	n := 0
	for n < len(r.calls) && (n < maxCalls/10 && len(r.calls) >= maxCalls || r.size > maxCallsSize-maxCallsSize/10) {
		r.size -= r.calls[n].size()
		n++
	}
	r.calls = append(r.calls[:0:0], r.calls[n:]...)
}

// size is about what a call takes in memory.
func (c *Call) size() int { return 256 + len(c.Path) + len(c.Query) + len(c.Body) }

// settle notes how a call ended.
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

// Calls are all requests since the start or [Platform.ResetCalls], in order of
// arrival, refused ones included; of very many the latest 100,000, or 64 MiB of
// them. [Platform.Seed] leaves none.
func (p *Platform) Calls() []Call {
	return p.recorder.list(func(*Call) bool { return true })
}

// CallsAfter are the calls whose number is higher.
func (p *Platform) CallsAfter(number int) []Call {
	return p.recorder.list(func(c *Call) bool { return c.Number > number })
}

// Writes are the calls whose operation can change something, whether or not
// it did: lease calls are among them, GraphQL queries are not.
func (p *Platform) Writes() []Call {
	return p.recorder.list(func(c *Call) bool { return c.Write })
}

// ResetCalls forgets the recorded calls.
func (p *Platform) ResetCalls() {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.recorder.calls, p.recorder.size = nil, 0
}

package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// call is one request of a run: the nth (from 0) of an operation on a target.
type call struct {
	operation, target string
	nth               int
}

func (c call) String() string { return fmt.Sprintf("%s %s #%d", c.operation, c.target, c.nth) }

// sequence are the calls of a run in their order.
func sequence(calls []sandbox.Call) []call {
	var list []call
	seen := make(map[call]int)
	for _, c := range calls {
		key := call{operation: c.Operation, target: c.Target}
		list = append(list, call{c.Operation, c.Target, seen[key]})
		seen[key]++
	}
	return list
}

// kind is something that goes wrong with one call.
type kind struct {
	name   string
	fault  sandbox.Fault
	kill   bool // the process ends with this call
	cancel bool // the program is told to end with this call
	stop   bool // somebody wants the deployment to end with this call
	again  bool // it is started again at once, not when its leases have ended

	harmless bool // no deployment fails for it: what was sent took effect
}

// kinds are what goes wrong, one at a time.
func kinds() []kind {
	return []kind{
		{name: "500", fault: sandbox.Fault{Status: 500}},
		{name: "503", fault: sandbox.Fault{Status: 503}},
		{name: "403", fault: sandbox.Fault{Status: 403}},
		{name: "404", fault: sandbox.Fault{Status: 404}},
		{name: "409", fault: sandbox.Fault{Status: 409}},
		{name: "429", fault: sandbox.Fault{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second}},
		{name: "500 after the effect", fault: sandbox.Fault{Status: 500, EffectThenStatus: true}},
		{name: "503 for a while", fault: sandbox.Fault{Status: 503, Times: 5}},
		{name: "502 for good", fault: sandbox.Fault{Status: 502, Times: -1}},
		{name: "reset before", fault: sandbox.Fault{Reset: sandbox.ResetBefore}},
		{name: "reset after", fault: sandbox.Fault{Reset: sandbox.ResetAfter}, harmless: true},
		{name: "silence before", fault: sandbox.Fault{Status: silence}},
		{name: "silence after", fault: sandbox.Fault{Status: silence, EffectThenStatus: true}},
		{name: "slow", fault: sandbox.Fault{Delay: 12 * time.Second}, harmless: true},
		{name: "half an answer", fault: sandbox.Fault{Malformed: true}},
		{name: "another answer", fault: sandbox.Fault{Status: 200, Body: `[{"a":1}]`, EffectThenStatus: true}},
		{name: "killed before", fault: sandbox.Fault{Reset: sandbox.ResetBefore}, kill: true},
		{name: "killed after", fault: sandbox.Fault{Reset: sandbox.ResetAfter}, kill: true},
		{name: "killed after, again at once", fault: sandbox.Fault{Reset: sandbox.ResetAfter}, kill: true, again: true},
		{name: "cancelled", cancel: true},
		{name: "stopped", stop: true},
	}
}

// trouble is a kind at a call.
type trouble struct {
	kind kind
	at   call
	hit  bool
}

func (t *trouble) String() string { return t.kind.name + " at " + t.at.String() }

// inject lets it happen. died is called when the process is killed.
func (t *trouble) inject(w *world, p *process, cancel context.CancelFunc, died func()) {
	fault := t.kind.fault
	fault.Operation, fault.Target, fault.After = t.at.operation, t.at.target, t.at.nth
	fault.Before = func(*sandbox.Platform) {
		t.hit = true
		if t.kind.kill && p.network.dead.CompareAndSwap(false, true) {
			died()
		}
		if t.kind.cancel {
			cancel()
		}
		if t.kind.stop {
			p.stop()
		}
	}
	w.Inject(fault)
}

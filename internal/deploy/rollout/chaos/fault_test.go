package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// call is one request of a run: the nth (from 0) of an operation on a target.
type call struct {
	operation, target string
	nth               int
}

func (c call) String() string { return fmt.Sprintf("%s %s #%d", c.operation, c.target, c.nth) }

// sequence are the calls of a run in their order.
func sequence(calls []flysim.Call) []call {
	var list []call
	seen := make(map[call]int)
	for _, c := range calls {
		key := call{operation: c.Operation, target: c.Target}
		list = append(list, call{c.Operation, c.Target, seen[key]})
		seen[key]++
	}
	return list
}

// faultKind is something that goes wrong with one call.
type faultKind struct {
	name   string
	fault  flysim.Fault
	kill   bool // the process ends with this call
	cancel bool // the program is told to end with this call
	stop   bool // somebody wants the deployment to end with this call
	again  bool // it is started again at once, not when its leases have ended

	harmless bool // no deployment fails for it: what was sent took effect
}

// kinds are what goes wrong, one at a time.
func kinds() []faultKind {
	return []faultKind{
		{name: "500", fault: flysim.Fault{Status: 500}},
		{name: "503", fault: flysim.Fault{Status: 503}},
		{name: "403", fault: flysim.Fault{Status: 403}},
		{name: "404", fault: flysim.Fault{Status: 404}},
		{name: "409", fault: flysim.Fault{Status: 409}},
		{name: "429", fault: flysim.Fault{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second}},
		{name: "500 after the effect", fault: flysim.Fault{Status: 500, EffectThenStatus: true}},
		{name: "503 for a while", fault: flysim.Fault{Status: 503, Times: 5}},
		{name: "502 for good", fault: flysim.Fault{Status: 502, Times: -1}},
		{name: "reset before", fault: flysim.Fault{Reset: flysim.ResetBefore}},
		{name: "reset after", fault: flysim.Fault{Reset: flysim.ResetAfter}, harmless: true},
		{name: "silence before", fault: flysim.Fault{Status: silence}},
		{name: "silence after", fault: flysim.Fault{Status: silence, EffectThenStatus: true}},
		{name: "slow", fault: flysim.Fault{Delay: 12 * time.Second}, harmless: true},
		{name: "half an answer", fault: flysim.Fault{Malformed: true}},
		{name: "another answer", fault: flysim.Fault{Status: 200, Body: `[{"a":1}]`, EffectThenStatus: true}},
		{name: "killed before", fault: flysim.Fault{Reset: flysim.ResetBefore}, kill: true},
		{name: "killed after", fault: flysim.Fault{Reset: flysim.ResetAfter}, kill: true},
		{name: "killed after, again at once", fault: flysim.Fault{Reset: flysim.ResetAfter}, kill: true, again: true},
		{name: "cancelled", cancel: true},
		{name: "stopped", stop: true},
	}
}

// faultPlan is a kind at a call.
type faults struct {
	kind faultKind
	at   call
	hit  bool
}

func (t *faults) String() string { return t.kind.name + " at " + t.at.String() }

// inject lets it happen. died is called when the process is killed.
func (t *faults) inject(w *platform, p *process, cancel context.CancelFunc, died func()) {
	fault := t.kind.fault
	fault.Operation, fault.Target, fault.After = t.at.operation, t.at.target, t.at.nth
	fault.Before = func(*flysim.Platform) {
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

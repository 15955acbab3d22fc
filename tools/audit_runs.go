package tools

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// Bounds of audits: how long one may take, how long its report serves further pages, and
// how many are kept.
const (
	auditWithin = 30 * time.Minute
	reportAge   = 10 * time.Minute
	maxAudits   = 8
)

// audits are the audits of a server: those that run, and the latest reports, whose further
// pages are asked for.
type audits struct {
	clock call.Clock

	mu   sync.Mutex
	list []*auditRun
}

func newAudits(clock call.Clock) *audits { return &audits{clock: clock} }

// auditKey is what makes audits equal.
type auditKey struct{ caller, app, org string }

// auditRun is one audit. It does not depend on the call that started it.
type auditRun struct {
	key  auditKey
	done chan struct{}

	mu     sync.Mutex
	ready  int // apps
	of     int
	report *audit.Report // set before done is closed
	err    error

	delivered bool // a call had the result; guarded by audits.mu
}

// progress returns how many apps are done.
func (r *auditRun) progress() (ready, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready, r.of
}

func (r *auditRun) step(ready, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready, r.of = max(r.ready, ready), of
}

// find returns the audit with this key that runs, or ended while no call waited, or, for a
// further page, the report that is still fresh. Otherwise it starts an audit.
func (a *audits) find(
	key auditKey, further bool, run func(context.Context, func(ready, of int)) (*audit.Report, error),
) *auditRun {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.list {
		if r.key != key {
			continue
		}
		select {
		case <-r.done:
			fresh := r.err != nil || a.clock.Now().Sub(r.report.At) < reportAge
			if fresh && (!r.delivered || further && r.err == nil) {
				return r
			}
		default:
			return r
		}
	}
	started := &auditRun{key: key, done: make(chan struct{})}
	a.list = slices.DeleteFunc(a.list, func(r *auditRun) bool { return r.key == key })
	if len(a.list) >= maxAudits {
		a.list = slices.Delete(a.list, 0, 1)
	}
	a.list = append(a.list, started)
	ctx, cancel := context.WithTimeout(context.Background(), auditWithin)
	go func() {
		defer close(started.done)
		defer cancel()
		started.report, started.err = run(ctx, started.step)
	}()
	return started
}

// deliver records that a call had the result of an audit.
func (a *audits) deliver(r *auditRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.delivered = true
}

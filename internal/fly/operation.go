package fly

import (
	"context"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// operation is what the transport has to know about a request. Whether it is a
// write is stated here; the HTTP method does not show it, since GraphQL reads are
// POSTs. An operation is for one call, and used by one goroutine at a time.
type operation struct {
	action  string // for the limiter, together with app and machine
	scope   scope
	app     string
	machine string
	thing   string           // what it is about, if neither Machine nor app says it
	kind    Thing            // of thing
	names   map[Thing]string // what else the request names, for "not found"
	pace    pace
	write   bool
	// stateful marks a write that names no version of what it changes: a precondition
	// that is not met does not mean that somebody changed it.
	stateful bool
	timeout  time.Duration
	secrets  []string // never to be repeated in an error
	tokens   int      // how many of them, the first ones, are of the access token

	sent      bool   // a write was sent; it is not sent again
	requestID string // of the last answer
}

// scope is what an operation names.
type scope int

const (
	onAccount scope = iota // neither an app nor a Machine
	onApp
	onMachine
)

// onApp returns the operation on an app.
func (op *operation) onApp(app string) *operation {
	op.scope, op.app = onApp, app
	return op
}

// onMachine returns the operation on a Machine.
func (op *operation) onMachine(app, id string) *operation {
	op.scope, op.app, op.machine = onMachine, app, id
	return op
}

// check refuses malformed names, before a URL is built from them.
func (op *operation) check() error {
	if op.scope == onAccount {
		return nil
	}
	if err := Apps(nil).Check(op.app); err != nil {
		return err
	}
	if op.scope == onMachine && !machineID.MatchString(op.machine) {
		return plan.Invalid("%s is not the id of a Machine", quote(op.machine))
	}
	return nil
}

type operationKey struct{}

// within marks the requests made under the context as belonging to op. The
// transport refuses requests that belong to none.
func (op *operation) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, operationKey{}, op)
}

func operationOf(ctx context.Context) *operation {
	op, _ := ctx.Value(operationKey{}).(*operation)
	return op
}

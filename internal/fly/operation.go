package fly

import (
	"context"
	"time"
)

// operation is what the transport has to know about a request. Whether it is
// a write is said here, not by the HTTP method: GraphQL reads are POSTs. It is
// for one call, used by one goroutine at a time.
type operation struct {
	action  string // for the limiter, together with app and machine
	app     string
	machine string
	thing   string           // what it is about, if neither Machine nor app says it
	kind    Thing            // of thing
	names   map[Thing]string // what else the request names, for "not found"
	pace    pace
	write   bool
	// stateful marks a write that names no version of what it changes: that the
	// platform finds a precondition not met does not mean that somebody changed it.
	stateful bool
	timeout  time.Duration
	secrets  []string // never to be repeated in an error
	tokens   int      // how many of them, the first ones, are of the access token

	sent      bool   // a write went out; there is no second time
	requestID string // of the last answer
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

package call

import (
	"context"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// A call can be ended before its time without its client having left: the
// server stops, or the client ended the session. The client still gets a
// result. These are the reasons, as [context.Cause] has them.
var (
	ErrStopping     = errors.New("the server is stopping")
	ErrSessionEnded = errors.New("the session was ended")
)

type stopKey struct{}

// WithStop gives the calls under ctx a context whose end, with one of the
// reasons above as its cause, has them come to an end: nobody is asked anymore,
// and nothing is begun. What is being read may still be answered, and what has
// been begun is finished.
func WithStop(ctx, stop context.Context) context.Context {
	return context.WithValue(ctx, stopKey{}, stop)
}

// stopOf is the context given to [WithStop], else one that never ends.
func stopOf(ctx context.Context) context.Context {
	if stop, ok := ctx.Value(stopKey{}).(context.Context); ok {
		return stop
	}
	return context.Background()
}

// endReason is why a call has to end, nil if it may go on.
func endReason(ctx context.Context) error {
	if stop := stopOf(ctx); stop.Err() != nil {
		return context.Cause(stop)
	}
	return context.Cause(ctx)
}

// ended is the answer to a call that was ended before it changed anything.
func ended(reason error) *plan.Problem {
	switch {
	case errors.Is(reason, ErrStopping):
		return &plan.Problem{Code: gate.Busy, Message: "the server is stopping and starts nothing new", Hint: "call again when it is running again"}
	case errors.Is(reason, ErrSessionEnded):
		return &plan.Problem{Code: gate.Busy, Message: "the session was ended while this call waited", Hint: "call again in a new session"}
	}
	return &plan.Problem{Code: gate.PlatformError, Message: "the call was cancelled before it was done"}
}

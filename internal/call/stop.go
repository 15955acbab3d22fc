package call

import (
	"context"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Reasons for which a call ends early although its client still listens, as
// [context.Cause] has them. The client still gets a result.
var (
	ErrStopping     = errors.New("the server is stopping")
	ErrSessionEnded = errors.New("the session was ended")
)

type stopKey struct{}

// WithStop gives the calls under ctx a context that ends them, with one of the reasons
// above as its cause: nobody is asked, and nothing is started. A call that only
// reads may still be answered, and what was started is finished.
func WithStop(ctx, stop context.Context) context.Context {
	return context.WithValue(ctx, stopKey{}, stop)
}

// stopOf returns the context given to [WithStop], else one that never ends.
func stopOf(ctx context.Context) context.Context {
	if stop, ok := ctx.Value(stopKey{}).(context.Context); ok {
		return stop
	}
	return context.Background()
}

// endReason returns why a call has to end; nil if it may go on.
func endReason(ctx context.Context) error {
	if stop := stopOf(ctx); stop.Err() != nil {
		return context.Cause(stop)
	}
	return context.Cause(ctx)
}

// stopProblem answers a call that was ended before it changed anything.
func stopProblem(reason error) *plan.Problem {
	switch {
	case errors.Is(reason, ErrStopping):
		return &plan.Problem{Code: gate.Busy, Message: "the server is stopping and starts nothing new",
			Hint: "call again when it is running again"}
	case errors.Is(reason, ErrSessionEnded):
		return &plan.Problem{Code: gate.Busy, Message: "the session was ended while this call waited",
			Hint: "call again in a new session"}
	}
	return &plan.Problem{Code: gate.PlatformError, Message: "the call was cancelled before it was done"}
}

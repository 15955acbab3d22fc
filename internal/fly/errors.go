package fly

import (
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Ambiguous is a write whose outcome is unknown: it was sent, and the answer was lost
// or says nothing about the effect. Read the state to find out.
type Ambiguous struct {
	Status int   // HTTP status, 0 if no answer came
	Cause  error // nil if an answer came
}

func (e *Ambiguous) Error() string { return e.answer() + ": it is not known whether it took effect" }

func (e *Ambiguous) answer() string {
	if e.Status != 0 {
		return fmt.Sprintf("Fly answered %d to a write", e.Status)
	}
	return "the answer to a write was lost"
}

// Settled returns the same failure without the doubt, for callers that have read the outcome
// of the write and report it. Its code is platform_error, too.
func (e *Ambiguous) Settled() error {
	return &plan.Problem{Code: gate.PlatformError, Message: e.answer(), Err: e}
}

// Unwrap gives the cause.
func (e *Ambiguous) Unwrap() error { return e.Cause }

// CodeOf returns the code of an error: internal for one that is neither a [*plan.Problem]
// nor an [*Ambiguous].
func CodeOf(err error) gate.Code {
	var coded *plan.Problem
	var ambiguous *Ambiguous
	switch {
	case err == nil:
		return ""
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &ambiguous):
		return gate.PlatformError
	}
	return gate.Internal
}

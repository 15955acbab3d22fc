package fly

import (
	"errors"
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Error is a failure that a person or a model can act on. Message is text of our own;
// words from Fly are quoted and cut in it. It never holds a token or a body.
type Error struct {
	Code       gate.Code
	Message    string
	Hint       string        // the next tool or command, if there is one
	Missing    Thing         // for not_found: what was not found, if that is known
	RequestID  string        // fly-request-id, for Fly's support
	RetryAfter time.Duration // for rate_limited and busy
	Err        error         // the cause, for the log
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// newError is an error that has neither a hint nor a cause.
func newError(code gate.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

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

// Settled is the same failure without the doubt, for callers that have read the outcome
// of the write and report it. Its code is platform_error, too.
func (e *Ambiguous) Settled() error {
	return &Error{Code: gate.PlatformError, Message: e.answer(), Err: e}
}

// Unwrap gives the cause.
func (e *Ambiguous) Unwrap() error { return e.Cause }

// CodeOf is the code of an error of this package: internal for any other.
func CodeOf(err error) gate.Code {
	var coded *Error
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

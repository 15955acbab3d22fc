package call

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// ProblemOf returns a problem of the caller's own for an error. ok is false for an error that
// nobody outside can act on: it is a bug of ours.
func ProblemOf(err error) (*plan.Problem, bool) {
	var p *plan.Problem
	var ambiguous *fly.Ambiguous
	switch {
	case errors.As(err, &p):
		own := *p // callers add to it
		return &own, true
	case errors.As(err, &ambiguous):
		return &plan.Problem{Code: gate.PlatformError, Message: ambiguous.Error(),
			Hint: "list_ips and the status resource show the current state"}, true
	case errors.Is(err, roots.ErrOutside):
		return &plan.Problem{Code: gate.InvalidInput, Message: err.Error(),
			Hint: "start the server with --root DIR, or send the file as content"}, true
	case errors.Is(err, roots.ErrChanged):
		return &plan.Problem{Code: gate.Stale, Message: err.Error(), Hint: "call again: the file is read again"}, true
	case diskProblem(err, "the file") != nil:
		p := diskProblem(err, "the file")
		p.Message = err.Error() + ": the file was not changed"
		return p, true
	case errors.Is(err, roots.ErrKind):
		return &plan.Problem{Code: gate.InvalidInput, Message: err.Error()}, true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return &plan.Problem{Code: gate.InvalidInput, Message: err.Error()}, true
	}
	return nil, false
}

// Explain turns an error into what is answered. An error that nobody outside can act on
// goes to the log whole, and the answer has its id.
func (h *Handler) Explain(ctx context.Context, err error) *plan.Problem {
	if p, ok := ProblemOf(err); ok {
		return p
	}
	if errors.Is(err, journal.ErrLost) {
		return h.journalProblem(err)
	}
	if ctx.Err() != nil {
		return stopProblem(endReason(ctx))
	}
	id := newID()
	h.Log.Error("internal error", "id", id, "err", err)
	return &plan.Problem{Code: gate.Internal, Message: "an internal error; the server's log has it under " + id}
}

// newID returns a random name for a run or a line of the log.
func newID() string { return strings.ToLower(rand.Text()[:13]) }

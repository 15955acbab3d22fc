package call

import (
	"errors"
	"io/fs"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// problem turns any error into one to answer with. ok is false for an error
// that nobody outside can act on: it is a bug of ours.
func ProblemOf(err error) (*plan.Problem, bool) {
	var p *plan.Problem
	var coded *fly.Error
	var ambiguous *fly.Ambiguous
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &coded):
		return &plan.Problem{Code: coded.Code, Message: coded.Message, Hint: coded.Hint, RetryAfter: coded.RetryAfter, RequestID: coded.RequestID}, coded.Code != gate.Internal
	case errors.As(err, &ambiguous):
		return &plan.Problem{Code: gate.PlatformError, Message: ambiguous.Error(), Hint: "list_ips and the status resource show the current state"}, true
	case errors.Is(err, roots.ErrOutside):
		return &plan.Problem{Code: gate.InvalidInput, Message: err.Error(), Hint: "start the server with --root DIR, or send the file as content"}, true
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

package tools

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// Problem is an error that the model or a person can act on.
type Problem struct {
	Code       gate.Code
	Message    string // a sentence without its full stop
	Hint       string // the next tool or command
	RetryAfter time.Duration
	RequestID  string
	Blockers   []plan.Blocker
	Next       []plan.Next
}

func (p *Problem) Error() string { return p.Message }

// next returns the hint as what to do first, then Next; it is never nil. The hint
// is for the agent, which corrects its own arguments, unless a person has to act.
func (p *Problem) next() []plan.Next {
	next := []plan.Next{}
	if p.Hint != "" {
		who := "agent"
		if p.Code.Retry() == gate.RetryAfterPerson {
			who = "person"
		}
		next = append(next, plan.Next{Who: who, Why: p.Hint})
	}
	return append(next, p.Next...)
}

// errorText shows an error whose text may hold words of a file or of Fly: on one
// line of at most limit characters.
func errorText(err error, limit int) string {
	return outside.Line(strings.Join(strings.Fields(err.Error()), " "), limit)
}

// quoteError quotes an error in flyctl's words, which hold values of the file.
func quoteError(err error) string {
	return outside.Quote(strings.Join(strings.Fields(err.Error()), " "), 600)
}

func invalid(format string, args ...any) *Problem {
	return &Problem{Code: gate.InvalidInput, Message: fmt.Sprintf(format, args...)}
}

// problem turns any error into one to answer with. ok is false for an error
// that nobody outside can act on: it is a bug of ours.
func problem(err error) (*Problem, bool) {
	var p *Problem
	var coded *fly.Error
	var ambiguous *fly.Ambiguous
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &coded):
		return &Problem{Code: coded.Code, Message: coded.Message, Hint: coded.Hint, RetryAfter: coded.RetryAfter, RequestID: coded.RequestID}, coded.Code != gate.Internal
	case errors.As(err, &ambiguous):
		return &Problem{Code: gate.PlatformError, Message: ambiguous.Error(), Hint: "list_ips and the status resource show the current state"}, true
	case errors.Is(err, roots.ErrOutside):
		return &Problem{Code: gate.InvalidInput, Message: err.Error(), Hint: "start the server with --root DIR, or send the file as content"}, true
	case errors.Is(err, roots.ErrChanged):
		return &Problem{Code: gate.Stale, Message: err.Error(), Hint: "call again: the file is read again"}, true
	case diskProblem(err, "the file") != nil:
		p := diskProblem(err, "the file")
		p.Message = err.Error() + ": the file was not changed"
		return p, true
	case errors.Is(err, roots.ErrKind):
		return &Problem{Code: gate.InvalidInput, Message: err.Error()}, true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return &Problem{Code: gate.InvalidInput, Message: err.Error()}, true
	}
	return nil, false
}

package plan

import (
	"fmt"
	"math"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Problem is an error that the model or a person can act on.
type Problem struct {
	Code       gate.Code
	Message    string // a sentence without its full stop
	Hint       string // the next tool or command
	RetryAfter time.Duration
	RequestID  string
	Blockers   []Blocker
	Next       []Next
}

func (p *Problem) Error() string { return p.Message }

// NextSteps returns the hint as what to do first, then Next; it is never nil. The hint
// is for the agent, which corrects its own arguments, unless a person has to act.
func (p *Problem) NextSteps() []Next {
	next := []Next{}
	if p.Hint != "" {
		who := "agent"
		if p.Code.Retry() == gate.RetryAfterPerson {
			who = "person"
		}
		next = append(next, Next{Who: who, Why: p.Hint})
	}
	return append(next, p.Next...)
}

// Set sets the status and the code, and with the code when to call again.
func (r *Result) Set(status Status, code gate.Code) {
	r.Status, r.Code, r.Retry = status, code, code.Retry()
}

// SetProblem fills in the problem's part of an envelope.
func (r *Result) SetProblem(p *Problem) {
	r.Code, r.Retry, r.RequestID, r.Blockers, r.Next = p.Code, p.Code.Retry(), p.RequestID,
		p.Blockers, p.NextSteps()
	if p.RetryAfter > 0 {
		r.RetryAfterS = int(math.Ceil(p.RetryAfter.Seconds()))
	}
}

// Invalid returns a problem with the arguments of a call.
func Invalid(format string, args ...any) *Problem {
	return &Problem{Code: gate.InvalidInput, Message: fmt.Sprintf(format, args...)}
}

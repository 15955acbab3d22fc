package plan

import (
	"fmt"
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

func Invalid(format string, args ...any) *Problem {
	return &Problem{Code: gate.InvalidInput, Message: fmt.Sprintf(format, args...)}
}

package plan

import (
	"fmt"
	"math"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Problem is an error that the model or a person can act on. Message is text of our own;
// words from outside are quoted and cut in it. It never holds a secret.
type Problem struct {
	Code       gate.Code
	Message    string        // a sentence without its full stop
	Hint       string        // the next tool or command
	RetryAfter time.Duration // for rate_limited and busy
	RequestID  string        // fly-request-id, for Fly's support
	Blockers   []Blocker
	Next       []Next
	Err        error // the cause; it is never shown
}

func (p *Problem) Error() string { return p.Message }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Reason is in every result that is not a success: why, and when to call again.
type Reason struct {
	Code        gate.Code  `json:"code,omitempty"`
	Retry       gate.Retry `json:"retry,omitempty" jsonschema:"now, after_wait, after_fix, after_person or never"`
	RetryAfterS int        `json:"retry_after_s,omitempty"`
	RequestID   string     `json:"request_id,omitempty"`
}

// ReasonFor returns the reason that has only a code.
func ReasonFor(code gate.Code) Reason { return Reason{Code: code, Retry: code.Retry()} }

// Reason returns what a result says of the problem.
func (p *Problem) Reason() Reason {
	r := ReasonFor(p.Code)
	r.RequestID, r.RetryAfterS = p.RequestID, int(math.Ceil(p.RetryAfter.Seconds()))
	return r
}

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
	r.Reason, r.Blockers, r.Next = p.Reason(), p.Blockers, p.NextSteps()
}

// Invalid returns a problem with the arguments of a call.
func Invalid(format string, args ...any) *Problem {
	return &Problem{Code: gate.InvalidInput, Message: fmt.Sprintf(format, args...)}
}

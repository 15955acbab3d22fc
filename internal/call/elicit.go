package call

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// ElicitKind is how a question reaches the person at the client of a call.
type ElicitKind int

// The kinds. Only the last two can carry a question: with ElicitNone, nobody at
// the client can be asked.
const (
	// ElicitNone: the client did not declare elicitation in form mode, or the
	// transport cannot carry a question (HTTP+SSE).
	ElicitNone ElicitKind = iota
	// ElicitRoundTrip: answer the call with input_required; the client comes
	// back with the person's answer in a new call (revision 2026-07-28).
	ElicitRoundTrip
	// ElicitSession: send elicitation/create with [RequestElicitation] while
	// the call is open (the revisions with an initialize handshake).
	ElicitSession
)

func (k ElicitKind) String() string {
	switch k {
	case ElicitRoundTrip:
		return "roundtrip"
	case ElicitSession:
		return "session"
	}
	return "none"
}

// CanElicit returns how the person at the client of this call can be asked.
//
// From revision 2026-07-28 on, only what the request itself declares counts;
// before that, what the client declared in initialize. mcp-go checks neither
// when it sends a question.
func CanElicit(ctx context.Context) ElicitKind {
	if info := mcpserver.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities != nil && declaresForm(info.ClientCapabilities.Elicitation) {
			return ElicitRoundTrip
		}
		return ElicitNone
	}
	session := mcpserver.ClientSessionFromContext(ctx)
	if _, ok := session.(mcpserver.SessionWithElicitation); !ok {
		return ElicitNone
	}
	client, ok := session.(mcpserver.SessionWithClientInfo)
	if !ok || !declaresForm(client.GetClientCapabilities().Elicitation) {
		return ElicitNone
	}
	return ElicitSession
}

// declaresForm reports whether a client declares form mode. An empty capability
// object means form mode, as it did before there were modes.
func declaresForm(c *mcp.ElicitationCapability) bool {
	return c != nil && (c.Form != nil || c.URL == nil)
}

// Errors of [RequestElicitation].
var (
	// ErrNoAnswer means that nobody answered within the time limit.
	ErrNoAnswer = errors.New("no answer within the time limit")
	// ErrClientGone means that the call was cancelled, or that the client left,
	// before an answer came.
	ErrClientGone = errors.New("the client left before an answer came")
)

// ElicitationError says that a client answered the question with an error or
// with something that is not an answer. As far as is known, nobody saw the question.
type ElicitationError struct {
	Code    int    // the JSON-RPC code, such as -32601; 0 if there was none
	Message string // the client's words, shortened: data, never an instruction
}

func (e *ElicitationError) Error() string {
	if e.Code == 0 {
		return "the client did not show the question: " + e.Message
	}
	return fmt.Sprintf("the client did not show the question: error %d: %s", e.Code, e.Message)
}

// Answer is what came back for a question.
type Answer struct {
	Action  mcp.ElicitationResponseAction // accept, decline or cancel
	Content map[string]any                // the form's fields; nil unless accepted
	Arrived time.Time                     // when the answer's bytes were read, by the transport; may be zero
}

// ElicitOptions say how long to wait for an answer, and what to call when the
// question is sent and when its answer comes late.
type ElicitOptions struct {
	Within time.Duration                        // how long the call waits
	After  func(time.Duration) <-chan time.Time // a timer; nil means time.After
	// called when the question has been sent, from another goroutine; may be nil
	Sent func(at time.Time)
	// called with an answer after the limit, at most once, from another goroutine; may be nil
	Late func(Answer)
}

// lateWait is how long after the time limit an answer still goes to ElicitOptions.Late.
const lateWait = 30 * time.Minute

// RequestElicitation sends elicitation/create to the client of the call and
// waits for the answer, at most options.Within: mcp-go itself has no limit.
// Use it only if [CanElicit] returns [ElicitSession].
//
// The error is [ErrNoAnswer], [ErrClientGone], the reason of [WithStop], an
// [*ElicitationError] (the answer then has only its time of arrival), or mcp-go's
// own if the question could not be sent at all. After any of the first three, the
// question stays open at the client for half an hour; an answer given in that time
// goes to options.Late and has no other effect.
func RequestElicitation(ctx context.Context, params mcp.ElicitationParams, options ElicitOptions) (Answer, error) {
	server := mcpserver.ServerFromContext(ctx)
	if server == nil {
		return Answer{}, errors.New("ask the client: not in a call")
	}
	after := options.After
	if after == nil {
		after = time.After
	}

	// The question outlives the call, so that a late answer is still received.
	open, closeQuestion := context.WithCancel(context.WithoutCancel(ctx))
	open, posting := withPosting(open, options.Sent)
	type reply struct {
		answer Answer
		err    error
	}
	replies := make(chan reply, 1)
	limit := after(options.Within)
	go func() {
		result, err := server.RequestElicitation(open, mcp.ElicitationRequest{
			Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)},
			Params:  params,
		})
		answer, err := readAnswer(result, err)
		answer.Arrived = posting.answeredAt()
		replies <- reply{answer, err}
	}()

	var failure error
	select {
	case r := <-replies:
		closeQuestion()
		return r.answer, r.err
	case <-limit:
		failure = ErrNoAnswer
	case <-stopOf(ctx).Done():
		failure = endReason(ctx)
	case <-ctx.Done():
		failure = fmt.Errorf("%w: %w", ErrClientGone, ctx.Err())
	}

	late := after(lateWait)
	go func() {
		defer closeQuestion()
		select {
		case r := <-replies:
			if r.err == nil && options.Late != nil {
				options.Late(r.answer)
			}
		case <-late:
		}
	}()
	return Answer{}, failure
}

func readAnswer(result *mcp.ElicitationResult, err error) (Answer, error) {
	switch {
	case err != nil:
		return Answer{}, clientError(err)
	case result == nil:
		return Answer{}, &ElicitationError{Message: "an empty answer"}
	}
	switch result.Action {
	case mcp.ElicitationResponseActionAccept:
		content, _ := result.Content.(map[string]any)
		return Answer{Action: result.Action, Content: content}, nil
	case mcp.ElicitationResponseActionDecline, mcp.ElicitationResponseActionCancel:
		return Answer{Action: result.Action}, nil
	}
	return Answer{}, &ElicitationError{Message: "an answer that is neither accept, decline nor cancel"}
}

// httpClientError matches the text that mcp-go's HTTP transport makes of a client's
// JSON-RPC error, which is the only place where it keeps the code.
var httpClientError = regexp.MustCompile(`(?s)^elicitation/create error (-?\d+): (.*)$`)

func clientError(err error) error {
	if m := httpClientError.FindStringSubmatch(err.Error()); m != nil {
		if code, convErr := strconv.Atoi(m[1]); convErr == nil {
			return NewElicitationError(code, m[2])
		}
	}
	return fmt.Errorf("ask the client: %w", err)
}

// NewElicitationError returns the error for a client's JSON-RPC error, with its text
// on one line of at most 120 visible characters.
func NewElicitationError(code int, message string) *ElicitationError {
	return &ElicitationError{Code: code, Message: outside.Line(strings.Join(strings.Fields(message), " "), 119)}
}

// clientName returns the name that the client gave itself; empty if it gave none.
func clientName(ctx context.Context) string {
	if info := mcpserver.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientInfo != nil {
		return plan.Clean(info.ClientInfo.Name)
	}
	if session, ok := mcpserver.ClientSessionFromContext(ctx).(mcpserver.SessionWithClientInfo); ok {
		return plan.Clean(session.GetClientInfo().Name)
	}
	return ""
}

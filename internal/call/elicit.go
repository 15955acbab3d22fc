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
)

// ElicitKind is how a question reaches the person at the client of a call.
type ElicitKind int

// The kinds. A question needs one of the last two; where neither is, nobody at
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

// CanElicit tells how the person at the client of this call can be asked.
//
// From revision 2026-07-28 only what the request itself declares counts;
// before it, what the client declared in initialize. mcp-go checks neither
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

// declaresForm: an empty capability object means form mode, as it did before
// there were modes.
func declaresForm(c *mcp.ElicitationCapability) bool {
	return c != nil && (c.Form != nil || c.URL == nil)
}

// Errors of [RequestElicitation].
var (
	// ErrNoAnswer: the time limit passed and nobody had answered.
	ErrNoAnswer = errors.New("no answer within the time limit")
	// ErrClientGone: the call was cancelled, or the client left, before an
	// answer came.
	ErrClientGone = errors.New("the client left before an answer came")
)

// ElicitationError is a client that answered the question with an error or
// with something that is not an answer: nobody saw it, as far as is known.
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

// Asking is how long a question is held, and who is told of it.
type Asking struct {
	Within time.Duration                        // how long the call waits
	After  func(time.Duration) <-chan time.Time // a timer; nil means time.After
	Sent   func(at time.Time)                   // called when the question was sent, from another goroutine; may be nil
	Late   func(Answer)                         // called at most once, from another goroutine; may be nil
}

// lateWait is how long after its limit an answer is still worth telling.
const lateWait = 30 * time.Minute

// RequestElicitation sends elicitation/create to the client of the call and
// waits for the answer, at most the time given: mcp-go itself has no limit.
// Use it where [CanElicit] says [ElicitSession].
//
// Errors are [ErrNoAnswer], [ErrClientGone], the reason of [WithStop], an
// [*ElicitationError], with which the time of arrival is set, or what mcp-go says
// when the question could not be sent at all. After any of the first three the
// question stays open at the client for half an hour; an answer
// given then goes to asking.Late and has no other effect.
func RequestElicitation(ctx context.Context, params mcp.ElicitationParams, asking Asking) (Answer, error) {
	server := mcpserver.ServerFromContext(ctx)
	if server == nil {
		return Answer{}, errors.New("ask the client: not in a call")
	}
	after := asking.After
	if after == nil {
		after = time.After
	}

	// The question outlives the call, so that a late answer is still heard.
	open, closeQuestion := context.WithCancel(context.WithoutCancel(ctx))
	open, posting := withPosting(open, asking.Sent)
	type reply struct {
		answer Answer
		err    error
	}
	replies := make(chan reply, 1)
	limit := after(asking.Within)
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
			if r.err == nil && asking.Late != nil {
				asking.Late(r.answer)
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

// httpClientError is how mcp-go's HTTP transport words a client's JSON-RPC
// error; it keeps the code nowhere else.
var httpClientError = regexp.MustCompile(`(?s)^elicitation/create error (-?\d+): (.*)$`)

func clientError(err error) error {
	if m := httpClientError.FindStringSubmatch(err.Error()); m != nil {
		if code, convErr := strconv.Atoi(m[1]); convErr == nil {
			return NewElicitationError(code, m[2])
		}
	}
	return fmt.Errorf("ask the client: %w", err)
}

// NewElicitationError is a client's JSON-RPC error, its text on one
// line of at most 120 visible characters.
func NewElicitationError(code int, message string) *ElicitationError {
	return &ElicitationError{Code: code, Message: outside.Line(strings.Join(strings.Fields(message), " "), 119)}
}

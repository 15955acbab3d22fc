package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// questionQueue asks the questions of calls over streamable HTTP, in the handshake
// revisions: a question goes to the response of its call's POST, and the answer comes
// as another POST. mcp-go could do that, but does not report when a question was written
// and when the answer's bytes were read.
type questionQueue struct {
	mu   sync.Mutex
	last int64 // ids are unique among sessions
	open map[openQuestion]chan reply
}

// openQuestion identifies a question: an answer counts only in its session.
type openQuestion struct {
	session string
	id      int64
}

func newQuestions() *questionQueue {
	return &questionQueue{open: make(map[openQuestion]chan reply)}
}

// check is a middleware that takes the answers to questions out of the POSTs. It comes
// after the one that checks whose session it is.
func (q *questionQueue) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := postedBodyFrom(r.Context())
		var m rpcMessage
		if r.Method == http.MethodPost && p.method == "" && !p.modern && json.Unmarshal(p.body, &m) == nil &&
			q.deliverAnswer(r.Header.Get(mcp.HeaderSessionID), reply{m, arrival(r.Context())}) {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// deliverAnswer delivers an answer; false if no question waits for it.
func (q *questionQueue) deliverAnswer(session string, r reply) bool {
	if string(r.Error) == "null" {
		r.Error = nil // some clients send both result and error, one of them null
	}
	id, ok := questionID(r.ID)
	if !ok || r.Method != nil || r.Result == nil && r.Error == nil {
		return false
	}
	q.mu.Lock()
	key := openQuestion{session, id}
	waiting := q.open[key]
	delete(q.open, key)
	q.mu.Unlock()
	if waiting == nil {
		return false
	}
	waiting <- r
	return true
}

// ask writes a question to a call's response and waits for the answer.
func (q *questionQueue) ask(
	ctx context.Context, session string, stream *responseStream, request mcp.ElicitationRequest,
) (*mcp.ElicitationResult, error) {
	answer := make(chan reply, 1)
	q.mu.Lock()
	q.last++
	key := openQuestion{session, q.last}
	q.open[key] = answer
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.open, key)
		q.mu.Unlock()
	}()

	times := call.PostingFrom(ctx)
	at, err := stream.push(elicitation(key.id, request))
	if err != nil {
		return nil, call.ErrClientGone
	}
	times.Sent(at)
	select {
	case r := <-answer:
		times.Answered(r.arrived)
		return readElicitation(r.rpcMessage)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// httpCall is the session of one call over streamable HTTP.
type httpCall struct {
	*callSession
	questions *questionQueue
	stream    *responseStream
}

var _ mcpserver.SessionWithElicitation = httpCall{}

// RequestElicitation asks on the response to the call's POST.
func (c httpCall) RequestElicitation(
	ctx context.Context, request mcp.ElicitationRequest,
) (*mcp.ElicitationResult, error) {
	c.UpgradeToSSEWhenReceiveNotification() // so that mcp-go writes the result as an event
	return c.questions.ask(ctx, c.SessionID(), c.stream, request)
}

type arrivalKey struct{}

// stampArrival is a middleware that records when a request began to arrive. It comes
// first.
func stampArrival(now func() time.Time) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, now())))
		})
	}
}

// arrival returns when the request began to arrive.
func arrival(ctx context.Context) time.Time {
	at, _ := ctx.Value(arrivalKey{}).(time.Time)
	return at
}

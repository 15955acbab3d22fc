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

// questions puts the questions of calls over streamable HTTP, in the handshake
// revisions: each goes to the response of the POST that its call came with, and
// its answer comes as a POST of its own. Mcp-go can do that too, but it says
// neither when a question was written nor when the answer's bytes were read.
type questionQueue struct {
	mu   sync.Mutex
	last int64 // ids are unique among sessions
	open map[openQuestion]chan reply
}

// openQuestion names a question: an answer counts only in the session that was asked.
type openQuestion struct {
	session string
	id      int64
}

func newQuestions() *questionQueue {
	return &questionQueue{open: make(map[openQuestion]chan reply)}
}

// check takes the answers to questions out of what is posted. It stands behind
// the check of who a session belongs to.
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

// answered delivers an answer; false if nobody waits for it.
func (q *questionQueue) deliverAnswer(session string, r reply) bool {
	if string(r.Error) == "null" {
		r.Error = nil // some clients send both, one of them null
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
func (q *questionQueue) ask(ctx context.Context, session string, stream *responseStream, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
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
func (c httpCall) RequestElicitation(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	c.UpgradeToSSEWhenReceiveNotification() // mcp-go writes the result as an event then
	return c.questions.ask(ctx, c.SessionID(), c.stream, request)
}

type arrivalKey struct{}

// stampArrival notes when a request began to arrive, before anything of it is
// looked at.
func stampArrival(now func() time.Time) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, now())))
		})
	}
}

// arrival is when the request began to arrive.
func arrival(ctx context.Context) time.Time {
	at, _ := ctx.Value(arrivalKey{}).(time.Time)
	return at
}

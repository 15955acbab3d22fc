package server

import (
	"crypto/rand"
	"errors"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/tools"
)

// ownedSessions are the sessions of the handshake revisions, each with the
// caller who opened it: a session id is a name and proves nothing. It stands in
// for mcp-go's stateful manager, which knows no owners and keeps the ids of
// ended sessions for ever.
type ownedSessions struct {
	mu     sync.Mutex
	owners map[string]string // session id → caller id
}

func newOwnedSessions() *ownedSessions {
	return &ownedSessions{owners: make(map[string]string)}
}

func (s *ownedSessions) owned(session, caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, ok := s.owners[session]
	return ok && owner == caller
}

// ResolveSessionIdManager gives mcp-go the sessions as the caller of r sees
// them. Without a request it is mcp-go itself that ends what was idle too long.
func (s *ownedSessions) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager {
	if r == nil {
		return callerSessions{sessions: s}
	}
	return callerSessions{sessions: s, caller: tools.CallerFrom(r.Context()).ID}
}

type callerSessions struct {
	sessions *ownedSessions
	caller   string // empty: mcp-go's own housekeeping
}

func (c callerSessions) Generate() string {
	id := rand.Text()
	c.sessions.mu.Lock()
	defer c.sessions.mu.Unlock()
	c.sessions.owners[id] = c.caller
	return id
}

func (c callerSessions) Validate(id string) (terminated bool, err error) {
	if !c.sessions.owned(id, c.caller) {
		return false, errors.New("no such session")
	}
	return false, nil
}

func (c callerSessions) Terminate(id string) (notAllowed bool, err error) {
	c.sessions.mu.Lock()
	defer c.sessions.mu.Unlock()
	if c.caller != "" && c.sessions.owners[id] != c.caller {
		return false, errors.New("no such session")
	}
	delete(c.sessions.owners, id)
	return false, nil
}

// check lets a request into a session only if it is its caller's. Mcp-go checks
// neither the session that a GET listens to nor the one that a DELETE ends.
//
// A cancellation outside a session is accepted and dropped: mcp-go would let it
// cancel whatever call of any other client happens to have the same id, and
// since revision 2026-07-28 a client cancels by closing the response.
func (s *ownedSessions) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message := postedFrom(r.Context())
		session := r.Header.Get(mcp.HeaderSessionID)
		modern := message.modern || mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
		switch {
		case message.method == string(mcp.MethodNotificationCancelled) && (modern || session == ""):
			w.WriteHeader(http.StatusAccepted)
			return
		case modern, message.method == string(mcp.MethodInitialize):
			r.Header.Del(mcp.HeaderSessionID)
		case r.Method == http.MethodPost && !message.valid:
			// Answered as a message that cannot be parsed.
		case session == "":
			http.Error(w, "Mcp-Session-Id is required", http.StatusBadRequest)
			return
		case !s.owned(session, tools.CallerFrom(r.Context()).ID):
			http.Error(w, "no such session", http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

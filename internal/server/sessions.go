package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// Limits of sessions.
const (
	defaultSessions          = 1000
	defaultSessionsPerCaller = 500
	// sessionTTL is how long a session without requests is kept.
	sessionTTL = time.Hour
	// sessionSpare is how long one is kept if others need its place.
	sessionSpare = time.Minute
)

// ownedSessions are the sessions of the handshake revisions, each with the caller who
// opened it: a session id alone proves nothing. It replaces mcp-go's stateful manager,
// which has no owners and no limits, and keeps the ids of ended sessions forever. A
// stream of HTTP+SSE counts as a session.
type ownedSessions struct {
	perServer, perCaller int

	shutdown shutdown
	now      func() time.Time
	forget   func(id string) // removes what mcp-go keeps of a session
	timing   timing

	mu   sync.Mutex
	byID map[string]*httpSession
}

// httpSession is one session. Its fields are guarded by ownedSessions.mu.
type httpSession struct {
	owner    string
	shutdown shutdown
	end      func()
	open     int       // requests that are not answered yet
	used     time.Time // when the last request came or was answered
}

// Errors of opening a session.
var (
	errServerFull = errors.New("the server has reached its limit of sessions")
	errCallerFull = errors.New("this client has reached its limit of sessions")
)

func newOwnedSessions(e shutdown, o HTTPOptions) *ownedSessions {
	return &ownedSessions{
		perServer: o.Sessions, perCaller: o.SessionsPerCaller,
		shutdown: e, now: time.Now, forget: func(string) {}, timing: o.timing,
		byID: make(map[string]*httpSession),
	}
}

// open opens a session for a caller. If the limit is reached, it ends the session that
// was unused the longest, if that is long enough.
func (s *ownedSessions) open(caller string) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := 0
	for _, session := range s.byID {
		if session.owner == caller {
			own++
		}
	}
	if s.perCaller > 0 && own >= s.perCaller && !s.evict(caller) {
		return "", errCallerFull
	}
	if s.perServer > 0 && len(s.byID) >= s.perServer && !s.evict("") {
		return "", errServerFull
	}
	id = rand.Text()
	end, stop := s.shutdown.forSession()
	s.byID[id] = &httpSession{owner: caller, shutdown: end, end: stop, used: s.now()}
	return id, nil
}

// evict ends the session that was unused the longest; of one caller, unless caller is
// empty. It reports whether there was one that was unused for long enough.
func (s *ownedSessions) evict(caller string) bool {
	oldest, before := "", s.now().Add(-sessionSpare)
	for id, session := range s.byID {
		if session.open == 0 && (caller == "" || session.owner == caller) && !session.used.After(before) {
			oldest, before = id, session.used
		}
	}
	if oldest == "" {
		return false
	}
	s.drop(oldest)
	return true
}

// close ends a session that mcp-go does not know.
func (s *ownedSessions) close(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.byID[id]; session != nil {
		delete(s.byID, id)
		session.end()
	}
}

// drop ends a session. The caller holds mu.
func (s *ownedSessions) drop(id string) {
	session := s.byID[id]
	if session == nil {
		return
	}
	delete(s.byID, id)
	session.end()
	go s.forget(id) // mcp-go asks for the session while it cleans up
}

// expire ends the sessions that were unused for long. A session with an open stream or
// call is in use.
func (s *ownedSessions) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.now().Add(-sessionTTL)
	for id, session := range s.byID {
		if session.open == 0 && !session.used.After(before) {
			s.drop(id)
		}
	}
}

// expireUntil calls expire every minute until ctx ends.
func (s *ownedSessions) expireUntil(ctx context.Context) {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			s.expire()
		case <-ctx.Done():
			return
		}
	}
}

// enter begins a request of a session, which leave ends. ok is false if the caller has
// no such session.
func (s *ownedSessions) enter(id, caller string) (e shutdown, leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.byID[id]
	if session == nil || session.owner != caller {
		return shutdown{}, nil, false
	}
	session.open++
	session.used = s.now()
	return session.shutdown, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		session.open--
		session.used = s.now()
	}, true
}

// isOwner reports whether the caller has a session with this id.
func (s *ownedSessions) isOwner(id, caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.byID[id]
	return session != nil && session.owner == caller
}

// ResolveSessionIdManager returns the sessions as the caller of r sees them, for
// mcp-go. r is nil for mcp-go's own housekeeping.
func (s *ownedSessions) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager {
	if r == nil {
		return callerSessions{sessions: s}
	}
	opened, _ := r.Context().Value(openedKey{}).(string)
	return callerSessions{sessions: s, caller: call.CallerFrom(r.Context()).ID, opened: opened}
}

// openedKey is the context key of the id of the session opened for an initialize.
type openedKey struct{}

type callerSessions struct {
	sessions *ownedSessions
	caller   string // empty: mcp-go's own housekeeping
	opened   string
}

func (c callerSessions) Generate() string { return c.opened }

func (c callerSessions) Validate(id string) (terminated bool, err error) {
	if !c.sessions.isOwner(id, c.caller) {
		return false, errors.New("no such session")
	}
	return false, nil
}

// Terminate ends a session: it ends its streams, and answers its calls.
func (c callerSessions) Terminate(id string) (notAllowed bool, err error) {
	if c.caller != "" && !c.sessions.isOwner(id, c.caller) {
		return false, errors.New("no such session")
	}
	c.sessions.close(id)
	return false, nil
}

// check is a middleware that lets a request into a session only if it is the caller's.
// mcp-go does not check that for GET and DELETE.
//
// A cancellation outside a session is accepted and ignored: mcp-go would let it cancel
// any client's call that has the same id. Since revision 2026-07-28, clients cancel by
// closing the response.
func (s *ownedSessions) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message := postedBodyFrom(r.Context())
		session, caller := r.Header.Get(mcp.HeaderSessionID), call.CallerFrom(r.Context()).ID
		switch {
		case message.method == string(mcp.MethodNotificationCancelled) && (message.modern || session == ""):
			w.WriteHeader(http.StatusAccepted)
			return
		case message.modern:
			r.Header.Del(mcp.HeaderSessionID)
		case message.method == string(mcp.MethodInitialize):
			r.Header.Del(mcp.HeaderSessionID)
			id, err := s.open(caller)
			if err != nil {
				s.refuseSession(w, message, err)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), openedKey{}, id))
		case session == "":
			http.Error(w, "Mcp-Session-Id is required", http.StatusBadRequest)
			return
		default:
			e, leave, ok := s.enter(session, caller)
			if !ok {
				http.Error(w, "no such session", http.StatusNotFound)
				return
			}
			defer leave()
			r = r.WithContext(e.withContext(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// refuseSession answers a client that cannot have another session.
func (s *ownedSessions) refuseSession(w http.ResponseWriter, message postedBody, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, errCallerFull) {
		status = http.StatusTooManyRequests
	}
	w.Header().Set("Retry-After", "60")
	text := err.Error() + "; end sessions that are not needed with DELETE, or wait until they expire"
	writeRPCError(w, status, message.id, mcp.INTERNAL_ERROR, text)
}

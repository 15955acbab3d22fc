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
	// sessionTTL is how long a session without a request is kept.
	sessionTTL = time.Hour
	// sessionSpare is how long one is kept when others need its place.
	sessionSpare = time.Minute
)

// ownedSessions are the sessions of the handshake revisions, each with the
// caller who opened it: a session id is a name and proves nothing. It stands in
// for mcp-go's stateful manager, which knows no owners and no limits, and keeps
// the ids of ended sessions for ever. A stream of HTTP+SSE counts as a session.
type ownedSessions struct {
	perServer, perCaller int

	shutdown shutdown
	now      func() time.Time
	forget   func(id string) // drops what mcp-go keeps of a session
	timing   timing

	mu   sync.Mutex
	byID map[string]*httpSession
}

// httpSession is one session. Its fields are guarded by ownedSessions.mu.
type httpSession struct {
	owner    string
	shutdown shutdown
	end      func()
	open     int       // requests that are being answered
	used     time.Time // when the last one came or was answered
}

// Errors of opening a session.
var (
	errServerFull = errors.New("the server has as many sessions as it may have")
	errCallerFull = errors.New("this client has as many sessions as it may have")
)

func newOwnedSessions(e shutdown, o HTTPOptions) *ownedSessions {
	return &ownedSessions{
		perServer: o.Sessions, perCaller: o.SessionsPerCaller,
		shutdown: e, now: time.Now, forget: func(string) {}, timing: o.timing,
		byID: make(map[string]*httpSession),
	}
}

// open opens a session for a caller. Where the limit is reached it takes the
// place of the one that was unused the longest, if that is long enough.
func (s *ownedSessions) open(caller string) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := 0
	for _, session := range s.byID {
		if session.owner == caller {
			mine++
		}
	}
	if s.perCaller > 0 && mine >= s.perCaller && !s.evict(caller) {
		return "", errCallerFull
	}
	if s.perServer > 0 && len(s.byID) >= s.perServer && !s.evict("") {
		return "", errServerFull
	}
	id = rand.Text()
	own, end := s.shutdown.forSession()
	s.byID[id] = &httpSession{owner: caller, shutdown: own, end: end, used: s.now()}
	return id, nil
}

// evict ends the session that was unused the longest, of one caller if one is
// given. It reports whether there was one to spare.
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

// close ends a session of which mcp-go knows nothing.
func (s *ownedSessions) close(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.byID[id]; session != nil {
		delete(s.byID, id)
		session.end()
	}
}

// drop ends a session; called with mu held.
func (s *ownedSessions) drop(id string) {
	session := s.byID[id]
	if session == nil {
		return
	}
	delete(s.byID, id)
	session.end()
	go s.forget(id) // mcp-go asks for the session while it cleans up
}

// expire ends sessions that nobody used for long. One with an open stream or a
// call that is being answered is in use.
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

// expireUntil does so every minute until ctx ends.
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

// enter counts one more request of a session, until leave. It is not there for
// anybody but its owner.
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

func (s *ownedSessions) isOwner(id, caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.byID[id]
	return session != nil && session.owner == caller
}

// ResolveSessionIdManager gives mcp-go the sessions as the caller of r sees
// them. Without a request it is mcp-go's own housekeeping.
func (s *ownedSessions) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager {
	if r == nil {
		return callerSessions{sessions: s}
	}
	opened, _ := r.Context().Value(openedKey{}).(string)
	return callerSessions{sessions: s, caller: call.CallerFrom(r.Context()).ID, opened: opened}
}

// openedKey has the id of the session that was opened for an initialize.
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

// Terminate ends a session: its streams end, and its calls are answered.
func (c callerSessions) Terminate(id string) (notAllowed bool, err error) {
	if c.caller != "" && !c.sessions.isOwner(id, c.caller) {
		return false, errors.New("no such session")
	}
	c.sessions.close(id)
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
		message := postedBodyFrom(r.Context())
		session, caller := r.Header.Get(mcp.HeaderSessionID), call.CallerFrom(r.Context()).ID
		modern := message.modern || mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
		switch {
		case message.method == string(mcp.MethodNotificationCancelled) && (modern || session == ""):
			w.WriteHeader(http.StatusAccepted)
			return
		case modern:
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

// full answers a client that cannot have another session.
func (s *ownedSessions) refuseSession(w http.ResponseWriter, message postedBody, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, errCallerFull) {
		status = http.StatusTooManyRequests
	}
	w.Header().Set("Retry-After", "60")
	writeRPCError(w, status, message.id, mcp.INTERNAL_ERROR, err.Error()+"; end those that are not needed with DELETE, or wait until they expire")
}

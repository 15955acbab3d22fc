package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// writeTime is how long a client may take to read a piece of a response.
const writeTime = 30 * time.Second

// responseStream is the response to one request. mcp-go writes to it, and so do the
// call's notifications and the comments that keep the connection alive. The first
// notification or comment makes it an event stream; what mcp-go writes after that
// becomes an event. mcp-go gets its own copy of the header until the header is sent,
// because two goroutines may not use the real one.
type responseStream struct {
	log     *slog.Logger
	now     func() time.Time
	control *http.ResponseController
	staged  http.Header
	timing  timing
	streams bool            // the client accepts an event stream as the response
	id      json.RawMessage // of the request

	mu      sync.Mutex
	w       http.ResponseWriter
	sent    bool // the header is sent
	events  bool // the response is an event stream
	ended   bool
	beat    *time.Timer
	sending func() time.Time // since the last piece; see stopwatch
}

func newResponseStream(
	w http.ResponseWriter, r *http.Request, log *slog.Logger, t timing, now func() time.Time,
) *responseStream {
	s := &responseStream{
		log:     log,
		now:     now,
		control: http.NewResponseController(w),
		staged:  make(http.Header),
		timing:  t,
		streams: acceptsStream(r),
		id:      postedBodyFrom(r.Context()).id,
		w:       w,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = time.AfterFunc(t.keepalive, s.keepAlive)
	return s
}

// acceptsStream reports whether a request may be answered with an event stream: it
// expects a response, and its Accept header allows it.
func acceptsStream(r *http.Request) bool {
	message := postedBodyFrom(r.Context())
	if r.Method != http.MethodPost || message.method == "" || !validID(message.id) {
		return false
	}
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return accept == "" || strings.Contains(accept, "text/event-stream") ||
		strings.Contains(accept, "text/*") || strings.Contains(accept, "*/*")
}

func (s *responseStream) Header() http.Header { return s.staged }

func (s *responseStream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendStaged(status)
}

// sendStaged sends mcp-go's header, unless a header was sent.
func (s *responseStream) sendStaged(status int) {
	if s.sent {
		return
	}
	maps.Copy(s.w.Header(), s.staged)
	s.events = isEventStream(s.staged)
	s.sendHeader(status)
}

// sendStream sends the header of an event stream, unless a header was sent.
func (s *responseStream) sendStream() {
	if s.sent {
		return
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("Cache-Control", "no-cache")
	s.events = true
	s.sendHeader(http.StatusOK)
}

func (s *responseStream) sendHeader(status int) {
	s.w.Header().Set("X-Accel-Buffering", "no")
	s.sent = true
	s.limit()
	s.w.WriteHeader(status)
}

func isEventStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// Write writes one whole message or event.
func (s *responseStream) Write(piece []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendStaged(http.StatusOK)
	own := restoreID(piece, s.id)
	if s.events && !isEventStream(s.staged) {
		own = event(bytes.TrimSpace(own))
	}
	if _, err := s.writePiece(own); err != nil {
		return 0, err
	}
	return len(piece), nil
}

func (s *responseStream) writePiece(piece []byte) (int, error) {
	s.sending = stopwatch(s.now)
	s.limit()
	return s.w.Write(piece)
}

// limit sets a time limit for the next write: a client that reads nothing would block
// the call forever. The limit also holds for what net/http writes afterwards.
func (s *responseStream) limit() {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timing.write))
}

func (s *responseStream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.flush() // if the client left, the request's context ends
}

func (s *responseStream) flush() error {
	s.limit()
	return s.control.Flush()
}

// notify writes one notification as an event.
func (s *responseStream) notify(n mcp.JSONRPCNotification) {
	_, _ = s.push(n) // if the client left, the request's context ends
}

// push writes one message as an event, and returns when it was sent to the client.
func (s *responseStream) push(message mcp.JSONRPCMessage) (at time.Time, err error) {
	encoded, err := json.Marshal(message)
	if err != nil {
		s.log.Error("encode a message", "error", err)
		return time.Time{}, err
	}
	return s.writeEvent(event(encoded))
}

// errResponseOver means that the response has ended, or is a single JSON document.
var errResponseOver = errors.New("no more messages can be written to the response")

func (s *responseStream) writeEvent(piece []byte) (at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.sent && !s.events {
		return time.Time{}, errResponseOver
	}
	s.sendStream()
	if _, err := s.writePiece(piece); err != nil {
		return time.Time{}, err
	}
	if err := s.flush(); err != nil {
		return time.Time{}, err
	}
	return s.sending(), nil
}

// complete flushes a response, and returns when all of it was sent to the client.
func (s *responseStream) complete() (at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sending == nil {
		return time.Time{}, errResponseOver
	}
	if err := s.flush(); err != nil {
		return time.Time{}, err
	}
	return s.sending(), nil
}

// keepAlive sends a comment every once in a while until the end: clients and proxies
// close connections that stay silent (Node after 300 seconds). A client that accepts
// no event stream gets none.
func (s *responseStream) keepAlive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended, s.sent && !s.events:
		return
	case s.sent || s.streams:
		s.sendStream()
		if _, err := s.writePiece([]byte(comment)); err != nil {
			return
		}
		_ = s.flush()
	}
	s.beat.Reset(s.timing.keepalive)
}

// comment is an event that clients ignore.
const comment = ": keepalive\n\n"

// end makes sure that nothing is written after the handler returns.
func (s *responseStream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.beat.Stop()
}

// state reports whether the response has begun, and whether it is an event stream.
func (s *responseStream) state() (begun, events bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.events
}

// event returns a message as an event of a stream. The message has no line feeds.
func event(message []byte) []byte {
	return fmt.Appendf(nil, "event: message\ndata: %s\n\n", message)
}

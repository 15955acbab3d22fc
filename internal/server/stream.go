package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// writeTime is how long a client may take to accept a piece of a response.
const writeTime = 30 * time.Second

// responseStream is the response to one request, shared by mcp-go and by the
// delivery of the call's notifications. The first notification turns it into an
// event stream; mcp-go, which was told so, sends its part as an event then.
// The header mcp-go sees is its own until it is sent, because two goroutines
// may not touch the real one.
type responseStream struct {
	log     *slog.Logger
	control *http.ResponseController
	staged  http.Header

	mu   sync.Mutex
	w    http.ResponseWriter
	sent bool // the header
}

func newResponseStream(w http.ResponseWriter, log *slog.Logger) *responseStream {
	return &responseStream{
		log:     log,
		control: http.NewResponseController(w),
		staged:  make(http.Header),
		w:       w,
	}
}

func (s *responseStream) Header() http.Header { return s.staged }

func (s *responseStream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent {
		return
	}
	maps.Copy(s.w.Header(), s.staged)
	s.sendHeader(status)
}

func (s *responseStream) sendHeader(status int) {
	s.w.Header().Set("X-Accel-Buffering", "no")
	s.sent = true
	s.w.WriteHeader(status)
}

func (s *responseStream) Write(piece []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sent {
		maps.Copy(s.w.Header(), s.staged)
		s.sendHeader(http.StatusOK)
	}
	return s.writePiece(piece)
}

// writePiece gives up on a client that reads nothing, which would otherwise
// hold the call for ever.
func (s *responseStream) writePiece(piece []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime))
	n, err := s.w.Write(piece)
	_ = s.control.SetWriteDeadline(time.Time{})
	return n, err
}

func (s *responseStream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.control.Flush()
}

// notify writes one notification as an event.
func (s *responseStream) notify(n mcp.JSONRPCNotification) {
	encoded, err := json.Marshal(n)
	if err != nil {
		s.log.Error("encode a notification", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sent {
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("Cache-Control", "no-cache")
		s.sendHeader(http.StatusOK)
	}
	// The client may be gone; its call finds that out by its context.
	if _, err := s.writePiece(event(encoded)); err == nil {
		_ = s.control.Flush()
	}
}

// begun tells whether anything of the response was sent.
func (s *responseStream) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// event is a message as the event of a stream. JSON as encoded here has no line
// feeds.
func event(message []byte) []byte {
	return fmt.Appendf(nil, "event: message\ndata: %s\n\n", message)
}

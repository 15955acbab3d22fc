package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// sseServer is the HTTP+SSE transport of revision 2024-11-05, for clients that have
// nothing newer: GET /sse opens a stream, whose first event says where to POST;
// responses come on the stream. It cannot ask the client. It has the same checks as
// streamable HTTP. It does not use mcp-go's transport, which accepts any origin.
type sseServer struct {
	server   *mcpserver.MCPServer
	log      *slog.Logger
	sessions *ownedSessions // each stream counts as one
	timing   timing
	now      func() time.Time

	mu      sync.Mutex
	streams map[string]*sseStream // by session id
}

// sseStream is one client's open stream.
type sseStream struct {
	peer  *peer
	owner string
	ctx   context.Context // ends with the stream; calls run under it
}

var errStreamClosed = errors.New("the stream is closed")

func newSSEServer(
	server *mcpserver.MCPServer, log *slog.Logger, sessions *ownedSessions, now func() time.Time,
) *sseServer {
	return &sseServer{
		server: server, log: log, sessions: sessions, timing: sessions.timing, now: now,
		streams: make(map[string]*sseStream),
	}
}

// open serves GET /sse until the client leaves. When the server stops, it answers the
// calls first.
func (s *sseServer) open(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	caller := call.CallerFrom(ctx).ID
	session, err := s.sessions.open(caller)
	if err != nil {
		w.Header().Set("Retry-After", "60")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer s.sessions.close(session)
	own, leave, _ := s.sessions.enter(session, caller)
	defer leave()
	ctx = own.withContext(ctx)
	control := http.NewResponseController(w)
	ended := false // guarded by the peer's writing lock
	write := func(piece []byte) error {
		if ended {
			return errStreamClosed
		}
		_ = control.SetWriteDeadline(time.Now().Add(s.timing.write))
		_, err := w.Write(piece)
		if err == nil {
			err = control.Flush()
		}
		if err != nil {
			cancel()
		}
		return err
	}
	p := newPeer(s.server, s.log, func(message []byte, written func(time.Time)) error {
		done := stopwatch(s.now)
		err := write(event(message))
		if err == nil && written != nil {
			written(done())
		}
		return err
	}, false)

	if err := p.open(ctx); err != nil {
		s.log.Error("open a stream", "error", err)
		http.Error(w, "the server could not open the stream", http.StatusInternalServerError)
		return
	}
	defer func() {
		p.close(context.WithoutCancel(ctx))
		p.writing.Lock()
		defer p.writing.Unlock()
		ended = true
	}()
	// Register the stream before the client learns where to POST.
	s.mu.Lock()
	s.streams[p.session.id] = &sseStream{peer: p, owner: caller, ctx: ctx}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.streams, p.session.id)
		s.mu.Unlock()
	}()

	p.writing.Lock()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	err = write(fmt.Appendf(nil, "event: endpoint\ndata: /message?sessionId=%s\n\n", p.session.id))
	p.writing.Unlock()
	if err != nil {
		return
	}
	alive := time.NewTicker(s.timing.keepalive)
	defer alive.Stop()
	stops, answered := own.drain.Done(), make(chan struct{})
	for {
		select {
		case <-ctx.Done():
			return
		case <-stops:
			stops = nil
			p.close(context.WithoutCancel(ctx))
			go func() {
				p.running.Wait()
				close(answered)
			}()
		case <-answered:
			return
		case <-alive.C:
			p.writing.Lock()
			_ = write([]byte(comment)) // a failure ends ctx
			p.writing.Unlock()
		}
	}
}

// post serves POST /message. The response, if there is one, comes on the stream.
func (s *sseServer) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	stream := s.streams[r.URL.Query().Get("sessionId")]
	s.mu.Unlock()
	if stream == nil || stream.owner != call.CallerFrom(r.Context()).ID {
		http.Error(w, "no such session", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	stream.peer.receive(stream.ctx, postedBodyFrom(r.Context()).body, arrival(r.Context()))
}

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// shutdown ends calls and streams when the server stops, or when a client ends its
// session. The connection stays open until the calls are answered, so its own
// context must not end.
type shutdown struct {
	drain context.Context // once it ends, nobody is asked, no run begins, and streams end
	abort context.Context // once it ends, handlers are cancelled
}

// newShutdown returns the shutdown of a server that stops when ctx ends. Calls are
// cancelled once patience has passed.
func newShutdown(ctx context.Context, patience time.Duration) shutdown {
	alive := context.WithoutCancel(ctx)
	drain, startDrain := context.WithCancelCause(alive)
	abort, startAbort := context.WithCancelCause(alive)
	context.AfterFunc(ctx, func() {
		startDrain(call.ErrStopping)
		if patience <= 0 {
			startAbort(call.ErrStopping)
			return
		}
		time.AfterFunc(patience, func() { startAbort(call.ErrStopping) })
	})
	return shutdown{drain, abort}
}

// forSession returns the shutdown of a session: it begins when end is called, or
// with s if that is earlier.
func (s shutdown) forSession() (own shutdown, end func()) {
	drain, startDrain := context.WithCancelCause(s.drain)
	abort, startAbort := context.WithCancelCause(s.abort)
	return shutdown{drain, abort}, func() {
		startDrain(call.ErrSessionEnded)
		startAbort(call.ErrSessionEnded)
	}
}

type shutdownKey struct{}

// withContext returns a context whose calls end with this shutdown.
func (s shutdown) withContext(ctx context.Context) context.Context {
	return context.WithValue(call.WithStop(ctx, s.drain), shutdownKey{}, s)
}

func shutdownFrom(ctx context.Context) (s shutdown, ok bool) {
	s, ok = ctx.Value(shutdownKey{}).(shutdown)
	return s, ok
}

// handlerContext returns the context of a handler: it ends with the connection's, or
// when the shutdown cancels handlers.
func handlerContext(ctx context.Context) (context.Context, func()) {
	s, ok := shutdownFrom(ctx)
	if !ok {
		return ctx, func() {}
	}
	own, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(s.abort, func() { cancel(context.Cause(s.abort)) })
	return own, func() {
		detach()
		cancel(nil)
	}
}

// attach is a middleware that makes all requests end with this shutdown.
func (s shutdown) attach(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(s.withContext(r.Context())))
	})
}

// endStreams is a middleware that ends the requests that would stay open forever:
// the listening streams of sessions, and subscriptions/listen, which mcp-go's own
// shutdown waits for.
func endStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := shutdownFrom(r.Context())
		method := postedBodyFrom(r.Context()).method
		if ok && (r.Method == http.MethodGet || method == string(mcp.MethodSubscriptionsListen)) {
			own, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(s.drain, cancel)()
			r = r.WithContext(own)
		}
		next.ServeHTTP(w, r)
	})
}

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// ending brings calls and streams to an end while their client still listens:
// when the server stops, or when a client ends its session. The connection
// stays until the calls are answered, so its context must not end.
type shutdown struct {
	drain context.Context // nobody is asked anymore, nothing is begun, streams end
	abort context.Context // handlers are cancelled
}

// endingWith is the ending of a server that stops when ctx ends: calls have
// patience before they are cancelled.
func newShutdown(ctx context.Context, patience time.Duration) shutdown {
	alive := context.WithoutCancel(ctx)
	soon, endSoon := context.WithCancelCause(alive)
	now, endNow := context.WithCancelCause(alive)
	context.AfterFunc(ctx, func() {
		endSoon(call.ErrStopping)
		if patience <= 0 {
			endNow(call.ErrStopping)
			return
		}
		time.AfterFunc(patience, func() { endNow(call.ErrStopping) })
	})
	return shutdown{soon, now}
}

// ofSession is an ending that comes with this one or, if that is earlier, with
// the session's own end.
func (e shutdown) forSession() (own shutdown, end func()) {
	soon, endSoon := context.WithCancelCause(e.drain)
	now, endNow := context.WithCancelCause(e.abort)
	return shutdown{soon, now}, func() {
		endSoon(call.ErrSessionEnded)
		endNow(call.ErrSessionEnded)
	}
}

type shutdownKey struct{}

// with puts the calls under ctx under this ending.
func (e shutdown) withContext(ctx context.Context) context.Context {
	return context.WithValue(call.WithStop(ctx, e.drain), shutdownKey{}, e)
}

func shutdownFrom(ctx context.Context) (e shutdown, ok bool) {
	e, ok = ctx.Value(shutdownKey{}).(shutdown)
	return e, ok
}

// handlerContext is the context of a handler, which ends with the connection's
// or as the ending says.
func handlerContext(ctx context.Context) (context.Context, func()) {
	e, ok := shutdownFrom(ctx)
	if !ok {
		return ctx, func() {}
	}
	own, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(e.abort, func() { cancel(context.Cause(e.abort)) })
	return own, func() {
		detach()
		cancel(nil)
	}
}

// attach puts all requests under this ending.
func (e shutdown) attach(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(e.withContext(r.Context())))
	})
}

// endStreams ends what would stay open for ever: the listening streams of
// sessions, and subscriptions/listen, which mcp-go's own shutdown waits for.
func endStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := shutdownFrom(r.Context())
		if ok && (r.Method == http.MethodGet || postedBodyFrom(r.Context()).method == string(mcp.MethodSubscriptionsListen)) {
			own, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(e.drain, cancel)()
			r = r.WithContext(own)
		}
		next.ServeHTTP(w, r)
	})
}

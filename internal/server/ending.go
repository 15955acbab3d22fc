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
type ending struct {
	soon context.Context // nobody is asked anymore, nothing is begun, streams end
	now  context.Context // handlers are cancelled
}

// endingWith is the ending of a server that stops when ctx ends: calls have
// patience before they are cancelled.
func endingWith(ctx context.Context, patience time.Duration) ending {
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
	return ending{soon, now}
}

// ofSession is an ending that comes with this one or, if that is earlier, with
// the session's own end.
func (e ending) ofSession() (own ending, end func()) {
	soon, endSoon := context.WithCancelCause(e.soon)
	now, endNow := context.WithCancelCause(e.now)
	return ending{soon, now}, func() {
		endSoon(call.ErrSessionEnded)
		endNow(call.ErrSessionEnded)
	}
}

type endingKey struct{}

// with puts the calls under ctx under this ending.
func (e ending) with(ctx context.Context) context.Context {
	return context.WithValue(call.WithStop(ctx, e.soon), endingKey{}, e)
}

func endingFrom(ctx context.Context) (e ending, ok bool) {
	e, ok = ctx.Value(endingKey{}).(ending)
	return e, ok
}

// handlerContext is the context of a handler, which ends with the connection's
// or as the ending says.
func handlerContext(ctx context.Context) (context.Context, func()) {
	e, ok := endingFrom(ctx)
	if !ok {
		return ctx, func() {}
	}
	own, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(e.now, func() { cancel(context.Cause(e.now)) })
	return own, func() {
		detach()
		cancel(nil)
	}
}

// attach puts all requests under this ending.
func (e ending) attach(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(e.with(r.Context())))
	})
}

// endStreams ends what would stay open for ever: the listening streams of
// sessions, and subscriptions/listen, which mcp-go's own shutdown waits for.
func endStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := endingFrom(r.Context())
		if ok && (r.Method == http.MethodGet || postedFrom(r.Context()).method == string(mcp.MethodSubscriptionsListen)) {
			own, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(e.soon, cancel)()
			r = r.WithContext(own)
		}
		next.ServeHTTP(w, r)
	})
}

package proxy

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// idle is a request's idle_timeout: it ends the request when nothing has passed in either direction
// for that long on the platform's clock.
type idle struct {
	proxy   *Proxy
	timeout time.Duration
	last    atomic.Int64 // microseconds of the clock: nanoseconds end in the year 2262
}

// watch returns the request with a context that ends after the timeout. stop ends the watch.
func (i *idle) watch(r *http.Request) (watched *http.Request, stop func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	i.note()
	go func() {
		for {
			until := time.UnixMicro(i.last.Load()).Add(i.timeout)
			if !i.proxy.clock.Now().Before(until) {
				cancel(fail("PU02", http.StatusBadGateway,
					"could not complete HTTP request to instance: idle_timeout of %s", i.timeout))
				return
			}
			if i.proxy.wait(ctx, until, nil) != nil {
				return
			}
		}
	}()
	watched = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		watched.Body = struct {
			io.Reader
			io.Closer
		}{activityReader{i, r.Body}, r.Body}
	}
	return watched, func() { cancel(nil) }
}

func (i *idle) note() { i.last.Store(i.proxy.clock.Now().UnixMicro()) }

// answer also watches the response.
func (i *idle) answer(res *http.Response) {
	if both, ok := res.Body.(io.ReadWriteCloser); ok { // after an upgrade
		res.Body = struct {
			io.Reader
			io.Writer
			io.Closer
		}{activityReader{i, both}, activityWriter{i, both}, both}
		return
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{activityReader{i, res.Body}, res.Body}
}

// activityReader records the time of reads, passed that of writes.
type activityReader struct {
	idle *idle
	from io.Reader
}

// Read implements [io.Reader].
func (p activityReader) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.idle.note()
	return n, err
}

type activityWriter struct {
	idle *idle
	to   io.Writer
}

// Write implements [io.Writer].
func (p activityWriter) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	p.idle.note()
	return n, err
}

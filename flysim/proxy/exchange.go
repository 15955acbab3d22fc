package proxy

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"
)

// exchange is one HTTP request through Fly Proxy. It is also the transport of its reverse proxy, so
// that below the reverse proxy it can choose the Machine, more than once if needed.
type exchange struct {
	*visit
	search  *search
	route   *portRoute // of the requested port
	inbound requestInfo
	bare    bool // the port has no http handler: the bytes pass unchanged
	body    *replayBody
	replays int
	extra   http.Header   // added to the request for the next Machine
	seat    *reservedSeat // the place that it holds; nil: none
}

// serve answers with the app's response.
func (e *exchange) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if e.seat != nil {
			e.seat.leave()
		}
		if e.search.hasStarted {
			e.record.Woke = true
		}
	}()
	pause := new(idle)
	if seconds := e.route.options.HTTP.IdleTimeout; !e.bare && seconds > 0 {
		pause = &idle{proxy: e.proxy, timeout: time.Duration(seconds) * time.Second}
		watched, stop := pause.watch(r)
		defer stop()
		r = watched
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		e.body = &replayBody{source: r.Body}
	}
	e.forward(w, r, e, func(h http.Header) {
		if !e.bare {
			e.inbound.set(h, r.ProtoMajor)
		}
	}, func(res *http.Response) {
		if !e.bare {
			setResponseHeaders(res.Header, e.route.options.HTTP, e.inbound.id, r.ProtoMajor)
		}
		if pause.timeout > 0 {
			pause.answer(res)
		}
	})
}

// RoundTrip implements [http.RoundTripper]. It sends the request to a Machine, and to another one
// as long as no program got it. A program that got it may have acted on it or crashed because of
// it, so there is no other attempt then (PU02).
func (e *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	ctx := out.Context()
	for {
		seat, route, err := e.search.next(ctx, e.client)
		if err != nil {
			return nil, err
		}
		e.admit(seat, e.search)
		res, sent, err := e.send(out, seat, route)
		switch header := e.replayHeader(res); {
		case err == nil && header == "":
			return res, nil
		case err == nil:
			_ = res.Body.Close() // only the header matters
			err = e.follow(header, seat)
			e.leave()
			if err != nil {
				return nil, err
			}
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case sent:
			return nil, failSent(err)
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH):
			e.leave()
			e.search.refuse(seat.member)
		default:
			return nil, failConnection(err, seat.internalPort)
		}
	}
}

func (e *exchange) replayHeader(res *http.Response) string {
	if res == nil || e.bare {
		return ""
	}
	return res.Header.Get("Fly-Replay")
}

func (e *exchange) leave() {
	e.seat.leave()
	e.seat = nil
}

// admit records where the request goes.
func (e *exchange) admit(s *reservedSeat, found *search) {
	e.seat = s
	e.record.Machine = s.ID
	e.record.App = s.app
	e.record.Held += e.proxy.clock.Now().Sub(found.began)
	found.began = e.proxy.clock.Now()
	e.record.Woke = e.record.Woke || found.startedID == s.ID
}

// send sends the request to one Machine, and reports whether the Machine got any of it. If a kept
// connection breaks, net/http sends a GET or similar request once more, to the same Machine.
func (e *exchange) send(out *http.Request, s *reservedSeat, r *portRoute) (res *http.Response, sent bool, err error) {
	var wrote atomic.Bool
	request := out.Clone(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	}))
	directTo(request, &s.Backend, s.internalPort)
	for key, values := range e.extra {
		request.Header[key] = values
	}
	if prefer := e.search.wish.preferMachine; prefer != "" && prefer != s.ID && !e.bare {
		request.Header.Set("Fly-Preferred-Instance-Unavailable", prefer)
	}
	if e.body != nil {
		body, err := e.body.open()
		if err != nil {
			return nil, false, err
		}
		request.Body, request.GetBody = body, e.body.open
		request.Trailer = out.Trailer // the one that is filled in later
	}
	way := lane{h2: s.h2 && r.http}
	res, err = e.proxy.pools.transport(e.proxy.options.Programs, s.app, &s.Backend, way).RoundTrip(request)
	return res, wrote.Load(), err
}

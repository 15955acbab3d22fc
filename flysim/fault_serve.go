package flysim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// serveFaulty serves a call that a fault hits.
func (p *Platform) serveFaulty(w http.ResponseWriter, rt route, req *apiRequest, fault Fault) {
	if fault.Delay > 0 && p.clock.Wait(req.Context(), req.now.Add(fault.Delay), nil) != nil {
		p.drop(req.call)
	}
	p.catchUp()
	if fault.Before != nil {
		fault.Before(p)
	}
	req.now = p.clock.Now()
	if fault.Jump > 0 {
		p.jump(fault.Jump)
		if !rt.waits { // a wait begins before the jump and ends after it
			req.now = p.clock.Now()
		}
	}
	if fault.Reset == ResetBefore {
		p.drop(req.call)
	}
	if fault.Trickle > 0 {
		w = trickleWriter{w, req, fault.Trickle}
	}
	if fault.Status != 0 && !fault.EffectThenStatus && fault.Reset == ResetNone {
		p.finish(w, req.call, fault.answer(), true)
		return
	}
	given := p.serveLimited(rt, req)
	switch {
	case fault.Reset == ResetAfter:
		p.drop(req.call)
	case fault.Reset == ResetDuring:
		p.recorder.settle(req.call, 0, true)
		w.Header().Set("Content-Length", strconv.Itoa(len(given.body)))
		p.send(halfWriter{w}, given)
		panic(http.ErrAbortHandler)
	case fault.EffectThenStatus:
		given = fault.answer()
	case fault.Malformed:
		given.body = given.body[:len(given.body)/2]
	}
	p.finish(w, req.call, given, true)
}

// answer returns the fault's answer, which replaces the platform's own.
func (f *Fault) answer() apiAnswer {
	a := apiAnswer{status: f.Status, body: []byte(f.Body), contentType: f.ContentType}
	if f.Body == "" {
		a = reply(f.Status, errorBody{Error: strings.ToLower(http.StatusText(f.Status))})
	}
	a.retryAfter = f.RetryAfter
	return a
}

// pieces is how many parts a trickled body is sent in.
const pieces = 10

// trickleWriter writes a body in pieces, with a pause before each.
type trickleWriter struct {
	http.ResponseWriter
	req  *apiRequest
	over time.Duration
}

// Write implements [io.Writer].
func (t trickleWriter) Write(body []byte) (written int, err error) {
	clock := t.req.platform.clock
	begun := clock.Now()
	for i := range pieces {
		if err := clock.Wait(t.req.Context(), begun.Add(t.over*time.Duration(i+1)/pieces), nil); err != nil {
			return written, err
		}
		n, err := t.ResponseWriter.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
		if written += n; err != nil {
			return written, err
		}
		_ = http.NewResponseController(t.ResponseWriter).Flush() // in memory there is nothing to flush
	}
	return written, nil
}

// halfWriter writes only the first half of a body.
type halfWriter struct{ http.ResponseWriter }

// Write implements [io.Writer].
func (c halfWriter) Write(body []byte) (int, error) {
	n, err := c.ResponseWriter.Write(body[:len(body)/2])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	return n, err
}

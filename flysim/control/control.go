// Package control controls an emulated platform from another program, in JSON over HTTP: its
// faults, its events, its clock and its recorded calls.
//
//	server, err := control.Listen(platform, "127.0.0.1:0")
//	// curl -X POST -H 'Content-Type: application/json' $URL/clock -d '{"advance":"1h"}'
//
// GET / lists the routes; docs/flysim.md describes them.
package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// index is the answer to GET /.
const index = `The control endpoint of an emulated Fly platform. JSON in and out; -H 'Content-Type: application/json'.

GET    /faults    the faults and events, and how often each happened
POST   /faults    one fault, {"operation":"ip.release","status":502}, or a script as application/toml
DELETE /faults    remove all faults and events
POST   /events    one event, {"app":"shop-api","machine":"0","do":"crash"}; without "at" at once
GET    /clock     the platform's time and its speed
POST   /clock     {"advance":"1h"}, {"speed":60}
GET    /calls     the latest requests to the platform; ?since=NUMBER, writes=true, limit=N
DELETE /calls     remove them
GET    /state     apps, addresses and Machines
GET    /gateway   what goes wrong at the WireGuard gateway
POST   /gateway   {"silent":true}, {"late":"300ms","dns_lag":"5s"}; what is left out works, {} is no fault
DELETE /peers/{name}    the platform forgets a WireGuard peer
POST   /apps/{app}/machines/{machine}/{do}    such as stop, start, suspend, crash, oom, host_down
`

const (
	maxBody      = 1 << 20 // of a request; a larger one is answered with 413
	maxCalls     = 1000    // in one answer
	maxShownBody = 4 << 10 // of a call
)

// Listen serves [Handler] on a loopback address, with the rules of [flysim.Platform.Listen].
func Listen(p *flysim.Platform, addr string) (*flysim.Server, error) {
	return flysim.Serve(addr, Handler(p))
}

// Handler serves the endpoint. It requires no token, because it can only control an emulated
// platform. It answers only requests to a loopback address under its own name, and none that
// another web page sent.
func Handler(p *flysim.Platform) http.Handler {
	c := controller{p}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, index) // the client is gone
	})
	for pattern, serve := range map[string]route{
		"GET /faults":          func(*http.Request, []byte) (any, error) { return c.faults(), nil },
		"POST /faults":         c.inject,
		"DELETE /faults":       func(*http.Request, []byte) (any, error) { p.ClearFaults(); return c.faults(), nil },
		"POST /events":         c.event,
		"GET /clock":           func(*http.Request, []byte) (any, error) { return c.clock(), nil },
		"POST /clock":          c.setClock,
		"GET /calls":           c.calls,
		"DELETE /calls":        func(*http.Request, []byte) (any, error) { p.ResetCalls(); return struct{}{}, nil },
		"GET /state":           func(*http.Request, []byte) (any, error) { return summarize(p), nil },
		"GET /gateway":         func(*http.Request, []byte) (any, error) { return c.gateway(), nil },
		"POST /gateway":        c.setGateway,
		"DELETE /peers/{name}": c.reap,
		"POST /apps/{app}/machines/{machine}/{do}": c.machine,
	} {
		mux.Handle(pattern, serve)
	}
	return loopback.OwnPages(mux)
}

// route serves one pattern. It gets the request's body and returns the answer, which is sent as
// JSON.
type route func(r *http.Request, body []byte) (any, error)

// ServeHTTP implements [http.Handler]. A mistake in the request is 400, a missing app or Machine
// 404.
func (serve route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, v := http.StatusOK, any(nil)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		v, err = serve(r, body)
	}
	if err != nil {
		status, v = statusOf(err), errorRecord{err.Error()}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the client is gone
}

type errorRecord struct {
	Error string `json:"error"`
}

// refusal is an error with its own HTTP status; it implements [flysim.Refusal].
type refusal struct {
	status  int
	message string
}

// Error implements [error].
func (r refusal) Error() string { return r.message }

// Status implements [flysim.Refusal].
func (r refusal) Status() int { return r.status }

func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	if r, ok := errors.AsType[flysim.Refusal](err); ok {
		return r.Status()
	}
	return http.StatusBadRequest
}

// controller drives one platform.
type controller struct{ *flysim.Platform }

// contentType returns the media type of a request's body, which must be one of the allowed.
func contentType(r *http.Request, allowed ...string) (string, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	for _, a := range allowed {
		if a == media {
			return media, nil
		}
	}
	return "", refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %.60q: want %q", media, allowed)}
}

type faultsRecord struct {
	Seed   int64         `json:"seed"`
	Faults []faultRecord `json:"faults"`
	Events []eventRecord `json:"events"`
}

type faultRecord struct {
	Fault   string `json:"fault"` // in the form of [fault.Parse]
	Matched int    `json:"matched"`
	Hits    int    `json:"hits"`
	Left    int    `json:"left"`
}

type eventRecord struct {
	Event    string    `json:"event"` // in the form of [fault.Parse]
	Next     time.Time `json:"next,omitzero"`
	Happened int       `json:"happened"`
	Failed   string    `json:"last_error,omitzero"`
}

func (c controller) faults() faultsRecord {
	out := faultsRecord{Seed: c.FaultSeed(), Faults: []faultRecord{}, Events: []eventRecord{}}
	for _, f := range c.Faults() {
		out.Faults = append(out.Faults, faultRecord{fault.Line(f.Fault), f.Matched, f.Hits, f.Left})
	}
	for _, e := range c.Events() {
		out.Events = append(out.Events, eventRecord{fault.EventLine(e.Event), e.Next, e.Happened, e.Failed})
	}
	return out
}

func (c controller) inject(r *http.Request, body []byte) (any, error) {
	media, err := contentType(r, "application/json", "application/toml")
	if err != nil {
		return nil, err
	}
	if media == "application/toml" {
		script, err := fault.ParseScript(body)
		if err != nil {
			return nil, err
		}
		return c.play(script)
	}
	f, err := fault.DecodeFault(body)
	if err != nil {
		return nil, err
	}
	return c.play(flysim.Script{Faults: []flysim.Fault{f}})
}

// play plays a script, unless the platform would then have too many faults and events.
func (c controller) play(s flysim.Script) (any, error) {
	if len(c.Faults())+len(c.Events())+len(s.Faults)+len(s.Events) > fault.MaxEntries {
		return nil, refusal{http.StatusConflict, fmt.Sprintf("more than %d faults and events: DELETE /faults",
			fault.MaxEntries)}
	}
	c.Play(s)
	return c.faults(), nil
}

func (c controller) event(r *http.Request, body []byte) (any, error) {
	if _, err := contentType(r, "application/json"); err != nil {
		return nil, err
	}
	e, err := fault.DecodeEvent(body)
	switch {
	case err != nil:
		return nil, err
	case e.At > 0 || e.Every > 0:
		return c.play(flysim.Script{Events: []flysim.Event{e}})
	case e.Clock != nil:
		err = c.ChangeClock(*e.Clock)
	default:
		err = c.Trigger(e.Incident)
	}
	return c.faults(), err
}

func (c controller) machine(r *http.Request, body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) > 0 {
		return nil, errors.New("this takes no body; POST /events does")
	}
	document, err := json.Marshal(map[string]string{"app": r.PathValue("app"),
		"machine": r.PathValue("machine"), "do": r.PathValue("do")})
	if err != nil {
		return nil, err
	}
	e, err := fault.DecodeEvent(document)
	if err != nil {
		return nil, err
	}
	return struct {
		OK bool `json:"ok"`
	}{true}, c.Trigger(e.Incident)
}

type clockRecord struct {
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed"`
}

func (c controller) clock() clockRecord {
	return clockRecord{c.Clock().Now().UTC(), c.Clock().Speed()}
}

func (c controller) setClock(r *http.Request, body []byte) (any, error) {
	if _, err := contentType(r, "application/json"); err != nil {
		return nil, err
	}
	var in struct {
		Advance string   `json:"advance"`
		Speed   *float64 `json:"speed"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return nil, err
	}
	by, err := fault.Duration("advance", in.Advance)
	switch {
	case err != nil:
		return nil, err
	case in.Speed == nil && by == 0:
		return nil, errors.New("give advance, or speed, or both")
	case in.Speed != nil && !fault.ValidSpeed(*in.Speed):
		return nil, fmt.Errorf("speed: want 0 to %g", fault.MaxSpeed)
	}
	if err := c.ChangeClock(flysim.ClockChange{Jump: by, Speed: in.Speed}); err != nil {
		return nil, fmt.Errorf("advance: %w", err)
	}
	return c.clock(), c.Sync() // otherwise a crash could set the clock back
}

// callRecord is a call without its headers; shownBody makes its body.
type callRecord struct {
	Number    int              `json:"number"`
	Time      time.Time        `json:"time"`
	Method    string           `json:"method"`
	Path      string           `json:"path"`
	Query     string           `json:"query,omitempty"`
	Operation string           `json:"operation"`
	App       string           `json:"app,omitempty"`
	Target    string           `json:"target,omitempty"`
	Write     bool             `json:"write"`
	Status    int              `json:"status"`
	Fault     bool             `json:"fault"`
	Token     flysim.TokenKind `json:"token"`
	Body      string           `json:"body,omitempty"`
	Cut       bool             `json:"body_cut,omitempty"`
}

func (c controller) calls(r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	since, limit := 0, maxCalls
	for key, n := range map[string]*int{"since": &since, "limit": &limit} {
		if text := query.Get(key); text != "" {
			var err error
			if *n, err = strconv.Atoi(text); err != nil || *n < 0 {
				return nil, fmt.Errorf("%s: want a number", key)
			}
		}
	}
	limit = min(limit, maxCalls)
	var out struct {
		Calls []callRecord `json:"calls"`
		Next  int          `json:"next"` // the next value for since
	}
	out.Calls, out.Next = []callRecord{}, since
	for _, call := range c.CallsAfter(since) {
		if len(out.Calls) == limit {
			break
		}
		if !call.Write && query.Get("writes") == "true" {
			continue
		}
		out.Next = call.Number
		text, whole := shownBody(call.Body)
		whole = whole && len(text) <= maxShownBody
		out.Calls = append(out.Calls, callRecord{
			call.Number, call.Time.UTC(), call.Method, call.Path, call.Query, call.Operation, call.App, call.Target,
			call.Write, call.Status, call.FaultInjected, call.Token, text[:min(len(text), maxShownBody)], !whole,
		})
	}
	return out, nil
}

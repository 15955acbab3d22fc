package flysim

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
)

// controlIndex is what GET / answers.
const controlIndex = `The control endpoint of an emulated Fly platform. JSON in and out; -H 'Content-Type: application/json'.

GET    /faults    what goes wrong and what is to come, and how often it did
POST   /faults    one fault, {"operation":"ip.release","status":502}, or a script as application/toml
DELETE /faults    forget all faults and events
POST   /events    one event, {"app":"shop-api","machine":"0","do":"crash"}; without "at" at once
GET    /clock     the platform's time and its speed
POST   /clock     {"advance":"1h"}, {"speed":60}
GET    /calls     the latest requests to the platform; ?since=NUMBER, writes=true, limit=N
DELETE /calls     forget them
GET    /state     apps, addresses and Machines
POST   /apps/{app}/machines/{machine}/{do}    such as stop, start, suspend, crash, oom, host_down
`

// Limits of what the control endpoint tells of calls.
const (
	maxControlCalls = 1000
	maxControlBody  = 4 << 10
)

// Control drives the platform from outside of the process: its faults, its
// events and its clock, and the recorded calls. It is documented in
// docs/flysim.md. It asks for no token, as it can do nothing but what a sandbox
// is for; it answers only what comes to a loopback address under its own name,
// and nothing that a web page sent which is not its own.
func (p *Platform) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, controlIndex) // nobody is left to tell
	})
	for pattern, serve := range map[string]controller{
		"GET /faults":    func(*http.Request, []byte) (any, error) { return p.controlFaults(), nil },
		"POST /faults":   p.controlInject,
		"DELETE /faults": func(*http.Request, []byte) (any, error) { p.ClearFaults(); return p.controlFaults(), nil },
		"POST /events":   p.controlEvent,
		"GET /clock":     func(*http.Request, []byte) (any, error) { return p.controlClock(), nil },
		"POST /clock":    p.controlSetClock,
		"GET /calls":     p.controlCalls,
		"DELETE /calls":  func(*http.Request, []byte) (any, error) { p.ResetCalls(); return struct{}{}, nil },
		"GET /state":     func(*http.Request, []byte) (any, error) { return p.controlState(), nil },
		"POST /apps/{app}/machines/{machine}/{do}": p.controlMachine,
	} {
		mux.Handle(pattern, serve)
	}
	return ownPages(mux)
}

// controller serves one route: it gets the request's body and gives what is
// answered in JSON.
type controller func(r *http.Request, body []byte) (any, error)

// ServeHTTP implements [http.Handler]. A mistake of the caller is 400, what is not there 404.
func (c controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, v := http.StatusOK, any(nil)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		v, err = c(r, body)
	}
	if err != nil {
		var tooLarge *http.MaxBytesError
		var refusal *apiError
		status, v = http.StatusBadRequest, errorBody{Error: err.Error()}
		if errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		} else if errors.As(err, &refusal) {
			status, v = refusal.status, errorBody{Error: refusal.message}
		}
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
	_, _ = w.Write(out.Bytes()) // nobody is left to tell
}

// contentType is the media type of a request's body, which must be one of these.
func contentType(r *http.Request, allowed ...string) (string, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	for _, a := range allowed {
		if a == media {
			return media, nil
		}
	}
	return "", &apiError{http.StatusUnsupportedMediaType, "unsupported", fmt.Sprintf("Content-Type %.60q: want %q", media, allowed)}
}

type faultsRecord struct {
	Seed   int64        `json:"seed"`
	Faults []FaultState `json:"faults"`
	Events []EventState `json:"events"`
}

func (p *Platform) controlFaults() faultsRecord {
	return faultsRecord{p.FaultSeed(), p.Faults(), p.Events()}
}

func (p *Platform) controlInject(r *http.Request, body []byte) (any, error) {
	media, err := contentType(r, "application/json", "application/toml")
	if err != nil {
		return nil, err
	}
	parse := ParseScript
	if media == "application/json" {
		parse = func(body []byte) (Script, error) { return parseTable(body, false) }
	}
	script, err := parse(body)
	if err != nil {
		return nil, err
	}
	return p.playMore(script)
}

// playMore plays a script unless the platform has more than enough.
func (p *Platform) playMore(s Script) (any, error) {
	if len(p.Faults())+len(p.Events())+len(s.Faults)+len(s.Events) > maxEntries {
		return nil, &apiError{http.StatusConflict, "conflict", fmt.Sprintf("more than %d faults and events: DELETE /faults", maxEntries)}
	}
	p.Play(s)
	return p.controlFaults(), nil
}

func (p *Platform) controlEvent(r *http.Request, body []byte) (any, error) {
	if _, err := contentType(r, "application/json"); err != nil {
		return nil, err
	}
	script, err := parseTable(body, true)
	if err != nil {
		return nil, err
	}
	switch e := script.Events[0]; {
	case e.At > 0 || e.Every > 0:
		return p.playMore(script)
	case e.Clock != nil:
		p.change(*e.Clock)
	default:
		if err := p.Happen(e.Happening); err != nil {
			return nil, err
		}
	}
	return p.controlFaults(), nil
}

func (p *Platform) controlMachine(r *http.Request, body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) > 0 {
		return nil, &keyError{"", "this takes no body; POST /events does"}
	}
	table := eventTable{App: r.PathValue("app"), Machine: r.PathValue("machine"), Do: r.PathValue("do")}
	e, err := table.event()
	if err != nil {
		return nil, err
	}
	if err := p.Happen(e.Happening); err != nil {
		return nil, err
	}
	return struct {
		OK bool `json:"ok"`
	}{true}, nil
}

type clockRecord struct {
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed"`
}

func (p *Platform) controlClock() clockRecord {
	return clockRecord{p.clock.Now().UTC(), p.clock.Speed()}
}

func (p *Platform) controlSetClock(r *http.Request, body []byte) (any, error) {
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
	var s spans
	by := s.read("advance", in.Advance, false)
	switch {
	case s.err != nil:
		return nil, s.err
	case in.Speed == nil && by == 0:
		return nil, &keyError{"", "give advance, or speed, or both"}
	case in.Speed != nil && !validSpeed(*in.Speed):
		return nil, &keyError{"speed", fmt.Sprintf("want 0 to %g", maxSpeed)}
	case !p.mayAdvance(by):
		return nil, &keyError{"advance", fmt.Sprintf("the year %d is the last", lastYear)}
	}
	p.change(ClockChange{by, in.Speed})
	p.catchUp()
	return p.controlClock(), p.Sync() // a crash must not take the clock back
}

// callRecord is a call without its headers, and with a body as shownBody has it.
type callRecord struct {
	Number    int       `json:"number"`
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query,omitempty"`
	Operation string    `json:"operation"`
	App       string    `json:"app,omitempty"`
	Target    string    `json:"target,omitempty"`
	Write     bool      `json:"write"`
	Status    int       `json:"status"`
	Fault     bool      `json:"fault"`
	Token     TokenKind `json:"token"`
	Body      string    `json:"body,omitempty"`
	Cut       bool      `json:"body_cut,omitempty"`
}

func (p *Platform) controlCalls(r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	since, limit := 0, maxControlCalls
	for key, n := range map[string]*int{"since": &since, "limit": &limit} {
		if text := query.Get(key); text != "" {
			var err error
			if *n, err = strconv.Atoi(text); err != nil || *n < 0 {
				return nil, &keyError{key, "want a number"}
			}
		}
	}
	limit = min(limit, maxControlCalls)
	var out struct {
		Calls []callRecord `json:"calls"`
		Next  int          `json:"next"` // what to ask for with since
	}
	out.Calls, out.Next = []callRecord{}, since
	kept := 0
	for _, c := range p.recorder.list(func(c *Call) bool {
		keep := c.Number > since && kept < limit && (c.Write || query.Get("writes") != "true")
		if keep {
			kept++
		}
		return keep
	}) {
		out.Next = c.Number
		text, whole := shownBody(c.Body)
		whole = whole && len(text) <= maxControlBody
		out.Calls = append(out.Calls, callRecord{
			c.Number, c.Time.UTC(), c.Method, c.Path, c.Query, c.Operation, c.App, c.Target, c.Write, c.Status, c.FaultInjected, c.Token,
			text[:min(len(text), maxControlBody)], !whole,
		})
	}
	return out, nil
}

package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// waitable are the states a client may wait for; settled is any that lasts.
var waitable = []string{"started", "stopped", "suspended", "destroyed", "settled", "failed", "created"}

// maxWait is the longest timeout of a wait, in seconds.
const maxWait = 60

// waiting is a parsed wait request.
type waiting struct {
	states   []string
	instance string
	timeout  time.Duration
}

func (req *request) waiting() (waiting, error) {
	query := req.URL.Query()
	w := waiting{timeout: seconds(maxWait), instance: query.Get("instance_id")}
	if w.instance == "" {
		w.instance = query.Get("version")
	}
	for _, list := range query["state"] {
		w.states = append(w.states, strings.Split(list, ",")...)
	}
	if len(w.states) == 0 {
		w.states = []string{"started"}
	}
	for _, state := range w.states {
		if !slices.Contains(waitable, state) {
			return waiting{}, invalid("invalid_argument: state %.20q cannot be waited for", state)
		}
	}
	if text := query.Get("timeout"); text != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
		if err != nil || n < 1 || n > maxWait {
			return waiting{}, invalid("invalid_argument: timeout must be between 1 and %d seconds", maxWait)
		}
		w.timeout = seconds(n)
	}
	if slices.Contains(w.states, "stopped") && w.instance == "" {
		return waiting{}, invalid("instance_id required when waiting for stopped machine")
	}
	return w, nil
}

// reached reports whether the Machine is in a state that is waited for.
func (w waiting) reached(m *vm) bool {
	if w.instance != "" && w.instance != m.instance { // an old version: it has stopped and was replaced
		return slices.Contains(w.states, "stopped") || slices.Contains(w.states, "destroyed") || slices.Contains(w.states, "settled")
	}
	return slices.Contains(w.states, m.state) ||
		slices.Contains(w.states, "settled") && !slices.Contains(transient, m.state)
}

// waitMachine holds the request until the Machine is in the state, and answers
// 408 when the time is up on the platform's clock.
func waitMachine(req *request) answer {
	w, err := req.waiting()
	if err != nil {
		return refuse(err)
	}
	p, deadline := req.platform, req.now.Add(w.timeout)
	for {
		p.mu.Lock()
		req.now = p.clock.Now()
		_, m, err := req.machine()
		if err != nil {
			p.mu.Unlock()
			return refuse(err)
		}
		known := w.instance == "" || slices.ContainsFunc(m.versions, func(v version) bool { return v.instance == w.instance })
		reached, state, wake, changed := w.reached(m), m.state, deadline, p.changed
		if at, ok := m.due(); ok && at.Before(wake) {
			wake = at
		}
		p.mu.Unlock()
		switch {
		case !known:
			return refuse(missing("machine version"))
		case reached:
			return reply(http.StatusOK, okRecord{true})
		case !req.now.Before(deadline):
			return refuse(&apiError{http.StatusRequestTimeout, "deadline_exceeded",
				"machine failed to reach desired state, " + strings.Join(w.states, ", ") + ", currently " + state})
		}
		if err := p.clock.Wait(req.Context(), wake, changed); err != nil {
			return refuse(&apiError{http.StatusRequestTimeout, "canceled", "the client went away"})
		}
	}
}

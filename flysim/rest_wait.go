package flysim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// waitable returns the states that a client may wait for. Settled means any state that lasts.
func waitable() []string {
	return []string{"started", "stopped", "suspended", "destroyed", "settled", "failed", "created"}
}

// maxWait is the longest timeout of a wait, in seconds.
const maxWait = 60

// waitRequest is a parsed wait request.
type waitRequest struct {
	states   []string
	instance string
	after    string // id of an event; the state must be newer
	timeout  time.Duration
}

func (req *apiRequest) parseWait() (waitRequest, error) {
	query := req.URL.Query()
	w := waitRequest{
		states: splitValues(query["state"]), timeout: inSeconds(maxWait),
		instance: cmp.Or(query.Get("version"), query.Get("instance_id")), after: query.Get("from_event_id"),
	}
	if len(w.states) == 0 {
		w.states = []string{"started"}
	}
	for _, state := range w.states {
		if !slices.Contains(waitable(), state) {
			return waitRequest{}, invalid("invalid_argument: state %.20q cannot be waited for", state)
		}
	}
	if text := query.Get("timeout"); text != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
		if err != nil || n < 1 || n > maxWait {
			return waitRequest{}, invalid("invalid_argument: timeout must be between 1 and %d seconds", maxWait)
		}
		w.timeout = inSeconds(n)
	}
	if slices.Contains(w.states, "stopped") && w.instance == "" && req.platform.options.StrictWait {
		return waitRequest{}, invalid("instance_id required when waiting for stopped machine")
	}
	return w, nil
}

// reached reports whether the Machine is in one of the wanted states, or was in one since the given
// event.
func (w waitRequest) reached(m *vm) bool {
	if w.after != "" {
		newer := m.events[:max(slices.IndexFunc(m.events, func(e event) bool { return e.id == w.after }), 0)]
		if slices.ContainsFunc(newer, func(e event) bool { return slices.Contains(w.states, e.status) }) {
			return true
		}
		if len(newer) == 0 {
			return false
		}
	}
	if w.instance != "" && w.instance != m.instance { // an old version: it has stopped and was replaced
		return slices.Contains(w.states, "stopped") || slices.Contains(w.states, "destroyed") ||
			slices.Contains(w.states, "settled")
	}
	return slices.Contains(w.states, m.state) ||
		slices.Contains(w.states, "settled") && !isTransient(m.state)
}

// waitRecord is the answer to a wait.
type waitRecord struct {
	OK      bool   `json:"ok"`
	EventID string `json:"event_id"`
	State   string `json:"state"`
	Version string `json:"version"`
}

// waitMachine holds the request until the Machine is in the state. It answers 408 when the timeout
// has passed on the platform's clock.
func waitMachine(req *apiRequest) apiAnswer {
	w, err := req.parseWait()
	if err != nil {
		return refuse(err)
	}
	p, deadline := req.platform, req.now.Add(w.timeout)
	find := req.machineForRead
	for {
		p.mu.Lock()
		req.now = p.clock.Now()
		m, err := find()
		if err != nil {
			p.mu.Unlock()
			return refuse(err)
		}
		find = func() (*vm, error) { _, m, err := req.machine(); return m, err }
		err = w.checkKnown(m)
		now := waitRecord{w.reached(m), m.events[0].id, m.state, m.instance}
		wake, changed := deadline, p.changed
		if at, ok := m.due(); ok && at.Before(wake) {
			wake = at
		}
		p.mu.Unlock()
		switch {
		case err != nil:
			return refuse(err)
		case now.OK:
			return reply(http.StatusOK, now)
		case !req.now.Before(deadline):
			return refuse(&apiError{http.StatusRequestTimeout, "deadline_exceeded",
				"machine failed to reach desired state, " + strings.Join(w.states, ", ") + ", currently " + now.State})
		}
		if p.options.OnWait != nil {
			p.options.OnWait(wake)
		}
		if err := p.clock.Wait(req.Context(), wake, changed); err != nil {
			return refuse(&apiError{http.StatusRequestTimeout, "canceled", "the client went away"})
		}
	}
}

// checkKnown fails for a version or an event that the Machine never had.
func (w waitRequest) checkKnown(m *vm) error {
	if w.instance != "" &&
		!slices.ContainsFunc(m.versions, func(v machineVersion) bool { return v.instance == w.instance }) {
		return notFound("machine version")
	}
	if w.after != "" && !slices.ContainsFunc(m.events, func(e event) bool { return e.id == w.after }) {
		return notFound("machine event")
	}
	return nil
}

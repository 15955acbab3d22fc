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
		if m.pending != nil && m.pending.at.Before(wake) {
			wake = m.pending.at
		}
		p.mu.Unlock()
		switch {
		case !known:
			return refuse(&apiError{http.StatusNotFound, "NOT_FOUND", "machine version not found"})
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

type processRecord struct {
	PID       int            `json:"pid"`
	STime     int            `json:"stime"`
	RTime     int            `json:"rtime"`
	Command   string         `json:"command"`
	Directory string         `json:"directory"`
	CPU       int            `json:"cpu"`
	RSS       int            `json:"rss"`
	Sockets   []socketRecord `json:"listen_sockets"`
}

type socketRecord struct {
	Proto   string `json:"proto"`
	Address string `json:"address"`
}

// listProcesses shows the app's program and the SSH server every Machine has.
func listProcesses(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(&apiError{http.StatusPreconditionFailed, "failed_precondition", "failed_precondition: machine not in started state"})
	}
	app := processRecord{PID: 315, STime: 4, RTime: 86_400, Command: "/app/server", Directory: "/app", CPU: 12, RSS: 41_943_040, Sockets: []socketRecord{}}
	for _, s := range m.listen {
		app.Sockets = append(app.Sockets, socketRecord{s.proto, s.address})
	}
	ssh := processRecord{PID: 316, RTime: 86_400, Command: "/.fly/hallpass", Directory: "/", RSS: 8_388_608,
		Sockets: []socketRecord{{"tcp6", "[" + m.privateIP.String() + "]:22"}}}
	return reply(http.StatusOK, []processRecord{app, ssh})
}

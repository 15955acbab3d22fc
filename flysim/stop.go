package flysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// signalNumber returns the number of a signal that the API can send, or 0 for any other name.
func signalNumber(name string) int {
	return map[string]int{
		"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGFPE": 8,
		"SIGKILL": 9, "SIGUSR1": 10,
		"SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15,
	}[name]
}

// stopRequest is how a program is asked to end.
type stopRequest struct {
	signal  string        // empty: the configuration's
	timeout time.Duration // after which it is killed; 0: the configuration's
	force   bool          // whether it is killed at once
}

// How long a program has to end before it is killed (Fly docs, kill_timeout).
const (
	killTimeout    = 5 * time.Second
	maxKillTimeout = 300 * time.Second
)

// ends returns how long the program takes to end, and its exit.
func (m *vm) ends(s *platformState, how stopRequest) (time.Duration, programExit) {
	limit := how.timeout
	if limit <= 0 {
		limit = m.parse().killTimeout
	}
	killed := programExit{code: 128 + 9, signal: 9, requested: true}
	switch {
	case how.force:
		return 0, killed
	case how.signal == "SIGKILL":
		return 0, killed
	case s.delays.stop > limit:
		return limit, killed
	}
	return s.delays.stop, programExit{requested: true}
}

// halt stops, suspends or destroys a Machine in the usual way.
func (m *vm) halt(s *platformState, to string, now time.Time) { m.stop(s, to, stopRequest{}, now) }

// stop is halt with the given way to end the program. A Machine that cannot be suspended is stopped
// instead, as on Fly, and an event says why.
func (m *vm) stop(s *platformState, to string, how stopRequest, now time.Time) {
	if m.state == to || len(m.pending) > 0 && m.pending[len(m.pending)-1].state == to {
		return
	}
	if why := m.unsuspendable(); to == "suspended" && why != "" {
		m.record(s, event{kind: "suspend", status: "stopped instead: " + why, source: "flyd", at: now})
		to = "stopped"
	}
	took, exit := m.ends(s, how)
	transient := "stopping"
	switch to {
	case "suspended":
		took, transient = s.delays.suspend, "suspending"
		exit.code, exit.signal = 0, 0
	case "destroyed":
		took, transient = s.delays.destroy, "destroying"
	default:
		if m.state != "started" {
			took = 0 // no program has to end
		}
	}
	var events []event
	at := now.Add(took)
	if !slices.Contains([]string{"created", "stopped", "suspended", "failed"}, m.state) || to != "destroyed" {
		status := to
		if to == "destroyed" {
			status = "stopped"
		}
		events = append(events, event{kind: "exit", status: status, source: "flyd", at: at, exit: &exit})
	}
	if to == "destroyed" {
		events = append(events, event{kind: "destroy", status: "destroyed", source: "user", at: at})
	}
	m.pending, m.ending = nil, nil
	m.state, m.updated = transient, now
	m.schedule(transition{at: at, state: to, events: events})
	m.settle(s, now)
}

// restart stops a started Machine and starts it again.
func (m *vm) restart(s *platformState, how stopRequest, now time.Time, delay time.Duration) {
	took, exit := m.ends(s, how)
	at := now.Add(took)
	m.pending, m.ending = nil, nil
	m.state, m.updated = "restarting", now
	m.schedule(
		transition{at: at, state: "restarting", events: []event{{kind: "exit", status: "stopped", source: "flyd",
			at: at, exit: &exit}}},
		transition{at: at.Add(delay), state: "started", failure: m.nextFailure()},
	)
	m.settle(s, now)
}

// maxSuspendMB is the largest memory of a Machine that can be suspended (Fly docs, "Suspend and
// resume"; another page says 4 GB).
const maxSuspendMB = 2048

// suspendIntroduced returns when Fly introduced suspension. A Machine that was not updated since cannot
// be suspended (same page).
func suspendIntroduced() time.Time { return time.Date(2024, 6, 20, 20, 0, 0, 0, time.UTC) }

// unsuspendable says why a Machine with the configuration cannot be suspended, or "" if it can.
func unsuspendable(config spec.Config) string {
	var init struct {
		Swap int `json:"swap_size_mb"`
	}
	var schedule string
	guest, err := config.Guest()
	for _, part := range []struct {
		raw  json.RawMessage
		into any
	}{{config.Raw("init"), &init}, {config.Raw("schedule"), &schedule}} {
		if part.raw != nil {
			err = errors.Join(err, json.Unmarshal(part.raw, part.into))
		}
	}
	switch {
	case err != nil:
		return "its configuration cannot be read"
	case guest != nil && guest.MemoryMB > maxSuspendMB:
		return "it has more than 2 GB of memory"
	case guest != nil && (guest.GPUs > 0 || guest.GPUKind != ""):
		return "it has a GPU"
	case init.Swap > 0:
		return "it has swap"
	case schedule != "":
		return "it has a schedule"
	}
	return ""
}

// unsuspendable says why the Machine cannot be suspended, or "" if it can.
func (m *vm) unsuspendable() string {
	why := m.parse().unsuspendable
	if why == "" && m.updated.Before(suspendIntroduced()) {
		return "it was last updated before June 20, 2024"
	}
	return why
}

// parseDuration parses a duration in a form that the API takes: Go's notation, a number of seconds
// as text, or a number of nanoseconds (Machines API, stop_config).
func parseDuration(raw json.RawMessage) (time.Duration, error) {
	text := strings.Trim(string(raw), `"`)
	if len(raw) == 0 || text == "" || text == "null" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case n < 0:
			return 0, fmt.Errorf("negative duration %.20q", text)
		case raw[0] == '"':
			return time.Duration(min(n, int64(maxKillTimeout/time.Second))) * time.Second, nil
		}
		return min(time.Duration(n), maxKillTimeout), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("not a duration: %.20q", text)
	}
	return min(d, maxKillTimeout), nil
}

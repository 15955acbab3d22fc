package flysim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// startMachine starts a Machine that is at rest. A Machine that is changing its state cannot be
// started yet.
func startMachine(req *apiRequest) apiAnswer {
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	previous := m.state
	switch {
	case previous == "started" || previous == "starting":
	case isTransient(previous) || previous == "created" && len(m.pending) > 0:
		return refuse(precondition("unable to start machine from current state: '%s'", previous))
	default:
		m.updated = req.now
		m.launch(req.platform.state, "starting", req.now, req.platform.options.StartDelay)
	}
	return reply(http.StatusOK, struct {
		Message  string `json:"message,omitempty"`
		Status   string `json:"status"`
		Previous string `json:"previous_state"`
	}{Status: "success", Previous: previous})
}

// stopMachine requires a JSON body, which may be {}, as Fly's API does.
func stopMachine(req *apiRequest) apiAnswer {
	if len(req.body) == 0 {
		return refuse(invalid("unable to parse request body: EOF"))
	}
	var in struct {
		Signal  string          `json:"signal"`
		Timeout json.RawMessage `json:"timeout"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	how, err := parseStopping(in.Signal, in.Timeout)
	if err != nil {
		return refuse(err)
	}
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	if m.state == "destroying" {
		return refuse(precondition("unable to stop machine from current state: '%s'", m.state))
	}
	m.stop(req.platform.state, "stopped", how, req.now)
	return reply(http.StatusOK, okRecord{true})
}

// parseStopping parses how a program is to be ended.
func parseStopping(signal string, timeout json.RawMessage) (stopRequest, error) {
	how := stopRequest{signal: strings.ToUpper(signal)}
	if how.signal != "" && signalNumber(how.signal) == 0 {
		return stopRequest{}, invalid("invalid_argument: signal %.20q is not known", signal)
	}
	var err error
	if how.timeout, err = parseDuration(timeout); err != nil {
		return stopRequest{}, invalid("invalid_argument: timeout: %v", err)
	}
	return how, nil
}

// suspendMachine suspends a started Machine.
func suspendMachine(req *apiRequest) apiAnswer {
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	switch m.state {
	case "started", "suspending", "suspended":
	default:
		return refuse(precondition("unable to suspend machine from current state: '%s'", m.state))
	}
	m.halt(req.platform.state, "suspended", req.now)
	return reply(http.StatusOK, okRecord{true})
}

// restartMachine stops a started Machine and starts it again. The query says how it is stopped.
func restartMachine(req *apiRequest) apiAnswer {
	query := req.URL.Query()
	how, err := parseStopping(query.Get("signal"), json.RawMessage(strconv.Quote(query.Get("timeout"))))
	if err != nil {
		return refuse(err)
	}
	how.force = query.Get("force_stop") == "true"
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(precondition("unable to restart machine from current state: '%s'", m.state))
	}
	m.restart(req.platform.state, how, req.now, req.platform.options.StartDelay)
	return reply(http.StatusOK, okRecord{true})
}

// signalMachine sends a signal, given by name or number, to the program. A signal that asks the
// program to end does end it, and then the restart policy applies.
func signalMachine(req *apiRequest) apiAnswer {
	var in struct {
		Signal json.RawMessage `json:"signal"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	var name string
	var number int
	if json.Unmarshal(in.Signal, &name) == nil {
		number = signalNumber(strings.ToUpper(name))
	} else if json.Unmarshal(in.Signal, &number) != nil {
		number = 0
	}
	if number < 1 || number > 31 {
		return refuse(invalid("invalid_argument: signal is not known"))
	}
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(precondition("unable to signal machine in current state: '%s'", m.state))
	}
	switch number {
	case signalNumber("SIGINT"), signalNumber("SIGQUIT"), signalNumber("SIGKILL"), signalNumber("SIGTERM"):
		m.ending = &programEnd{at: req.now, exit: programExit{code: 128 + number, signal: number}}
		m.settle(req.platform.state, req.now)
	}
	return reply(http.StatusOK, okRecord{true})
}

package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func startMachine(req *request) answer {
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	previous := m.state
	switch {
	case previous == "started" || previous == "starting":
	case slices.Contains(transient, previous):
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

func stopMachine(req *request) answer { return haltMachine(req, "stopped") }

func suspendMachine(req *request) answer { return haltMachine(req, "suspended") }

// haltMachine wants a JSON body, even if it is {}, as Fly's API does.
func haltMachine(req *request, to string) answer {
	if to == "stopped" && len(req.body) == 0 {
		return refuse(invalid("unable to parse request body: EOF"))
	}
	var in struct {
		Signal string `json:"signal"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	m.halt(req.platform.state, to, req.now)
	return reply(http.StatusOK, okRecord{true})
}

// restartMachine stops a started Machine and starts it again.
func restartMachine(req *request) answer {
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(precondition("unable to restart machine from current state: '%s'", m.state))
	}
	p := req.platform
	m.halt(p.state, "stopped", req.now)
	m.launch(p.state, "restarting", req.now, p.options.StartDelay)
	return reply(http.StatusOK, okRecord{true})
}

// signals are those that the API sends.
var signals = map[string]int{"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGKILL": 9, "SIGUSR1": 10, "SIGUSR2": 12, "SIGTERM": 15}

// signalMachine sends a signal, by its name or number, to the program. Those
// that ask it to end do end it; the restart policy says what follows.
func signalMachine(req *request) answer {
	var in struct {
		Signal json.RawMessage `json:"signal"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	var name string
	var number int
	if json.Unmarshal(in.Signal, &name) == nil {
		number = signals[strings.ToUpper(name)]
	} else if json.Unmarshal(in.Signal, &number) != nil {
		number = 0
	}
	if number < 1 || number > 31 {
		return refuse(invalid("invalid_argument: signal is not known"))
	}
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(precondition("unable to signal machine in current state: '%s'", m.state))
	}
	switch number {
	case signals["SIGINT"], signals["SIGQUIT"], signals["SIGKILL"], signals["SIGTERM"]:
		m.ending = &ending{at: req.now, exit: exit{code: 128 + number, signal: number}}
		m.settle(req.platform.state, req.now)
	}
	return reply(http.StatusOK, okRecord{true})
}

func getMetadata(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	metadata, err := m.config.Metadata()
	if err != nil || metadata == nil {
		metadata = map[string]string{}
	}
	return reply(http.StatusOK, metadata)
}

// setMetadata sets one entry. The Machine keeps its version, and its lease is
// not asked for: flyctl sends no nonce with it while it holds leases.
func setMetadata(req *request) answer {
	var in struct {
		Value *string `json:"value"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if in.Value == nil {
		return refuse(invalid("invalid_argument: value is required"))
	}
	return editMetadata(req, func(metadata map[string]string) { metadata[req.PathValue("key")] = *in.Value })
}

func deleteMetadata(req *request) answer {
	return editMetadata(req, func(metadata map[string]string) { delete(metadata, req.PathValue("key")) })
}

func editMetadata(req *request, edit func(map[string]string)) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	if m.state == "destroyed" {
		return refuse(precondition("machine is destroyed"))
	}
	metadata, err := m.config.Metadata()
	if err != nil {
		return refuse(invalid("invalid config.metadata: %v", err))
	}
	if metadata == nil {
		metadata = make(map[string]string)
	}
	edit(metadata)
	config, err := m.config.With("metadata", metadata)
	if err != nil {
		return refuse(err)
	}
	m.config, m.versions[0].config, m.updated = config, config, req.now
	return answer{status: http.StatusNoContent}
}

package flysim

import (
	"net/http"
	"time"
)

// maxExec is the longest a command runs, in seconds; it is also how long it
// may run if nothing else is asked for.
const maxExec = 60

// execInput is the body of exec. The command is either in cmd, which is split
// as a shell would, or in command.
type execInput struct {
	Cmd       string   `json:"cmd"`
	Command   []string `json:"command"`
	Stdin     string   `json:"stdin"`
	Timeout   int      `json:"timeout"` // seconds
	Container string   `json:"container"`
	Machine   bool     `json:"machine"`
}

// execRecord is the outcome of a command.
type execRecord struct {
	ExitCode   int    `json:"exit_code"`
	ExitSignal int    `json:"exit_signal,omitempty"`
	StdOut     string `json:"stdout"`
	StdErr     string `json:"stderr"`
}

// words are the command's.
func (in execInput) words() ([]string, error) {
	words := in.Command
	if len(words) == 0 {
		var err error
		if words, err = splitWords(in.Cmd); err != nil {
			return nil, invalid("invalid_argument: cmd: %v", err)
		}
	}
	switch {
	case len(words) == 0 || words[0] == "":
		return nil, invalid("invalid_argument: command is required")
	case in.Container != "" && in.Machine:
		return nil, invalid("invalid_argument: container and machine exclude each other")
	case in.Timeout < 0 || in.Timeout > maxExec:
		return nil, invalid("invalid_argument: timeout must be between 0 and %d seconds", maxExec)
	}
	return words, nil
}

// execMachine runs a program of the platform in a started Machine. A program
// that fails is a success of the call.
func execMachine(req *apiRequest) apiAnswer {
	var in execInput
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	words, err := in.words()
	if err != nil {
		return refuse(err)
	}
	p := req.platform
	p.mu.Lock()
	m, err := req.executable(in.Container)
	if err != nil {
		p.mu.Unlock()
		return refuse(err)
	}
	run := invocation{machine: m, args: words, stdin: in.Stdin, now: req.now}
	code, began := run.run(), m.started
	p.mu.Unlock()

	timeout := inSeconds(maxExec)
	if in.Timeout > 0 {
		timeout = inSeconds(in.Timeout)
	}
	signal, err := req.outlast(m, began, min(run.sleep, timeout))
	switch {
	case err != nil:
		return refuse(&apiError{http.StatusRequestTimeout, "canceled", "the client went away"})
	case signal != 0:
		return reply(http.StatusOK, execRecord{ExitCode: 128 + signal, ExitSignal: signal})
	case run.sleep > timeout:
		return refuse(&apiError{http.StatusRequestTimeout, "deadline_exceeded",
			"deadline_exceeded: the command took longer than " + timeout.String()})
	}
	return reply(http.StatusOK, execRecord{ExitCode: code, StdOut: run.stdout.String(), StdErr: run.stderr.String()})
}

// executable finds the Machine of the path, which must run and have the
// container.
func (req *apiRequest) executable(container string) (*vm, error) {
	_, m, err := req.machine()
	if err != nil {
		return nil, err
	}
	switch {
	case m.host == "unreachable":
		return nil, &apiError{http.StatusServiceUnavailable, "unavailable", "unavailable: the host of machine " +
			m.id + " is unreachable"}
	case m.state != "started":
		return nil, precondition("machine not in started state")
	case container != "" && !m.hasContainer(container):
		return nil, notFound("container")
	}
	return m, nil
}

// outlast waits for a program to end. A signal tells that the Machine, which
// began at a time, did before it.
func (req *apiRequest) outlast(m *vm, began time.Time, d time.Duration) (signal int, err error) {
	p, end := req.platform, req.now.Add(d)
	for {
		p.mu.Lock()
		req.now = p.clock.Now()
		m.settle(p.state, req.now)
		gone, wake, changed := m.state != "started" || !m.started.Equal(began), end, p.changed
		if at, ok := m.due(); ok && at.Before(wake) {
			wake = at
		}
		p.mu.Unlock()
		switch {
		case d == 0 || !req.now.Before(end):
			return 0, nil
		case gone:
			return signalNumber("SIGKILL"), nil
		}
		if err := p.clock.Wait(req.Context(), wake, changed); err != nil {
			return 0, err
		}
	}
}

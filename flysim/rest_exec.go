package flysim

import (
	"net/http"
	"time"
)

// maxExec is the longest time that a command may run, in seconds. It is also the default.
const maxExec = 60

// execInput is the body of exec. The command is either in cmd, which is split as by a shell, or in
// command.
type execInput struct {
	Cmd       string   `json:"cmd"`
	Command   []string `json:"command"`
	Stdin     string   `json:"stdin"`
	Timeout   int      `json:"timeout"` // seconds
	Container string   `json:"container"`
	Machine   bool     `json:"machine"`
}

// execRecord is the result of a command.
type execRecord struct {
	ExitCode   int    `json:"exit_code"`
	ExitSignal int    `json:"exit_signal,omitempty"`
	StdOut     string `json:"stdout"`
	StdErr     string `json:"stderr"`
}

// words returns the words of the command.
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

// execMachine runs one of the platform's programs in a started Machine. The call succeeds even if
// the program fails.
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
	m, err := req.machineForExec(in.Container)
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

// machineForExec finds the Machine of the path. It fails unless the Machine is started and has the
// container.
func (req *apiRequest) machineForExec(container string) (*vm, error) {
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

// outlast waits for a program that takes d. If the Machine, which was started at began, ends before
// that, signal is not 0.
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

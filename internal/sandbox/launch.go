package sandbox

import (
	"cmp"
	"encoding/json"
	"time"
)

// ending is a program that is going to end by itself.
type ending struct {
	at       time.Time
	exit     exit
	next     Failure // of the start after it
	restarts int     // that the platform made before
}

// exit says how a program ended.
type exit struct {
	code       int
	signal     int
	oom        bool
	requested  bool
	restarting bool
}

// launch begins a start that is over after delay; meanwhile the Machine is in
// the state given.
func (m *vm) launch(s *state, meanwhile string, now time.Time, delay time.Duration) {
	m.pending, m.ending = &launch{at: now.Add(cmp.Or(m.app.startDelay, delay))}, nil
	if len(m.failures) > 0 {
		m.pending.failure, m.failures = m.failures[0], m.failures[1:]
	}
	m.state = meanwhile
	m.settle(s, now)
}

// settle lets take effect what was to happen by now: starts, ends of programs
// and the restarts that follow them.
func (m *vm) settle(s *state, now time.Time) {
	for {
		switch {
		case m.pending != nil && !now.Before(m.pending.at):
			m.start(s)
		case m.ending != nil && !now.Before(m.ending.at):
			m.end(s)
		default:
			return
		}
	}
}

// due is when something happens to the Machine by itself; ok is false if
// nothing does.
func (m *vm) due() (at time.Time, ok bool) {
	switch {
	case m.pending != nil:
		return m.pending.at, true
	case m.ending != nil:
		return m.ending.at, true
	}
	return time.Time{}, false
}

// start carries out the pending launch.
func (m *vm) start(s *state) {
	launch := *m.pending
	m.pending = nil
	if launch.failure == FailLaunch {
		m.state = "failed"
		m.record(s, event{kind: "launch", status: "failed", source: "flyd", at: launch.at})
		return
	}
	m.state, m.started, m.sick = "started", launch.at, launch.failure == FailChecks
	m.record(s, event{kind: "start", status: "started", source: "flyd", at: launch.at})
	switch launch.failure {
	case FailExit:
		m.state = "stopped"
		m.record(s, event{kind: "exit", status: "stopped", source: "flyd", at: launch.at, exit: &exit{code: 1}, restarted: 2})
	case FailCrash:
		m.ending = &ending{launch.at.Add(s.crashAfter), exit{code: 1}, FailCrash, launch.restarts}
	case FailOOM:
		m.ending = &ending{launch.at.Add(s.crashAfter), exit{code: 137, signal: 9, oom: true}, FailOOM, launch.restarts}
	}
}

// end carries out the end of the program, and plans the restart that the
// configuration's policy wants.
func (m *vm) end(s *state) {
	e := *m.ending
	m.ending = nil
	restarts := e.restarts
	m.state = "stopped"
	if e.exit.restarting = m.restarts(e.exit.code, restarts); e.exit.restarting {
		restarts++
		m.state = "restarting"
		m.pending = &launch{e.at.Add(restartDelay(restarts)), e.next, restarts}
	}
	m.updated = e.at
	m.record(s, event{kind: "exit", status: "stopped", source: "flyd", at: e.at, exit: &e.exit, restarted: restarts})
}

// restartDelay is how long the platform waits with its nth restart. Fly tells
// that it waits longer each time, not how long.
func restartDelay(n int) time.Duration { return min(time.Second<<min(n-1, 5), 30*time.Second) }

// restarts tells whether a program that ended with code is started again after
// so many restarts. Without a policy it is on-failure with ten retries (Fly
// docs, "Machine restart policy").
func (m *vm) restarts(code, before int) bool {
	policy := struct {
		Policy  string `json:"policy"`
		Retries int    `json:"max_retries"`
	}{Policy: "on-failure"}
	if raw := m.config.Raw("restart"); raw != nil {
		_ = json.Unmarshal(raw, &policy) // one that cannot be read says nothing
	}
	if policy.Retries == 0 {
		policy.Retries = 10
	}
	switch policy.Policy {
	case "no":
		return false
	case "always":
		return true
	}
	return code != 0 && before < policy.Retries
}

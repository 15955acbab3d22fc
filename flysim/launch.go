package flysim

import (
	"cmp"
	"encoding/json"
	"math"
	"time"
)

// delays are how long the transitions of Machines take; see [Options].
type delays struct{ create, update, stop, suspend, resume, destroy time.Duration }

// transition is a change of state that a Machine makes by itself at a time.
type transition struct {
	at       time.Time
	state    string // the new state
	events   []event
	failure  Failure // of a start
	restarts int     // of a start: how many restarts came before it
}

// programEnd is when and how a program will end by itself.
type programEnd struct {
	at       time.Time
	exit     programExit
	next     Failure // the failure of the restart that follows
	restarts int     // how many restarts came before
}

// programExit says how a program ended.
type programExit struct {
	code       int
	signal     int
	oom        bool
	requested  bool
	restarting bool
}

// launch begins a start that is complete after delay; until then the Machine is in the state
// transient. A suspended Machine resumes, which takes [Options.ResumeDelay].
func (m *vm) launch(s *platformState, transient string, now time.Time, delay time.Duration) {
	delay = cmp.Or(m.app.startDelay, delay)
	if m.state == "suspended" && s.delays.resume > 0 {
		delay = s.delays.resume
	}
	m.pending, m.ending, m.state = nil, nil, transient
	m.schedule(transition{at: now.Add(delay), state: "started", failure: m.nextFailure()})
	m.touch()
	m.settle(s, now)
}

// prepare begins the life of a new Machine. It stays in the state created while its image is
// fetched, and is then launched or, with skipLaunch, left stopped.
func (m *vm) prepare(s *platformState, skipLaunch bool, now time.Time, delay time.Duration) {
	ready := now.Add(s.delays.create)
	switch {
	case skipLaunch: // the answer to the request says created all the same
		m.schedule(transition{at: ready, state: "stopped"})
	case s.delays.create > 0:
		m.schedule(transition{at: ready, state: "starting"}, transition{at: ready.Add(delay), state: "started",
			failure: m.nextFailure()})
	default:
		m.launch(s, "starting", now, delay)
	}
}

func (m *vm) schedule(steps ...transition) {
	m.pending = append(m.pending, steps...)
	m.touch()
}

// nextFailure returns the next requested failure and removes it.
func (m *vm) nextFailure() (next Failure) {
	if len(m.failures) > 0 {
		next, m.failures = m.failures[0], m.failures[1:]
	}
	return next
}

// settle carries out what is due by now: transitions, ends of programs and the restarts that follow
// them.
func (m *vm) settle(s *platformState, now time.Time) {
	for ends := 1; ; {
		switch {
		case len(m.pending) > 0 && !now.Before(m.pending[0].at):
			m.advance(s)
		case m.ending != nil && !now.Before(m.ending.at):
			m.end(s)
			if ends++; ends%maxEvents == 0 {
				m.skipRestarts(s, now)
			}
		default:
			return
		}
	}
}

// skipRestarts skips the restarts of a program that crashes again and again, except the latest,
// which the history still shows. Otherwise a clock that jumped by years would make millions of
// them.
func (m *vm) skipRestarts(s *platformState, now time.Time) {
	if len(m.pending) == 0 {
		return
	}
	next := &m.pending[0]
	if next.failure != FailCrash && next.failure != FailOOM || restartDelay(next.restarts) < longestRestart {
		return
	}
	every := longestRestart + s.crashAfter
	n := int(now.Sub(next.at) / every)
	if n = min(n, m.retries()-next.restarts) - maxEvents; n > 0 {
		next.at, next.restarts = next.at.Add(time.Duration(n)*every), next.restarts+n
	}
}

// due returns when something next happens to the Machine by itself. ok is false if nothing does.
func (m *vm) due() (at time.Time, ok bool) {
	switch {
	case len(m.pending) > 0:
		return m.pending[0].at, true
	case m.ending != nil:
		return m.ending.at, true
	}
	return time.Time{}, false
}

// advance carries out the next step.
func (m *vm) advance(s *platformState) {
	next := m.pending[0]
	m.touch()
	if m.pending = m.pending[1:]; len(m.pending) == 0 {
		m.pending = nil
	}
	for _, e := range next.events {
		m.record(s, e)
	}
	if next.state == "started" {
		m.start(s, next)
		return
	}
	m.state, m.updated = next.state, next.at
	switch {
	case next.state == "destroyed":
		m.detach()
		m.lease = nil
	case next.state == "stopped" && len(next.events) > 0 && m.config.AutoDestroy():
		m.autoDestroy(s, next.at)
	}
}

// start carries out a start.
func (m *vm) start(s *platformState, launch transition) {
	if launch.failure == FailLaunch {
		m.state = "failed"
		m.record(s, event{kind: "launch", status: "failed", source: "flyd", at: launch.at})
		return
	}
	m.state, m.started, m.failing, m.memoryLimit = "started", launch.at, launch.failure == FailChecks, 0
	m.record(s, event{kind: "start", status: "started", source: "flyd", at: launch.at})
	if m.externalProgram && m.startedFrom() != "suspended" { // a resumed program listens as before
		m.booting, m.listen = true, nil
	}
	switch {
	case launch.failure == FailExit:
		m.state = "stopped"
		m.record(s, event{kind: "exit", status: "stopped", source: "flyd", at: launch.at,
			exit: &programExit{code: 1}, restarted: 2})
		if m.config.AutoDestroy() {
			m.autoDestroy(s, launch.at)
		}
	case launch.failure == FailCrash:
		m.ending = &programEnd{launch.at.Add(s.crashAfter), programExit{code: 1}, FailCrash, launch.restarts}
	case launch.failure == FailOOM:
		m.ending = &programEnd{launch.at.Add(s.crashAfter), programExit{code: 137, signal: 9, oom: true}, FailOOM,
			launch.restarts}
	case m.config.ProcessGroup() == releaseGroup:
		m.ending = &programEnd{at: launch.at.Add(releaseRun)}
	}
}

// A release command is a Machine that flyctl creates to run one program to its end. Here the
// program succeeds after a moment, unless a failure was requested.
const (
	releaseGroup = "fly_app_release_command"
	releaseRun   = 2 * time.Second
)

// end ends the program and schedules the restart that the configuration's policy asks for.
func (m *vm) end(s *platformState) {
	e := *m.ending
	m.ending = nil
	restarts := e.restarts
	m.state = "stopped"
	if e.exit.restarting = m.restarts(e.exit.code, restarts); e.exit.restarting {
		restarts++
		m.state = "restarting"
		m.schedule(transition{at: e.at.Add(restartDelay(restarts)), state: "started", failure: e.next, restarts: restarts})
	}
	m.updated = e.at
	m.record(s, event{kind: "exit", status: "stopped", source: "flyd", at: e.at, exit: &e.exit, restarted: restarts})
	if m.state == "stopped" && m.config.AutoDestroy() {
		m.autoDestroy(s, e.at)
	}
}

// autoDestroy destroys a Machine whose program has ended, if its configuration asks for that.
func (m *vm) autoDestroy(s *platformState, at time.Time) {
	m.state, m.lease = "destroyed", nil
	m.record(s, event{kind: "destroy", status: "destroyed", source: "flyd", at: at})
	m.detach()
}

// restartDelay returns how long the platform waits before its nth restart. Fly documents that it
// waits longer each time, but not how long.
func restartDelay(n int) time.Duration { return min(time.Second<<min(n-1, 5), longestRestart) }

const longestRestart = 30 * time.Second

// restarts reports whether a program that ended with code is started again after before restarts.
func (m *vm) restarts(code, before int) bool {
	n := m.retries()
	return n == math.MaxInt || code != 0 && before < n
}

// retries returns how often a program that fails is started again; [math.MaxInt] means that it is
// started again whatever its code is. Without a policy it is on-failure with ten retries (Fly docs,
// "Machine restart policy").
func (m *vm) retries() int {
	policy := struct {
		Policy  string `json:"policy"`
		Retries int    `json:"max_retries"`
	}{Policy: "on-failure"}
	if raw := m.config.Raw("restart"); raw != nil {
		_ = json.Unmarshal(raw, &policy) // an unreadable policy counts as none
	}
	switch {
	case policy.Policy == "no":
		return 0
	case policy.Policy == "always":
		return math.MaxInt
	case policy.Retries == 0:
		return 10
	}
	return min(policy.Retries, math.MaxInt-1)
}

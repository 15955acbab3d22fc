package flysim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Incident is something that happens to Machines without the API: caused by Fly,
// by the program, or by another user of the platform.
type Incident struct {
	App     string
	Machine string // its id, or its number in the order of creation from "0"; empty: all Machines of the app
	Do      Action
	Listen  []string      // for DoListen, as in [Platform.SetListen]
	Lease   time.Duration // for DoLease
}

// Action is what an incident does to a Machine.
type Action string

// The actions. Those that end a program need a started Machine. After a crash the
// Machine's restart policy applies.
const (
	DoStart         Action = "start"
	DoStop          Action = "stop"
	DoSuspend       Action = "suspend"
	DoDestroy       Action = "destroy"
	DoCrash         Action = "crash"          // the program exits with code 1
	DoOOM           Action = "oom"            // the program is killed because it ran out of memory (137)
	DoHostDown      Action = "host_down"      // the host is unreachable
	DoHostUnknown   Action = "host_unknown"   // the state of the host is unknown
	DoHostUp        Action = "host_up"        // the host is ok
	DoCheckCritical Action = "check_critical" // every check, whatever the program does
	DoCheckPassing  Action = "check_passing"  // every check
	DoFailExit      Action = "fail_exit"      // the next launch ends as with FailExit
	DoFailLaunch    Action = "fail_launch"    // as with FailLaunch
	DoFailChecks    Action = "fail_checks"    // as with FailChecks
	DoFailCrash     Action = "fail_crash"     // as with FailCrash
	DoFailOOM       Action = "fail_oom"       // as with FailOOM
	DoListen        Action = "listen"         // the program listens elsewhere
	DoLease         Action = "lease"          // another user takes the lease, even if it is held
	DoUnlease       Action = "unlease"        // the lease ends
)

// Actions returns the actions that need no parameter: all except DoListen and DoLease.
func Actions() []Action {
	return []Action{
		DoStart, DoStop, DoSuspend, DoDestroy, DoCrash, DoOOM, DoHostDown, DoHostUnknown, DoHostUp,
		DoCheckCritical, DoCheckPassing,
		DoFailExit, DoFailLaunch, DoFailChecks, DoFailCrash, DoFailOOM, DoUnlease,
	}
}

// Trigger makes an incident happen at once. If there is no such app or Machine, or the Machine's
// state does not allow it, it returns a [Refusal]. With several Machines it tries all of them and
// returns the first error.
func (p *Platform) Trigger(h Incident) error {
	p.catchUp()
	return p.trigger(h, p.clock.Now())
}

func (p *Platform) trigger(h Incident, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.state.apps[h.App]
	if a == nil {
		return notFound("app")
	}
	defer p.notify()
	machines := a.active()
	if h.Machine != "" {
		m := a.machine(h.Machine)
		if i, err := strconv.Atoi(h.Machine); m == nil && err == nil && i >= 0 && i < len(machines) {
			m = machines[i]
		}
		if m == nil {
			return notFound("machine")
		}
		machines = []*vm{m}
	}
	var failed error
	for _, m := range machines {
		m.touch()
		m.settle(p.state, now)
		if err := m.applyIncident(p, h, now); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// applyIncident makes an incident happen to the Machine. The caller holds mu.
func (m *vm) applyIncident(p *Platform, h Incident, now time.Time) error {
	running := slices.Contains([]Action{DoSuspend, DoCrash, DoOOM}, h.Do)
	if m.state == "destroyed" || running && m.state != "started" {
		return &apiError{http.StatusConflict, "conflict", fmt.Sprintf("cannot %s machine %s: it is %s", h.Do, m.id, m.state)}
	}
	switch h.Do {
	case DoStart:
		if m.state != "started" && !isTransient(m.state) {
			m.launch(p.state, "starting", now, p.options.StartDelay)
		}
	case DoStop:
		m.halt(p.state, "stopped", now)
	case DoSuspend:
		m.halt(p.state, "suspended", now)
	case DoDestroy:
		m.halt(p.state, "destroyed", now)
	case DoCrash:
		m.ending = &programEnd{at: now, exit: programExit{code: 1}}
		m.settle(p.state, now)
	case DoOOM:
		m.ending = &programEnd{at: now, exit: programExit{code: 137, signal: 9, oom: true}}
		m.settle(p.state, now)
	case DoHostDown:
		m.host = "unreachable"
	case DoHostUnknown:
		m.host = "unknown"
	case DoHostUp:
		m.host = "ok"
	case DoCheckCritical, DoCheckPassing:
		m.failing, m.checkOverrides = false, make(map[string]string)
		for _, check := range probesOf(m.config) {
			m.checkOverrides[check.name] = map[Action]string{DoCheckCritical: "critical", DoCheckPassing: "passing"}[h.Do]
		}
	case DoFailExit, DoFailLaunch, DoFailChecks, DoFailCrash, DoFailOOM:
		m.failures = append(m.failures, map[Action]Failure{
			DoFailExit: FailExit, DoFailLaunch: FailLaunch, DoFailChecks: FailChecks, DoFailCrash: FailCrash, DoFailOOM: FailOOM,
		}[h.Do])
	case DoListen:
		m.listen = nil
		for _, s := range h.Listen {
			m.listen = append(m.listen, parseSocket(s))
		}
	case DoLease:
		m.lease = &machineLease{nonce: p.state.ids.opaque("nonce", "", 12), owner: "somebody@else.example",
			expires: now.Add(h.Lease)}
	case DoUnlease:
		m.lease = nil
	default:
		return invalid("nothing is known of %.40q", string(h.Do))
	}
	return nil
}

package flysim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Happening is something that happens to Machines without the API: by Fly, by
// the program, or by somebody else who uses the platform.
type Happening struct {
	App     string
	Machine string // its id, or its number in the order of creation from "0"; empty: all of the app
	Do      Doing
	Listen  []string      // of DoListen, as in [Platform.SetListen]
	Lease   time.Duration // of DoLease
}

// Doing is what happens.
type Doing string

// The doings. Those that end a program need a started Machine; what follows a
// crash is said by the Machine's restart policy.
const (
	DoStart         Doing = "start"
	DoStop          Doing = "stop"
	DoSuspend       Doing = "suspend"
	DoDestroy       Doing = "destroy"
	DoCrash         Doing = "crash"          // the program exits with code 1
	DoOOM           Doing = "oom"            // the program is killed for want of memory (137)
	DoHostDown      Doing = "host_down"      // the host is unreachable
	DoHostUnknown   Doing = "host_unknown"   // nothing is known of the host
	DoHostUp        Doing = "host_up"        // the host is ok
	DoCheckCritical Doing = "check_critical" // every check, whatever the program does
	DoCheckPassing  Doing = "check_passing"  // every check
	DoFailExit      Doing = "fail_exit"      // the next launch ends as with FailExit
	DoFailLaunch    Doing = "fail_launch"    // as with FailLaunch
	DoFailChecks    Doing = "fail_checks"    // as with FailChecks
	DoFailCrash     Doing = "fail_crash"     // as with FailCrash
	DoFailOOM       Doing = "fail_oom"       // as with FailOOM
	DoListen        Doing = "listen"         // the program listens elsewhere
	DoLease         Doing = "lease"          // somebody else takes the lease, whoever has it
	DoUnlease       Doing = "unlease"        // the lease ends
)

// Doings are those that need nothing but their name: all but DoListen and DoLease.
func Doings() []Doing {
	return []Doing{
		DoStart, DoStop, DoSuspend, DoDestroy, DoCrash, DoOOM, DoHostDown, DoHostUnknown, DoHostUp,
		DoCheckCritical, DoCheckPassing,
		DoFailExit, DoFailLaunch, DoFailChecks, DoFailCrash, DoFailOOM, DoUnlease,
	}
}

// Happen lets something happen at once. It fails if there is no such app or
// Machine, or if the Machine's state does not allow it: a [Refusal]. With several
// Machines it goes through all and returns the first error.
func (p *Platform) Happen(h Happening) error {
	p.catchUp()
	return p.happen(h, p.clock.Now())
}

func (p *Platform) happen(h Happening, now time.Time) error {
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
		m.note()
		m.settle(p.state, now)
		if err := m.suffer(p, h, now); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// suffer lets something happen to the Machine. The caller holds mu.
func (m *vm) suffer(p *Platform, h Happening, now time.Time) error {
	running := slices.Contains([]Doing{DoSuspend, DoCrash, DoOOM}, h.Do)
	if m.state == "destroyed" || running && m.state != "started" {
		return &apiError{http.StatusConflict, "conflict", fmt.Sprintf("cannot %s machine %s: it is %s", h.Do, m.id, m.state)}
	}
	switch h.Do {
	case DoStart:
		if m.state != "started" && !transient(m.state) {
			m.launch(p.state, "starting", now, p.options.StartDelay)
		}
	case DoStop:
		m.halt(p.state, "stopped", now)
	case DoSuspend:
		m.halt(p.state, "suspended", now)
	case DoDestroy:
		m.halt(p.state, "destroyed", now)
	case DoCrash:
		m.ending = &ending{at: now, exit: programExit{code: 1}}
		m.settle(p.state, now)
	case DoOOM:
		m.ending = &ending{at: now, exit: programExit{code: 137, signal: 9, oom: true}}
		m.settle(p.state, now)
	case DoHostDown:
		m.host = "unreachable"
	case DoHostUnknown:
		m.host = "unknown"
	case DoHostUp:
		m.host = "ok"
	case DoCheckCritical, DoCheckPassing:
		m.sick, m.said = false, make(map[string]string)
		for _, check := range probesOf(m.config) {
			m.said[check.name] = map[Doing]string{DoCheckCritical: "critical", DoCheckPassing: "passing"}[h.Do]
		}
	case DoFailExit, DoFailLaunch, DoFailChecks, DoFailCrash, DoFailOOM:
		m.failures = append(m.failures, map[Doing]Failure{
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

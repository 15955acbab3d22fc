package flysim

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// Failure is a way in which a launch of a Machine fails.
type Failure int

// The failures; see [Platform.FailMachine]. A crashing program crashes [Options.CrashAfter] its
// start, and again after every restart of the same launch. The configuration's restart policy says
// how many restarts there are.
const (
	FailNone   Failure = iota
	FailExit           // the program exits with code 1: state stopped, an exit event, no restart
	FailLaunch         // the Machine cannot be launched: state failed
	FailChecks         // it starts, and its checks stay critical
	FailCrash          // the program exits with code 1 and is restarted
	FailOOM            // the program is killed because it ran out of memory (137) and is restarted
)

// vm is a Machine. State changes that take time are pending. They take effect when the Machine is
// next looked at after their time has come; see settle.
type vm struct {
	app              *appState
	order            int // among all Machines ever made
	id, name, region string
	privateIP        netip.Addr
	created, updated time.Time
	config           spec.Config
	instance         string
	versions         []machineVersion // newest first
	state            string
	events           []event // newest first
	started          time.Time
	failing          bool              // its checks stay critical
	checkOverrides   map[string]string // status of a check by name, in place of the real one
	listed           int64             // number of the list read that first shows it
	listen           []socket
	externalProgram  bool // its program is another process; see Boot and Bind
	booting          bool // its program, another process, does not listen yet
	lease            *machineLease
	cordoned         bool
	host             string // ok, unknown or unreachable
	memoryLimit      int    // MB, set through the API; 0: all of it
	cause            Cause  // of its last change outside the API

	hidden int // how many more reads by its id do not find it

	pending  []transition // sorted by time
	ending   *programEnd
	failures []Failure     // of the next launches
	parsed   *parsedConfig // of config; see [vm.parse]

	dirty bool // it may have changed since it was stored
}

// machineVersion is a configuration the Machine has or had.
type machineVersion struct {
	instance string
	config   spec.Config
}

// event is an entry of a Machine's history.
type event struct {
	id        string
	kind      string // launch, start, stop, exit, update, …
	status    string
	source    string
	at        time.Time
	exit      *programExit
	restarted int
}

// socket is something the Machine's program listens on.
type socket struct{ proto, address string }

// parseSocket parses "host:port", "tcp://host:port" or "udp://host:port".
func parseSocket(s string) socket {
	if proto, address, ok := strings.Cut(s, "://"); ok {
		return socket{proto, address}
	}
	return socket{"tcp", s}
}

// DefaultRegion is the region of a Machine that is created without one.
const DefaultRegion = "iad"

// isTransient reports whether a Machine leaves the state by itself.
func isTransient(state string) bool {
	switch state {
	case "creating", "starting", "stopping", "suspending", "restarting", "replacing", "updating", "destroying":
		return true
	}
	return false
}

// createMachine adds a Machine to the app without launching it.
func (s *platformState) createMachine(a *appState, config spec.Config, name, region string, plan preset,
	now time.Time) *vm {
	m := &vm{
		app: a, order: s.ids.number("machine order", 0), host: "ok", id: s.ids.machine(), name: name,
		region: region, created: now, updated: now,
		state: "created", listen: internalPorts(config),
	}
	if plan.machine != "" {
		m.id = plan.machine
	}
	if m.name == "" {
		m.name = s.ids.name()
	}
	if m.region == "" {
		m.region = DefaultRegion
	}
	m.privateIP = machineAddress(a.network, m.id)
	m.configure(s, config, plan)
	m.record(s, event{kind: "launch", status: "created", source: "user", at: now})
	a.machines = keepLatest(append(a.machines, m), func(m *vm) bool {
		m.settle(s, now)
		return m.state == "destroyed"
	})
	return m
}

// machineAddress returns a Machine's 6PN address: fdaa:<network>:a7b:… and ::2.
func machineAddress(n *privateNetwork, id string) netip.Addr {
	var b [16]byte
	prefix := n.prefix()
	copy(b[:], prefix[:])
	b[6], b[7] = 0x0a, 0x7b
	if raw, err := hex.DecodeString(id); err == nil && len(raw) >= 6 {
		copy(b[8:14], raw[len(raw)-6:])
	}
	b[15] = 2
	return netip.AddrFrom16(b)
}

// configure gives the Machine a new version.
func (m *vm) configure(s *platformState, config spec.Config, plan preset) {
	config = m.app.withVolumeDetails(config)
	m.updateSockets(config)
	m.instance = s.ids.instance()
	if plan.instance != "" {
		m.instance = plan.instance
	}
	m.versions = slices.Insert(m.versions, 0, machineVersion{instance: m.instance})
	m.versions = m.versions[:min(len(m.versions), maxVersions)]
	m.setConfig(config)
	m.attach()
}

// setConfig replaces the configuration of the current version.
func (m *vm) setConfig(config spec.Config) {
	m.config, m.versions[0].config, m.parsed = config, config, nil
}

// Limits of the history that a Machine keeps.
const (
	maxEvents   = 50 // the most that the API lists (Machines API, "List events")
	maxVersions = 50
)

func (m *vm) record(s *platformState, e event) {
	m.touch()
	e.id = s.ids.ulid("event")
	m.events = slices.Insert(m.events, 0, e)
	m.events = m.events[:min(len(m.events), maxEvents)]
}

// update replaces the whole configuration. Without skipLaunch the Machine is then started, even if
// it was stopped; with skipLaunch it ends up stopped.
func (m *vm) update(s *platformState, config spec.Config, skipLaunch bool, now time.Time, delay time.Duration) {
	m.configure(s, config, preset{})
	m.updated = now
	m.record(s, event{kind: "update", status: "replacing", source: "user", at: now})
	at, delay := now.Add(s.delays.update), cmp.Or(m.app.startDelay, delay)
	replaced := transition{state: "replacing"}
	if m.state == "started" {
		took, exit := m.ends(s, stopRequest{})
		at = at.Add(took)
		replaced.events = append(replaced.events, event{kind: "exit", status: "stopped", source: "flyd", at: at, exit: &exit})
	}
	replaced.at = at
	m.pending, m.ending, m.state = nil, nil, "replacing"
	if skipLaunch { // even a suspended Machine: its snapshot is of the old version
		m.schedule(replaced, transition{at: at, state: "stopped"})
	} else {
		replaced.events = append(replaced.events, event{kind: "launch", status: "created", source: "user", at: at})
		m.schedule(replaced, transition{at: at.Add(delay), state: "started", failure: m.nextFailure()})
	}
	m.settle(s, now)
}

// health is the status of one check.
type health struct {
	name, status, output string
	updated              time.Time
}

// health returns the status of each of the Machine's checks.
func (m *vm) health(now time.Time, delay time.Duration) []health {
	probes := m.parse().probes
	found := make([]health, 0, len(probes))
	for _, p := range probes {
		h := health{p.name, "passing", "HTTP GET 200 OK", m.started.Add(delay)}
		reached := p.port == 0 || slices.ContainsFunc(m.listen, func(s socket) bool { return s.reaches(p.port) })
		switch {
		case m.state != "started":
			h.status, h.output, h.updated = "warning", "the machine hasn't started", m.updated
		case now.Before(m.started.Add(delay)) && !now.Before(m.started):
			h.status, h.output, h.updated = "warning", "waiting for status update", m.started
		case m.booting:
			h.status, h.output, h.updated = "warning", "waiting for status update", m.started
		case m.failing || !reached:
			h.status, h.output = "critical", "connect: connection refused"
		}
		if status, ok := m.checkOverrides[p.name]; ok && m.state == "started" {
			h.status, h.output = status, "overridden"
		}
		found = append(found, h)
	}
	return found
}

// Package rules judges an app: who can reach it, what answers, and what prevents it
// from working privately. [Read] reads the input; if something is missing, the rules
// say unknown, never that all is well.
package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Snapshot is what was read of an app at one time. If MachinesKnown is false, the
// Machines could not be read.
type Snapshot struct {
	Addresses     fly.Addresses
	Machines      []fly.Machine
	MachinesKnown bool
	Listening     map[string][]fly.Process // Machine id → processes; of a sample of Machines
	// ForeignApproved reports that the app has a Flycast address on a network other than its own
	// because a person approved it: the callers are there.
	ForeignApproved bool
}

// Verdict says through which kinds of addresses the app can be reached.
type Verdict string

// The verdicts.
const (
	Public      Verdict = "public"      // public addresses, no Flycast address
	Private     Verdict = "private"     // a Flycast address, no public ones
	Both        Verdict = "both"        // both
	Unreachable Verdict = "unreachable" // neither
	Unknown     Verdict = "unknown"     // an address could not be classified
)

// Judge returns the verdict on a list of addresses.
func Judge(list []fly.Address) Verdict {
	var public, flycast, unknown bool
	for _, a := range list {
		public = public || a.Kind.Public()
		flycast = flycast || a.Kind == fly.Flycast
		unknown = unknown || a.Kind == fly.UnknownKind
	}
	switch {
	case public && flycast:
		return Both
	case public:
		return Public
	case unknown:
		return Unknown
	case flycast:
		return Private
	}
	return Unreachable
}

// Answer is yes, no or unknown.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unclear Answer = "unknown"
)

// Exposed reports whether anything answers the internet: a public address carries a
// port of a service (Fly connects only declared ports: networking/services). If a
// Machine could not be read completely, the answer is never no: it may have another
// service.
func (s Snapshot) Exposed() Answer { return s.Answers(s.Addresses.List) }

// MayBeExposed returns [Snapshot.Exposed] on the assumption that every public address
// carries every port. Plans that release addresses use it, to state a hazard too many
// rather than one too few.
func (s Snapshot) MayBeExposed() Answer {
	verdict := Judge(s.Addresses.List)
	switch {
	case verdict == Private, verdict == Unreachable:
		return No
	case !s.MachinesKnown:
		return Unclear
	case !s.hasPort() && len(s.unreadMachines()) > 0:
		return Unclear
	case !s.hasPort():
		return No
	case verdict == Unknown:
		return Unclear
	}
	return Yes
}

// hasPort reports whether any service of the Machines has a port.
func (s Snapshot) hasPort() bool {
	return s.anyMachine(func(services []machine.Service) bool {
		return slices.ContainsFunc(services, machine.Service.HasPort)
	})
}

// HasRouted reports whether Fly Proxy routes connections to any Machine. Unlike
// [Snapshot.HasServices], it does not count services without ports, and UDP.
func (s Snapshot) HasRouted() bool { return s.anyMachine(machine.AnyRouted) }

// Portless reports whether the app has services without any port: Fly Proxy listens on
// nothing. It is false if a Machine could not be read completely.
func (s Snapshot) Portless() bool {
	return s.MachinesKnown && len(s.unreadMachines()) == 0 && s.HasServices() && !s.hasPort()
}

// anyMachine reports whether rule is true for the services of any Machine.
func (s Snapshot) anyMachine(rule func([]machine.Service) bool) bool {
	for _, services := range s.services() {
		if rule(services) {
			return true
		}
	}
	return false
}

// HasServices reports whether any Machine has a service, with or without ports.
func (s Snapshot) HasServices() bool {
	return s.anyMachine(func(services []machine.Service) bool { return len(services) > 0 })
}

// unreadMachines returns the Machines that could not be read completely.
func (s Snapshot) unreadMachines() []string {
	var out []string
	for _, m := range s.Machines {
		if !m.Whole() {
			out = append(out, m.ID)
		}
	}
	return out
}

// services returns the services of each Machine, as far as they could be read: see
// unreadMachines.
func (s Snapshot) services() map[string][]machine.Service {
	out := make(map[string][]machine.Service, len(s.Machines))
	for _, m := range s.Machines {
		if services, err := m.Config.Services(); err == nil {
			out[m.ID] = services
		}
	}
	return out
}

// NetworkID returns the network of the app's Machines, from their private addresses;
// empty if there are none, or if they are on different networks.
func (s Snapshot) NetworkID() string {
	id := ""
	for _, m := range s.Machines {
		n := fly.NetworkID(m.PrivateIP)
		if n == "" {
			continue
		}
		if id != "" && id != n {
			return ""
		}
		id = n
	}
	return id
}

// IsOwnNetwork reports whether a Flycast address serves the app's own network.
func (s Snapshot) IsOwnNetwork(a fly.Address) Answer {
	if a.Kind != fly.Flycast {
		return No
	}
	if id := s.NetworkID(); id != "" {
		if fly.NetworkID(a.IP) == id {
			return Yes
		}
		return No
	}
	app := s.Addresses.App
	switch {
	case a.Network == "" || app.Network == "":
		return Unclear
	case a.Network == app.Network && (a.Org == "" || app.Organization.HasSlug(a.Org)):
		return Yes
	}
	return No
}

// UDPServices returns the UDP ports of the app, such as "5000/udp".
func (s Snapshot) UDPServices() []string {
	var out []string
	for _, services := range s.services() {
		for _, sv := range services {
			if !sv.IsUDP() {
				continue
			}
			for _, p := range sv.Ports {
				if _, _, ok := p.Range(); ok {
					out = append(out, p.String()+"/udp")
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// KeepsUDP reports whether one of these addresses carries UDP: only a dedicated IPv4
// does.
func KeepsUDP(list []fly.Address) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool { return a.Kind == fly.DedicatedV4 })
}

// udpAdvice returns what happens to UDP services without public addresses, and what a
// person can do about it.
func (s Snapshot) udpAdvice() (what, fix string) {
	internal := "let the callers use " + s.Addresses.App.Name + ".internal, and remove the UDP service from the file"
	if KeepsUDP(s.Addresses.List) {
		return "Flycast does not carry UDP",
			"keep the dedicated IPv4, and list the other addresses in ips of release_public_ips; or " + internal
	}
	return "Flycast does not carry UDP, and no address of the app does: only a dedicated IPv4 would", internal
}

// InternalPort returns the internal port of the app's services if all have the same,
// otherwise 0.
func (s Snapshot) InternalPort() int {
	port := 0
	for _, services := range s.services() {
		for _, sv := range services {
			if sv.InternalPort == 0 || port != 0 && port != sv.InternalPort {
				return 0
			}
			port = sv.InternalPort
		}
	}
	return port
}

// Blockers returns what prevents the app from working privately, judged from the live
// Machines. Flycast needs an address on the callers' network, a service, plain HTTP
// without a redirect to https, and a program that listens where Fly Proxy can reach it
// (Fly's networking/flycast page). The fix depends on how a Machine was made: a deploy
// updates only those that fly deploy made.
func (s Snapshot) Blockers() []plan.Blocker {
	return append(s.splitDetached(s.deployBlockers()), s.noMachineAnswers()...)
}

// deployBlockers returns the blockers as if fly deploy had made every Machine.
func (s Snapshot) deployBlockers() []plan.Blocker {
	app := s.Addresses.App.Name
	var out []plan.Blocker
	add := func(id, what, fix string) { out = append(out, plan.Blocker{ID: id, What: what, Fix: fix}) }

	allocate := fmt.Sprintf("allocate_flycast {app: %q}", app)
	switch s.flycastAnswer() {
	case No:
		add(plan.NoFlycast, "no Flycast address: "+app+".flycast does not exist", allocate)
	case onlyForeign:
		if s.ForeignApproved {
			break
		}
		add(plan.FlycastWrongNetwork, "every Flycast address is on a network other than the app's own", allocate)
	}
	if !s.MachinesKnown {
		return out
	}
	if unread := s.unreadMachines(); len(unread) > 0 {
		add(plan.MachineUnread,
			"the configuration of Machine "+plan.Few(unread)+" could not be read completely: its services are unknown",
			fmt.Sprintf("fly machine status %s -a %s shows the Machine and its host; call list_ips again later", unread[0], app))
	} else if !s.HasServices() {
		add(plan.NoServices, "no Machine has a service: Fly Proxy cannot reach or wake the app", s.fix(s.NewService()))
	} else if s.Portless() {
		add(plan.NoPorts, "no service has a port: Fly Proxy cannot reach or wake the app", s.fix(s.NewService()))
	}
	if ports := s.ports(forcesHTTPS); len(ports) > 0 {
		add(plan.ForceHTTPS, "force_https on port "+strings.Join(ports, ", ")+
			": over Flycast every request is redirected to https, where nothing answers", s.fix(plan.Arguments{App: app}))
	}
	if ports := s.tlsOnly(); len(ports) > 0 {
		add(plan.TLSOnly, "only TLS on port "+strings.Join(ports, ", ")+
			": Flycast has no certificates, so private callers need a port without TLS", s.fix(s.PlainPorts()))
	}
	if udp := s.UDPServices(); len(udp) > 0 {
		what, fix := s.udpAdvice()
		add(plan.UDPService, "UDP on "+strings.Join(udp, ", ")+": "+what, fix)
	}
	for _, finding := range s.unreachableListeners() {
		add(plan.BindLoopback, finding, "make the program listen on 0.0.0.0 at internal_port, and deploy it with fly deploy")
	}
	return out
}

// onlyForeign means that all Flycast addresses are of other networks.
const onlyForeign Answer = "foreign"

// flycastAnswer reports whether there is a Flycast address for the app's own network.
// Unclear means that it is unknown which network an address serves.
func (s Snapshot) flycastAnswer() Answer {
	answer := No
	for _, a := range s.Addresses.List {
		if a.Kind != fly.Flycast {
			continue
		}
		switch own := s.IsOwnNetwork(a); {
		case own == Yes:
			return Yes
		case own == Unclear:
			answer = Unclear
		case answer == No:
			answer = onlyForeign
		}
	}
	return answer
}

func forcesHTTPS(p machine.Port) bool { return p.ForceHTTPS }

// ports returns the ports for which rule is true.
func (s Snapshot) ports(rule func(machine.Port) bool) []string {
	var out []string
	for _, services := range s.services() {
		for _, sv := range services {
			for _, p := range sv.Ports {
				if rule(p) {
					out = append(out, p.String())
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

package rules

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Unknowns returns what the rules could not check, besides Machines that could not be
// listed.
func (s Snapshot) Unknowns() []plan.Unknown {
	var out []plan.Unknown
	if !s.Addresses.EgressKnown {
		out = append(out, plan.EgressUnread)
	}
	if s.flycastAnswer() == Unclear {
		out = append(out, plan.FlycastUnclear)
	}
	if len(s.Unrecognized()) > 0 {
		out = append(out, plan.KindUnknown)
	}
	hostIsDown := func(m fly.Machine) bool { return m.HostStatus != "" && m.HostStatus != "ok" }
	if slices.ContainsFunc(s.Machines, hostIsDown) {
		out = append(out, plan.MachinesHostDown)
	}
	return out
}

// FlycastUnclear reports whether it is unknown if any Flycast address serves the app's
// own network.
func (s Snapshot) FlycastUnclear() bool { return s.flycastAnswer() == Unclear }

// Unrecognized returns the addresses of unknown kind.
func (s Snapshot) Unrecognized() []string {
	var out []string
	for _, a := range s.Addresses.List {
		if a.Kind == fly.UnknownKind {
			out = append(out, a.IP.String())
		}
	}
	return out
}

// Answers reports whether any service of the Machines answers on the addresses. A
// dedicated IPv4 carries everything, IPv6 everything except UDP, and a shared IPv4 only
// what Fly Proxy routes by name: HTTP and TLS (Fly's networking/services and
// networking/udp-and-tcp).
func (s Snapshot) Answers(list []fly.Address) Answer {
	verdict := Judge(list)
	if verdict == Private || verdict == Unreachable {
		return No
	}
	if !s.MachinesKnown {
		return Unclear
	}
	for _, services := range s.services() {
		for _, sv := range services {
			for _, p := range sv.Ports {
				if _, _, ok := p.Range(); ok && anyCarries(list, sv, p) {
					return Yes
				}
			}
		}
	}
	has := func(kind fly.Kind) bool {
		return slices.ContainsFunc(list, func(a fly.Address) bool { return a.Kind == kind })
	}
	if len(s.unreadMachines()) > 0 || has(fly.UnknownKind) && s.hasPort() ||
		has(fly.SharedV4) && len(s.ports(endsPostgresTLS)) > 0 {
		return Unclear
	}
	return No
}

// LosesPort reports whether a port of the Machines is carried by an address in before, and
// by none in after.
func (s Snapshot) LosesPort(before, after []fly.Address) bool {
	for _, services := range s.services() {
		for _, sv := range services {
			for _, p := range sv.Ports {
				if anyCarries(before, sv, p) && !anyCarries(after, sv, p) {
					return true
				}
			}
		}
	}
	return false
}

// endsPostgresTLS reports whether a port ends TLS for PostgreSQL. Fly's documentation
// does not say whether a shared IPv4 carries it.
func endsPostgresTLS(p machine.Port) bool { return slices.Contains(p.Handlers, "pg_tls") }

// anyCarries reports whether any of the addresses carries a port of a service.
func anyCarries(list []fly.Address, sv machine.Service, p machine.Port) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool { return carries(a.Kind, sv, p) })
}

// carries reports whether addresses of a kind carry a port of a service.
func carries(kind fly.Kind, sv machine.Service, p machine.Port) bool {
	switch kind {
	case fly.DedicatedV4:
		return true
	case fly.DedicatedV6:
		return sv.Protocol != "udp"
	case fly.SharedV4:
		return sv.Protocol != "udp" && routesByName(p)
	}
	return false
}

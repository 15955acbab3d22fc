package rules

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Unknowns are what the judgement of this snapshot had to do without, besides
// Machines that could not be listed.
func (s Snapshot) Unknowns() []plan.Unknown {
	var out []plan.Unknown
	if !s.Addresses.EgressKnown {
		out = append(out, plan.EgressUnread)
	}
	if s.flycastAnswer() == Unclear {
		out = append(out, plan.FlycastUnclear)
	}
	if len(s.Unrecognised()) > 0 {
		out = append(out, plan.KindUnknown)
	}
	if slices.ContainsFunc(s.Machines, func(m fly.Machine) bool { return m.HostStatus != "" && m.HostStatus != "ok" }) {
		out = append(out, plan.MachinesHostDown)
	}
	return out
}

// FlycastUnclear reports whether the app has a Flycast address of which it
// cannot be told whether it serves the app's own network, and no other that does.
func (s Snapshot) FlycastUnclear() bool { return s.flycastAnswer() == Unclear }

// Unrecognised are the addresses whose kind matched no rule.
func (s Snapshot) Unrecognised() []string {
	var out []string
	for _, a := range s.Addresses.List {
		if a.Kind == fly.UnknownKind {
			out = append(out, a.IP.String())
		}
	}
	return out
}

// Answers tells whether any service of the Machines answers on the addresses, by
// what each kind carries: a dedicated IPv4 everything, IPv6 no UDP, a shared IPv4
// only what Fly Proxy routes by name, HTTP and TLS (Fly's networking/services and
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
				_, _, listens := p.Range()
				if listens && slices.ContainsFunc(list, func(a fly.Address) bool { return carries(a.Kind, sv, p) }) {
					return Yes
				}
			}
		}
	}
	has := func(kind fly.Kind) bool {
		return slices.ContainsFunc(list, func(a fly.Address) bool { return a.Kind == kind })
	}
	if len(s.unreadMachines()) > 0 || has(fly.UnknownKind) && s.hasPort() || has(fly.SharedV4) && len(s.ports(pgTLS)) > 0 {
		return Unclear
	}
	return No
}

// Loses reports whether some port of the Machines is carried by an address of
// one list and by none of the other.
func (s Snapshot) Loses(before, after []fly.Address) bool {
	for _, services := range s.services() {
		for _, sv := range services {
			for _, p := range sv.Ports {
				carried := func(list []fly.Address) bool {
					return slices.ContainsFunc(list, func(a fly.Address) bool { return carries(a.Kind, sv, p) })
				}
				if carried(before) && !carried(after) {
					return true
				}
			}
		}
	}
	return false
}

// pgTLS reports whether a port ends TLS for PostgreSQL: whether a shared IPv4
// carries that, Fly's documentation does not say.
func pgTLS(p machine.Port) bool { return slices.Contains(p.Handlers, "pg_tls") }

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

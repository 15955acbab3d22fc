package machine

import (
	"cmp"
	"slices"
)

const lastPort = 1<<16 - 1

// IsPort reports whether a port can have the number.
func IsPort(n int) bool { return n > 0 && n <= lastPort }

// Range is the external ports that Fly Proxy listens on for an entry of ports.
// A range that lacks one end is open there. ok is false if there are none: no
// port is given, it is 0, or the range ends before it begins.
func (p Port) Range() (low, high int, ok bool) {
	switch {
	case p.Port != nil:
		low, high = *p.Port, *p.Port
	case p.StartPort == nil && p.EndPort == nil:
		return 0, 0, false
	default:
		low, high = 1, lastPort
		if p.StartPort != nil {
			low = *p.StartPort
		}
		if p.EndPort != nil {
			high = *p.EndPort
		}
	}
	low, high = max(low, 1), min(high, lastPort)
	if low > high {
		return 0, 0, false
	}
	return low, high, true
}

// IsEncrypted reports whether Fly Proxy ends TLS on the port. Flycast has no
// certificates, so private callers cannot use it.
func (p Port) IsEncrypted() bool {
	return slices.Contains(p.Handlers, "tls") || slices.Contains(p.Handlers, "pg_tls")
}

// IsHTTP reports whether Fly Proxy reads HTTP on the port.
func (p Port) IsHTTP() bool {
	return slices.Contains(p.Handlers, "http") || slices.Contains(p.Handlers, "edge_http")
}

// HasPort reports whether Fly Proxy listens for the service at all, over TCP or
// UDP. A service without ports is only there for its checks.
func (s Service) HasPort() bool {
	return slices.ContainsFunc(s.Ports, func(p Port) bool {
		_, _, ok := p.Range()
		return ok
	})
}

// IsUDP reports whether the service is for UDP: Flycast carries none, and a
// datagram does not start a stopped Machine.
func (s Service) IsUDP() bool { return s.Protocol == "udp" }

// IsRouted reports whether Fly Proxy routes connections to the service: TCP (the
// default) with a port that it listens on. It is what makes an app reachable
// over Flycast, and what autostart and autostop work by.
func (s Service) IsRouted() bool { return cmp.Or(s.Protocol, "tcp") == "tcp" && s.HasPort() }

// IsWoken reports whether a connection to the service starts a stopped Machine.
// An absent autostart means true, as in fly.toml.
func (s Service) IsWoken() bool { return s.IsRouted() && (s.Autostart == nil || *s.Autostart) }

// AnyRouted reports whether Fly Proxy routes connections to one of the services.
func AnyRouted(services []Service) bool { return slices.ContainsFunc(services, Service.IsRouted) }

// AnyWoken reports whether a connection to one of the services starts a stopped
// Machine that has them.
func AnyWoken(services []Service) bool { return slices.ContainsFunc(services, Service.IsWoken) }

// AllStop reports whether Fly Proxy stops or suspends an idle Machine with these
// services: one service without autostop keeps it awake, and so does having none.
func AllStop(services []Service) bool {
	return len(services) > 0 &&
		!slices.ContainsFunc(services, func(s Service) bool { return s.Autostop == nil || *s.Autostop == AutostopOff })
}

// Minimum is how many Machines in the primary region the services keep running.
func Minimum(services []Service) int {
	n := 0
	for _, s := range services {
		if s.MinMachinesRunning != nil {
			n = max(n, *s.MinMachinesRunning)
		}
	}
	return n
}

// NewlySleeps reports whether a change of a Machine's services lets it, or the
// last Machine of its group, sleep when that was not so: autostop is on now, or
// no Machine is kept running any more. A sleeping Machine does not answer those
// who call it past Fly Proxy, as at its .internal name.
func NewlySleeps(before, after []Service) bool {
	return AllStop(after) && (!AllStop(before) || Minimum(before) > 0 && Minimum(after) == 0)
}

// LostPrograms lists the internal ports that Fly Proxy routes to before and not after.
func LostPrograms(before, after []Service) []int {
	var lost []int
	for _, was := range before {
		kept := slices.ContainsFunc(after, func(is Service) bool {
			return is.IsRouted() && is.InternalPort == was.InternalPort
		})
		if was.IsRouted() && !kept && !slices.Contains(lost, was.InternalPort) {
			lost = append(lost, was.InternalPort)
		}
	}
	return lost
}

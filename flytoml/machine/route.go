package machine

import (
	"cmp"
	"slices"
)

const lastPort = 1<<16 - 1

// IsPort reports whether n is a valid port number.
func IsPort(n int) bool { return n > 0 && n <= lastPort }

// Range returns the external ports that Fly Proxy listens on for an entry of
// ports. A range without one of its ends is open on that side. ok is false if
// there are no ports: none is given, it is 0, or the range ends before it begins.
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

// IsEncrypted reports whether Fly Proxy terminates TLS on the port. Flycast has
// no certificates, so private callers cannot use such a port.
func (p Port) IsEncrypted() bool {
	return slices.Contains(p.Handlers, "tls") || slices.Contains(p.Handlers, "pg_tls")
}

// IsHTTP reports whether Fly Proxy reads HTTP on the port.
func (p Port) IsHTTP() bool {
	return slices.Contains(p.Handlers, "http") || slices.Contains(p.Handlers, "edge_http")
}

// HasPort reports whether Fly Proxy listens for the service, over TCP or UDP. A
// service without ports exists only for its checks.
func (s Service) HasPort() bool {
	return slices.ContainsFunc(s.Ports, func(p Port) bool {
		_, _, ok := p.Range()
		return ok
	})
}

// IsUDP reports whether the service uses UDP. Flycast does not carry UDP, and a
// datagram does not start a stopped Machine.
func (s Service) IsUDP() bool { return s.Protocol == "udp" }

// IsRouted reports whether Fly Proxy routes connections to the service: it uses
// TCP (the default) and has a port. Only such services are reachable over
// Flycast, and only they count for autostart and autostop.
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
// services. A single service without autostop keeps the Machine awake, and so
// does having no service.
func AllStop(services []Service) bool {
	return len(services) > 0 &&
		!slices.ContainsFunc(services, func(s Service) bool { return s.Autostop == nil || *s.Autostop == AutostopOff })
}

// Minimum returns the number of Machines in the primary region that the services keep running.
func Minimum(services []Service) int {
	n := 0
	for _, s := range services {
		if s.MinMachinesRunning != nil {
			n = max(n, *s.MinMachinesRunning)
		}
	}
	return n
}

// NewlySleeps reports whether a change of a Machine's services lets the Machine,
// or the last Machine of its group, sleep when it could not before: autostop is
// on now, or the minimum is zero now. A sleeping Machine does not answer callers
// that bypass Fly Proxy, such as those that use its .internal name.
func NewlySleeps(before, after []Service) bool {
	return AllStop(after) && (!AllStop(before) || Minimum(before) > 0 && Minimum(after) == 0)
}

// LostPrograms lists the internal ports that Fly Proxy routes to with the
// services before, but not with those after.
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

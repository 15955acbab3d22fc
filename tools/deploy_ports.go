package tools

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// door is a port, or a range of them, with the service that it leads to.
type door struct {
	service machine.Service
	port    machine.Port
	lo, hi  int
}

const lastPort = 65535

func doors(services []machine.Service) []door {
	var out []door
	for _, s := range services {
		for _, p := range s.Ports {
			d := door{service: s, port: p, hi: lastPort}
			switch {
			case p.Port != nil:
				d.lo, d.hi = *p.Port, *p.Port
			case p.StartPort == nil && p.EndPort == nil:
				continue // leads nowhere
			default:
				if p.StartPort != nil {
					d.lo = *p.StartPort
				}
				if p.EndPort != nil {
					d.hi = *p.EndPort
				}
			}
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b door) int { return cmp.Compare(a.lo, b.lo) })
	return out
}

func (d door) overlaps(o door) bool {
	return d.protocol() == o.protocol() && d.lo <= o.hi && o.lo <= d.hi
}

// protocol is tcp when none is given, as on the platform.
func (d door) protocol() string { return cmp.Or(d.service.Protocol, "tcp") }

// within reports whether every port of d was one of had, which are sorted.
func (d door) within(had []door) bool {
	next := d.lo
	for _, h := range had {
		if h.overlaps(d) && h.lo <= next {
			next = max(next, h.hi+1)
		}
	}
	return next > d.hi
}

// opened finds what a group's ports would lead to and did not before: a new
// port, or a port that leads to another program, is news; the rest of what is
// looser than before is a hazard while the app has public addresses.
func (d *deployment) opened(group string, before, after []machine.Service, reach audience) {
	if !reach.public && !reach.foreign {
		return
	}
	news := func(format string, args ...any) {
		if reach.foreign {
			d.hazard(plan.OpenToOtherNetwork)
		}
		b := plan.Blocker{
			ID: string(plan.NewPublicService), What: fmt.Sprintf(format, args...) + ", on an app with public addresses",
			Fix: "release the public addresses first (release_public_ips), then deploy",
		}
		if reach.public && !slices.Contains(d.blockers, b) {
			d.blockers = append(d.blockers, b)
		}
	}
	had := doors(before)
	for _, is := range doors(after) {
		if !is.within(had) && plainBeside(is, had) {
			if reach.foreign {
				d.hazard(plan.OpenToOtherNetwork)
			}
			if reach.public {
				d.hazard(plan.PublicPlainHTTP)
				d.hazard(plan.NewPublicService)
			}
			continue
		}
		if !is.within(had) {
			news("port %s of group %s would be new", is.port.String(), plan.Quote(group))
			continue
		}
		for _, was := range had {
			if !was.overlaps(is) {
				continue
			}
			if was.service.InternalPort != is.service.InternalPort {
				news("port %s of group %s would lead to internal port %d, not %d", is.port.String(), plan.Quote(group), is.service.InternalPort, was.service.InternalPort)
			}
			if !reach.public {
				continue
			}
			if plainer(was.port, is.port) {
				d.hazard(plan.PublicPlainHTTP)
			}
			if rawer(was.port, is.port) || widerTLS(was.port, is.port) || proxyProto(was.port) != proxyProto(is.port) || wakes(was.service, is.service) {
				d.hazard(plan.NewPublicService)
			}
		}
	}
}

func handles(p machine.Port, handler string) bool { return slices.Contains(p.Handlers, handler) }

func encrypted(p machine.Port) bool { return handles(p, "tls") || handles(p, "pg_tls") }

// plainer reports whether a port lets plain text through that it did not before.
func plainer(was, is machine.Port) bool {
	return was.ForceHTTPS && !is.ForceHTTPS || encrypted(was) && !encrypted(is)
}

// rawer reports whether Fly Proxy no longer takes a port for HTTP: everything
// that is sent to it reaches the program as it is.
func rawer(was, is machine.Port) bool { return handles(was, "http") && !handles(is, "http") }

// widerTLS reports whether a port accepts TLS that it did not before.
func widerTLS(was, is machine.Port) bool {
	if !encrypted(was) || !encrypted(is) {
		return false
	}
	options := func(p machine.Port) machine.TLSOptions {
		if p.TLSOptions == nil {
			return machine.TLSOptions{}
		}
		return *p.TLSOptions
	}
	a, b := options(was), options(is)
	yes := func(v *bool) bool { return v != nil && *v }
	// Fly's defaults (reference/configuration, services.ports.tls_options).
	return more(a.Versions, b.Versions, "TLSv1.2", "TLSv1.3") || more(a.ALPN, b.ALPN, "h2", "http/1.1") || yes(b.DefaultSelfSigned) && !yes(a.DefaultSelfSigned)
}

// more reports whether a list, or what an empty one stands for, has something
// that it did not have.
func more(was, is []string, standard ...string) bool {
	if len(was) == 0 {
		was = standard
	}
	if len(is) == 0 {
		is = standard
	}
	return slices.ContainsFunc(is, func(s string) bool { return !slices.Contains(was, s) })
}

// proxyProto is how a port tells the program who calls, empty if it does not.
func proxyProto(p machine.Port) string {
	switch {
	case !handles(p, "proxy_proto"):
		return ""
	case p.ProxyProtoOptions == nil:
		return "v1" // the default
	}
	return cmp.Or(p.ProxyProtoOptions.Version, "v1")
}

// wakes reports whether requests, or the platform by itself, would bring up
// Machines of a service that they left alone before.
func wakes(was, is machine.Service) bool {
	least := func(s machine.Service) int {
		if s.MinMachinesRunning == nil {
			return 0
		}
		return *s.MinMachinesRunning
	}
	return asleep(was) && !asleep(is) || least(was) == 0 && least(is) > 0
}

// asleep reports whether no request starts a stopped Machine of the service.
func asleep(s machine.Service) bool { return s.Autostart != nil && !*s.Autostart }

// plainBeside reports whether a new port is the plain HTTP way to a program
// that the same Machine offers with TLS only: what [plan.TLSOnly] asks for before
// a release, so that it cannot wait for the release.
func plainBeside(is door, had []door) bool {
	same := func(was door) bool {
		return was.protocol() == "tcp" && was.service.InternalPort == is.service.InternalPort
	}
	return is.protocol() == "tcp" && is.lo == is.hi && handles(is.port, "http") && slices.ContainsFunc(had, same) &&
		!slices.ContainsFunc(had, func(was door) bool {
			return same(was) && (!handles(was.port, "http") || !encrypted(was.port))
		})
}

package exposure

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// door is a port, or a range of them, with the service that it leads to.
type door struct {
	service machine.Service
	port    machine.Port
	lo, hi  int
}

func doorsOf(services []machine.Service) []door {
	var out []door
	for _, s := range services {
		for _, p := range s.Ports {
			if low, high, ok := p.Range(); ok {
				out = append(out, door{service: s, port: p, lo: low, hi: high})
			}
		}
	}
	sortDoors(out)
	return out
}

func sortDoors(list []door) {
	slices.SortStableFunc(list, func(a, b door) int { return cmp.Compare(a.lo, b.lo) })
}

func (d door) overlaps(o door) bool {
	return d.protocol() == o.protocol() && d.lo <= o.hi && o.lo <= d.hi
}

// protocol returns the protocol of the service: tcp if it names none, as on the platform.
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

// sameProgram reports whether two ports lead to the same internal port over the
// same protocol.
func (d door) sameProgram(o door) bool {
	return d.protocol() == o.protocol() && d.service.InternalPort == o.service.InternalPort
}

// same reports whether two ports answer in the same way, and wake in the same way.
func (d door) same(o door) bool {
	return d.sameProgram(o) && reflect.DeepEqual(d.port, o.port) && !startsMore(o.service, d.service)
}

// opened finds what a group's ports would lead to and did not before: a new port, or a
// port that leads to another program, is reported by added; the rest of what is looser
// than before is a hazard while the app has public addresses. What another Machine of the
// group answers already is not new. Several services may share a port: each is compared
// with what led to the same program before.
func (d Deploy) opened(group string, before, after []machine.Service, ofGroup []door,
	reach audience) (found plan.Findings) {
	if !reach.public && !reach.foreign {
		return found
	}
	had := doorsOf(before)
	for _, is := range unmatched(doorsOf(after), had) {
		other := func(was door) bool { return !was.sameProgram(is) }
		same := slices.DeleteFunc(slices.Clone(had), other)
		others := slices.DeleteFunc(slices.Clone(ofGroup), other)
		if !is.within(same) && !is.within(others) {
			found.Add(d.added(group, is, had, reach))
			continue
		}
		for _, was := range same {
			if !was.overlaps(is) || !reach.public {
				continue
			}
			if allowsMorePlainText(was.port, is.port) {
				found.Hazard(plan.PublicPlainHTTP)
			}
			if stopsParsingHTTP(was.port, is.port) || widerTLS(was.port, is.port) ||
				proxyProto(was.port) != proxyProto(is.port) || startsMore(was.service, is.service) {
				found.Hazard(plan.NewPublicService)
			}
		}
	}
	return found
}

// unmatched returns the ports that did not answer in the same way before, each of
// those before taken once.
func unmatched(after, before []door) []door {
	before = slices.Clone(before)
	return slices.DeleteFunc(after, func(is door) bool {
		i := slices.IndexFunc(before, is.same)
		if i >= 0 {
			before = slices.Delete(before, i, i+1)
		}
		return i >= 0
	})
}

// groupDoors returns the ports of all Machines of each group as they are now, each program's
// once.
func (d Deploy) groupDoors() map[string][]door {
	groups := make(map[string]string)
	for _, c := range d.Work.Updates {
		groups[c.Before.ID] = c.Group
	}
	all := make(map[string][]machine.Service)
	for _, m := range d.Before.Machines {
		group := cmp.Or(groups[m.ID], m.Config.ProcessGroup())
		all[group] = append(all[group], m.Config.ServicesOrNone()...)
	}
	type key struct {
		protocol         string
		internal, lo, hi int
	}
	out := make(map[string][]door)
	for group, list := range all {
		seen := make(map[key]bool)
		out[group] = slices.DeleteFunc(doorsOf(list), func(d door) bool {
			k := key{d.protocol(), d.service.InternalPort, d.lo, d.hi}
			repeated := seen[k]
			seen[k] = true
			return repeated
		})
	}
	return out
}

// added refuses a port that answers something new on public addresses. Two kinds are
// hazards instead, since a release waits for them: the plain port beside TLS alone
// ([plan.TLSOnly]), and the first port of an app whose services have none ([plan.NoPorts]).
func (d Deploy) added(group string, is door, had []door, reach audience) (found plan.Findings) {
	if reach.foreign {
		found.Hazard(plan.OpenToOtherNetwork)
	}
	switch {
	case !reach.public:
		return found
	case plainBeside(is, had) || d.Before.Portless():
		if !is.port.IsEncrypted() {
			found.Hazard(plan.PublicPlainHTTP)
		}
		found.Hazard(plan.NewPublicService)
		return found
	}
	what := fmt.Sprintf("port %s of group %s would be new", is.port.String(), plan.Quote(group))
	if i := slices.IndexFunc(had, is.overlaps); i >= 0 && is.within(had) {
		what = fmt.Sprintf("port %s of group %s would lead to internal port %d, not %d",
			is.port.String(), plan.Quote(group), is.service.InternalPort, had[i].service.InternalPort)
	}
	found.Block(plan.Blocker{
		ID: string(plan.NewPublicService), What: what + ", on an app with public addresses",
		Fix: fmt.Sprintf("release_public_ips %s, then this deploy again: then the service is private from the start",
			plan.Arguments{App: d.Work.App}),
	})
	return found
}

func hasHandler(p machine.Port, handler string) bool { return slices.Contains(p.Handlers, handler) }

// allowsMorePlainText reports whether a port lets plain text through that it did not before.
func allowsMorePlainText(was, is machine.Port) bool {
	return was.ForceHTTPS && !is.ForceHTTPS || was.IsEncrypted() && !is.IsEncrypted()
}

// stopsParsingHTTP reports whether Fly Proxy no longer takes a port for HTTP: everything
// that is sent to it reaches the program as it is.
func stopsParsingHTTP(was, is machine.Port) bool {
	return hasHandler(was, "http") && !hasHandler(is, "http")
}

// widerTLS reports whether a port accepts TLS that it did not before.
func widerTLS(was, is machine.Port) bool {
	if !was.IsEncrypted() || !is.IsEncrypted() {
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
	return hasNew(a.Versions, b.Versions, "TLSv1.2", "TLSv1.3") || hasNew(a.ALPN, b.ALPN, "h2", "http/1.1") ||
		yes(b.DefaultSelfSigned) && !yes(a.DefaultSelfSigned)
}

// hasNew reports whether a list, or what an empty one stands for, has something
// that it did not have.
func hasNew(was, is []string, standard ...string) bool {
	if len(was) == 0 {
		was = standard
	}
	if len(is) == 0 {
		is = standard
	}
	return slices.ContainsFunc(is, func(s string) bool { return !slices.Contains(was, s) })
}

// proxyProto returns how a port passes the client's address to the program, empty if it does not.
func proxyProto(p machine.Port) string {
	switch {
	case !hasHandler(p, "proxy_proto"):
		return ""
	case p.ProxyProtoOptions == nil:
		return "v1" // the default
	}
	return cmp.Or(p.ProxyProtoOptions.Version, "v1")
}

// startsMore reports whether requests, or the platform by itself, would bring up
// Machines of a service that they left alone before.
func startsMore(was, is machine.Service) bool {
	least := func(s machine.Service) int {
		if s.MinMachinesRunning == nil {
			return 0
		}
		return *s.MinMachinesRunning
	}
	return neverStarted(was) && !neverStarted(is) || least(was) == 0 && least(is) > 0
}

// neverStarted reports whether no request starts a stopped Machine of the service.
func neverStarted(s machine.Service) bool { return s.Autostart != nil && !*s.Autostart }

// plainBeside reports whether a new port is the plain way to a program that the
// same Machine offers with TLS only: what [plan.TLSOnly] asks for before a release,
// so that it cannot wait for the release. HTTP stays HTTP, and what passes bytes
// through goes on doing so.
func plainBeside(is door, had []door) bool {
	offered, http := false, false
	for _, was := range had {
		if !was.sameProgram(is) {
			continue
		}
		if !was.port.IsEncrypted() {
			return false
		}
		offered, http = true, http || hasHandler(was.port, "http")
	}
	return offered && is.protocol() == "tcp" && is.lo == is.hi && !is.port.IsEncrypted() &&
		hasHandler(is.port, "http") == http
}

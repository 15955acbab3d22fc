package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Nothing is the one entry of [Snapshot.Reach] for an app that nobody reaches.
const Nothing = "nothing"

// Reach is how callers get to a program of the app, judged from its addresses and
// Machines: http://app.flycast, tcp app.flycast:5432, https://app.fly.dev over
// IPv6 only. It is [Nothing] if nobody does, and nil if the Machines could not be
// read whole: then nothing can be said. That something is listed is no proof that
// the program answers.
func (s Snapshot) Reach() []string {
	if !s.MachinesKnown {
		return nil
	}
	out := append(s.flycastRoutes(), s.publicRoutes()...)
	switch {
	case len(out) > 0:
		return out
	case len(s.unreadMachines()) > 0 || Judge(s.Addresses.List) == Unknown:
		return nil
	}
	return []string{Nothing}
}

// Names reports whether the app has a port for requests with a hostname, HTTP or
// TLS, on these addresses over an IP version. Run states do not count.
func (s Snapshot) Names(family string, list []fly.Address) bool {
	for _, services := range s.services() {
		for _, sv := range services {
			if slices.ContainsFunc(sv.Ports, func(p machine.Port) bool { return routesByName(p) && isCarried(family, list, sv, p) }) {
				return true
			}
		}
	}
	return false
}

// The IP versions.
const (
	IPv4 = "IPv4"
	IPv6 = "IPv6"
)

func isCarried(family string, list []fly.Address, sv machine.Service, p machine.Port) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool {
		return a.IP.Is4() == (family == IPv4) && carries(a.Kind, sv, p)
	})
}

// byName reports whether Fly Proxy tells hostnames apart on a port.
func routesByName(p machine.Port) bool {
	return p.IsHTTP() || slices.Contains(p.Handlers, "tls")
}

// way is a port that leads to a program that may answer.
type route struct {
	service machine.Service
	port    machine.Port
}

// ways are the ports of the Machines that Fly Proxy would send a request to.
func (s Snapshot) routes() []route {
	var out []route
	for _, m := range s.Machines {
		if s.silentReason(m) != "" {
			continue
		}
		services, err := m.Config.Services()
		if err != nil {
			continue
		}
		for _, sv := range services {
			for _, p := range sv.Ports {
				if p.String() != "none" && !s.isUnreachable(m, sv) {
					out = append(out, route{sv, p})
				}
			}
		}
	}
	return out
}

// silence says why Fly Proxy sends no request to a Machine whatever it serves;
// empty if it may.
func (s Snapshot) silentReason(m fly.Machine) string {
	down := slices.Contains([]string{"stopped", "suspended", "created", "stopping", "suspending"}, m.State)
	switch {
	case m.Cordoned:
		return "cordoned"
	case m.HostStatus != "" && m.HostStatus != "ok":
		return "on a host that is " + m.HostStatus
	case m.State == "failed" || m.State == "launch_failed":
		return m.State
	case down && !canWake(m):
		return m.State + ", and no request starts it (autostart is off)"
	}
	return ""
}

// wakes reports whether a request starts the Machine when it is down. Autostart
// that is not said is on.
func canWake(m fly.Machine) bool {
	services, err := m.Config.Services()
	return err == nil && slices.ContainsFunc(services, func(sv machine.Service) bool { return sv.Autostart == nil || *sv.Autostart })
}

// deaf reports whether the program of a service was seen to listen where Fly Proxy
// does not come in, on this Machine or on another of its group.
func (s Snapshot) isUnreachable(m fly.Machine, sv machine.Service) bool {
	if sv.Protocol == "udp" {
		return false
	}
	for _, other := range s.Machines {
		processes, sampled := s.Listening[other.ID]
		if sampled && other.Config.ProcessGroup() == m.Config.ProcessGroup() && listenProblem(processes, sv.InternalPort) != "" {
			return true
		}
	}
	return false
}

// flycastWays are the ways over the private network.
func (s Snapshot) flycastRoutes() []string {
	limit := ""
	switch s.flycastAnswer() {
	case No:
		return nil
	case onlyForeign:
		limit = ", only from a network other than its own"
	case Unclear:
		limit = ", if the address is for the callers' network"
	}
	name := s.Addresses.App.Name + ".flycast"
	var out []string
	for _, w := range s.routes() {
		tls := slices.Contains(w.port.Handlers, "tls") || slices.Contains(w.port.Handlers, "pg_tls")
		if w.service.Protocol == "udp" || tls || w.port.ForceHTTPS {
			continue
		}
		out = append(out, location(name, "http", w)+limit)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// publicWays are the ways over the internet, with the IP version where it is not
// both.
func (s Snapshot) publicRoutes() []string {
	name := s.Addresses.App.Name + ".fly.dev"
	families := make(map[string][]string)
	for _, family := range []string{IPv4, IPv6} {
		for _, w := range s.routes() {
			if !isCarried(family, s.Addresses.List, w.service, w.port) {
				continue
			}
			scheme := "http"
			if slices.Contains(w.port.Handlers, "tls") {
				scheme = "https"
			}
			at := location(name, scheme, w)
			if !slices.Contains(families[at], family) {
				families[at] = append(families[at], family)
			}
		}
	}
	var out []string
	for at, over := range families {
		if len(over) == 1 {
			at += " over " + over[0] + " only"
		}
		out = append(out, at)
	}
	slices.Sort(out)
	return out
}

// location is a way as a caller would write it.
func location(name, scheme string, w route) string {
	port := w.port.String()
	switch {
	case w.service.Protocol == "udp":
		return fmt.Sprintf("udp %s:%s", name, port)
	case !slices.Contains(w.port.Handlers, "http"):
		return fmt.Sprintf("tcp %s:%s", name, port)
	case scheme == "http" && port == "80", scheme == "https" && port == "443":
		return scheme + "://" + name
	}
	return fmt.Sprintf("%s://%s:%s", scheme, name, port)
}

// Silent says why no request gets to the app although a Machine of it is there
// with a service: none of its Machines may answer. Empty if one may.
func (s Snapshot) Silent() []string {
	if !s.MachinesKnown || !s.hasPort() {
		return nil
	}
	var order []string
	ids := make(map[string][]string)
	for _, m := range s.Machines {
		why := s.silentReason(m)
		if why == "" {
			if services, err := m.Config.Services(); err != nil || len(services) > 0 {
				return nil
			}
			continue
		}
		if ids[why] == nil {
			order = append(order, why)
		}
		ids[why] = append(ids[why], m.ID)
	}
	var out []string
	for _, why := range order {
		out = append(out, "Machine "+enumerate(ids[why])+": "+why)
	}
	return out
}

// notAnswering is the blocker of an app none of whose Machines may answer.
func (s Snapshot) noMachineAnswers() []plan.Blocker {
	silent := s.Silent()
	if len(silent) == 0 {
		return nil
	}
	app := s.Addresses.App.Name
	fix := fmt.Sprintf("fly machine status %s -a %s shows what happened to it; start or replace it", s.Machines[0].ID, app)
	for _, m := range s.Machines {
		switch {
		case m.Cordoned:
			fix = fmt.Sprintf("fly machine uncordon %s -a %s", m.ID, app)
		case strings.Contains(s.silentReason(m), "autostart"):
			fix = fmt.Sprintf("patch_services {app: %q} sets autostart, then deploy {app: %q, draft: …}", app, app)
		default:
			continue
		}
		break
	}
	return []plan.Blocker{{ID: plan.NoMachineAnswers, What: "no Machine answers: " + strings.Join(silent, "; "), Fix: fix}}
}

// Unreached says why nothing reaches the app, as part of a sentence; empty if
// something may.
func (s Snapshot) Unreached() string {
	if !slices.Equal(s.Reach(), []string{Nothing}) {
		return ""
	}
	var why []string
	switch blockers := s.Blockers(); {
	case len(s.Machines) == 0:
		return "it has no Machine"
	case Judge(s.Addresses.List) == Unreachable:
		why = append(why, "it has no address")
	default:
		for _, b := range blockers {
			why = append(why, b.What)
		}
	}
	if len(why) == 0 {
		return "none of its addresses has a port that leads to a program"
	}
	const most = 3
	if len(why) > most {
		why = append(why[:most:most], fmt.Sprintf("%d more reasons", len(why)-most))
	}
	return strings.Join(why, "; ")
}

package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Nothing is the only entry of [Snapshot.Reach] for an app that nobody can reach.
const Nothing = "nothing"

// Reach returns how callers reach the app's programs, judged from its addresses and
// Machines: http://app.flycast, tcp app.flycast:5432, https://app.fly.dev over IPv6
// only. It is [Nothing] if nobody can, and nil if that is unknown because Machines
// could not be read completely. It does not prove that a program answers.
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

// AcceptsHostnames reports whether the app has a port for requests with a hostname (HTTP or TLS)
// on these addresses, over an IP version. The state of the Machines does not matter.
func (s Snapshot) AcceptsHostnames(family string, list []fly.Address) bool {
	for _, services := range s.services() {
		for _, sv := range services {
			matches := func(p machine.Port) bool { return routesByName(p) && isCarried(family, list, sv, p) }
			if slices.ContainsFunc(sv.Ports, matches) {
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

// isCarried reports whether an address carries a port over an IP version.
func isCarried(family string, list []fly.Address, sv machine.Service, p machine.Port) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool {
		return a.IP.Is4() == (family == IPv4) && carries(a.Kind, sv, p)
	})
}

// routesByName reports whether Fly Proxy routes by hostname on a port.
func routesByName(p machine.Port) bool {
	return p.IsHTTP() || slices.Contains(p.Handlers, "tls")
}

// route is a port that leads to a program that may answer.
type route struct {
	service machine.Service
	port    machine.Port
}

// routes returns the ports of the Machines to which Fly Proxy would send a request.
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

// silentReason returns why Fly Proxy sends no request to a Machine, whatever its
// services; empty if it may.
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

// canWake reports whether a request starts the Machine when it is stopped. Autostart is
// on by default.
func canWake(m fly.Machine) bool {
	services, err := m.Config.Services()
	starts := func(sv machine.Service) bool { return sv.Autostart == nil || *sv.Autostart }
	return err == nil && slices.ContainsFunc(services, starts)
}

// isUnreachable reports whether the program of a service was found to listen where Fly
// Proxy cannot reach it, on this Machine or another one of its group.
func (s Snapshot) isUnreachable(m fly.Machine, sv machine.Service) bool {
	if sv.Protocol == "udp" {
		return false
	}
	for _, other := range s.Machines {
		processes, sampled := s.Listening[other.ID]
		if sampled && other.Config.ProcessGroup() == m.Config.ProcessGroup() &&
			listenProblem(processes, sv.InternalPort) != "" {
			return true
		}
	}
	return false
}

// flycastRoutes returns the routes over the private network.
func (s Snapshot) flycastRoutes() []string {
	limit := ""
	switch s.flycastAnswer() {
	case No:
		return nil
	case onlyForeign:
		limit = ", only from a network other than its own"
	case Unclear:
		limit = ", if the address serves the callers' network"
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

// publicRoutes returns the routes over the internet, with the IP version if only one
// works.
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

// location returns a route as a caller writes it.
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

// SilentReasons returns why no Machine answers although there are Machines with a service;
// empty if one may answer.
func (s Snapshot) SilentReasons() []string {
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
		out = append(out, "Machine "+plan.Few(ids[why])+": "+why)
	}
	return out
}

// noMachineAnswers returns the blocker of an app whose Machines cannot answer.
func (s Snapshot) noMachineAnswers() []plan.Blocker {
	silent := s.SilentReasons()
	if len(silent) == 0 {
		return nil
	}
	app := s.Addresses.App.Name
	fix := fmt.Sprintf("fly machine status %s -a %s shows what happened; start or replace the Machine",
		s.Machines[0].ID, app)
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
	what := "no Machine answers: " + strings.Join(silent, "; ")
	return []plan.Blocker{{ID: plan.NoMachineAnswers, What: what, Fix: fix}}
}

// UnreachedReason returns why nobody can reach the app, as part of a sentence; empty if
// somebody may.
func (s Snapshot) UnreachedReason() string {
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
	return strings.Join(outside.First(why, 3), "; ")
}

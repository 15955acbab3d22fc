package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// fix says in words to edit the deployed configuration with patch_services, and
// to deploy the draft.
func (s Snapshot) fix(arguments plan.Arguments) string {
	return fmt.Sprintf("%s, then deploy {app: %q, draft: …}", patchCall(arguments), arguments.App)
}

// patchCall is a call of patch_services in words.
func patchCall(arguments plan.Arguments) string {
	text := strings.TrimSuffix(arguments.String(), "}")
	if arguments.Create != "" && arguments.InternalPort == 0 {
		text += ", internal_port: …" // the user says which
	}
	return "patch_services " + text + "}"
}

// NewService is the call of patch_services that gives the app a service that
// Fly Proxy can reach. InternalPort is 0 if nothing tells it: the user has to.
func (s Snapshot) NewService() plan.Arguments {
	out := plan.Arguments{App: s.Addresses.App.Name, Create: plan.CreateHTTP, InternalPort: s.InternalPort()}
	serving := make(map[string]bool)
	for _, m := range s.Machines {
		if services, err := m.Config.Services(); err == nil && len(services) > 0 {
			serving[m.Config.ProcessGroup()] = true
		}
		if e := machine.EngineOfImage(m.Config.Image()); e != nil && !e.SpeaksHTTP(out.InternalPort) {
			out.Create = plan.CreateTCP
		}
	}
	if machine.EngineOfPort(out.InternalPort) != nil {
		out.Create = plan.CreateTCP
	}
	if groups := slices.Sorted(maps.Keys(serving)); len(groups) == 1 && len(s.groups()) > 1 {
		out.ProcessGroups = groups
	}
	return out
}

// groups are the process groups of the Machines, sorted.
func (s Snapshot) groups() []string {
	seen := make(map[string]bool)
	for _, m := range s.Machines {
		seen[m.Config.ProcessGroup()] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// offer is what stands behind an internal port of a Machine and is offered
// with TLS alone.
type offer struct {
	internalPort int
	http         bool     // Fly Proxy reads HTTP on one of the ports
	ports        []string // external ones, as a person writes them
}

// tlsPrograms are the programs of a Machine that are offered with TLS alone, in
// the order of its services. It is enough that another service of the Machine
// has a plain port for the same program.
func tlsPrograms(services []machine.Service) []offer {
	var out []offer
	plain := make(map[int]bool) // internal ports
	for _, sv := range services {
		if !sv.IsRouted() {
			continue
		}
		for _, p := range sv.Ports {
			if _, _, ok := p.Range(); !ok {
				continue
			}
			if !p.IsEncrypted() {
				plain[sv.InternalPort] = true
			}
			i := slices.IndexFunc(out, func(x offer) bool { return x.internalPort == sv.InternalPort })
			if i < 0 {
				i, out = len(out), append(out, offer{internalPort: sv.InternalPort})
			}
			out[i].http = out[i].http || p.IsHTTP()
			out[i].ports = append(out[i].ports, p.String())
		}
	}
	return slices.DeleteFunc(out, func(x offer) bool { return plain[x.internalPort] })
}

// tlsOnly names the ports through which a program is offered with TLS alone.
func (s Snapshot) tlsOnly() []string {
	var out []string
	for _, services := range s.services() {
		for _, p := range tlsPrograms(services) {
			out = append(out, p.ports...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// PlainPorts is the call of patch_services that gives the first process group
// with TLS alone a plain port for each of its programs: HTTP on port 80, other
// TCP where the program itself listens, or the next port that is free. Another
// group is the turn after the deploy.
func (s Snapshot) PlainPorts() plan.Arguments {
	out := plan.Arguments{App: s.Addresses.App.Name}
	var programs []offer
	group := ""
	var taken spans
	for _, m := range slices.SortedStableFunc(slices.Values(s.Machines), byGroup) {
		services, err := m.Config.Services()
		if err != nil {
			continue
		}
		taken.add(services)
		if found := tlsPrograms(services); programs == nil && len(found) > 0 {
			programs, group = found, m.Config.ProcessGroup()
		}
	}
	for _, p := range programs {
		port := p.internalPort
		if p.http {
			port = 80
		}
		if port = taken.free(port); port > 0 {
			taken = append(taken, span{port, port})
			out.PlainPorts = append(out.PlainPorts, port)
		}
	}
	if len(s.groups()) > 1 {
		out.ProcessGroups = []string{group}
	}
	return out
}

func byGroup(a, b fly.Machine) int {
	return cmp.Compare(a.Config.ProcessGroup(), b.Config.ProcessGroup())
}

// span is the ports from low to high.
type span struct{ low, high int }

// spans are the TCP ports of an app, each entry of ports once.
type spans []span

func (s *spans) add(services []machine.Service) {
	for _, sv := range services {
		for _, p := range sv.Ports {
			low, high, ok := p.Range()
			if ok && sv.IsRouted() && !slices.Contains(*s, span{low, high}) {
				*s = append(*s, span{low, high})
			}
		}
	}
}

// free is the first free port from the given one upwards, 8080 after 80; 0 if
// there is none.
func (s spans) free(port int) int {
	for port > 0 && port < 1<<16 {
		i := slices.IndexFunc(s, func(x span) bool { return x.low <= port && port <= x.high })
		switch {
		case i < 0:
			return port
		case port == 80 && s[i].high < 8080:
			port = 8080
		default:
			port = s[i].high + 1
		}
	}
	return 0
}

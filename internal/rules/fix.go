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

// fix returns how to edit the deployed configuration with patch_services, and deploy
// the draft.
func (s Snapshot) fix(arguments plan.Arguments) string {
	return fmt.Sprintf("%s, then deploy {app: %q, draft: …}", patchCall(arguments), arguments.App)
}

// patchCall returns a call of patch_services as text.
func patchCall(arguments plan.Arguments) string {
	text := strings.TrimSuffix(arguments.String(), "}")
	if arguments.Create != "" && arguments.InternalPort == 0 {
		text += ", internal_port: …" // only the user knows it
	}
	return "patch_services " + text + "}"
}

// NewService returns the patch_services call that adds a service which Fly Proxy can
// reach. InternalPort is 0 if it is unknown: ask the user.
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

// groups returns the process groups of the Machines, sorted.
func (s Snapshot) groups() []string {
	seen := make(map[string]bool)
	for _, m := range s.Machines {
		seen[m.Config.ProcessGroup()] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// tlsProgram is a program that only ports with TLS lead to.
type tlsProgram struct {
	internalPort int
	http         bool     // Fly Proxy reads HTTP on one of the ports
	ports        []string // external ports, as a person writes them
}

// tlsPrograms returns the programs of a Machine that only ports with TLS lead to, in
// the order of its services. A port without TLS of any service of the Machine counts.
func tlsPrograms(services []machine.Service) []tlsProgram {
	var out []tlsProgram
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
			i := slices.IndexFunc(out, func(x tlsProgram) bool { return x.internalPort == sv.InternalPort })
			if i < 0 {
				i, out = len(out), append(out, tlsProgram{internalPort: sv.InternalPort})
			}
			out[i].http = out[i].http || p.IsHTTP()
			out[i].ports = append(out[i].ports, p.String())
		}
	}
	return slices.DeleteFunc(out, func(x tlsProgram) bool { return plain[x.internalPort] })
}

// tlsOnly returns the ports of programs that only ports with TLS lead to.
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

// PlainPorts returns the patch_services call that adds a port without TLS for each
// program of the first process group that needs one: port 80 for HTTP, otherwise the
// program's own port, or the next free one. Other groups follow after the deploy.
func (s Snapshot) PlainPorts() plan.Arguments {
	out := plan.Arguments{App: s.Addresses.App.Name}
	var programs []tlsProgram
	group := ""
	var used spans
	for _, m := range slices.SortedStableFunc(slices.Values(s.Machines), byGroup) {
		services, err := m.Config.Services()
		if err != nil {
			continue
		}
		used.add(services)
		if found := tlsPrograms(services); programs == nil && len(found) > 0 {
			programs, group = found, m.Config.ProcessGroup()
		}
	}
	for _, p := range programs {
		port := p.internalPort
		if p.http {
			port = 80
		}
		if port = used.firstFree(port); port > 0 {
			used = append(used, span{port, port})
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

// span is a range of ports, from low to high.
type span struct{ low, high int }

// spans are the TCP ports of an app, each range once.
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

// firstFree returns the first free port from the given one upwards, 8080 after 80; 0
// if there is none.
func (s spans) firstFree(port int) int {
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

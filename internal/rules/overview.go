package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// States counts the Machines by their state.
func (s Snapshot) States() map[string]int {
	out := make(map[string]int)
	for _, m := range s.Machines {
		out[plan.Clean(m.State)]++
	}
	return out
}

// ServiceLines returns a line for each distinct service of each process group, such as
// "app: 80 443 to port 8080, autostop stop, minimum 0".
func (s Snapshot) ServiceLines() []string {
	lines := make(map[string]bool)
	for _, m := range s.Machines {
		services, err := m.Config.Services()
		if err != nil {
			continue
		}
		for _, sv := range services {
			lines[plan.Clean(m.Config.ProcessGroup())+": "+serviceLine(sv)] = true
		}
	}
	return slices.Sorted(maps.Keys(lines))
}

func serviceLine(sv machine.Service) string {
	var ports []string
	for _, p := range sv.Ports {
		name := p.String()
		if p.ForceHTTPS {
			name += " (force_https)"
		}
		ports = append(ports, name)
	}
	if len(ports) == 0 {
		ports = []string{"no port"}
	}
	protocol := ""
	if sv.IsUDP() {
		protocol = "udp "
	}
	autostop := machine.AutostopOff
	if sv.Autostop != nil {
		autostop = *sv.Autostop
	}
	line := fmt.Sprintf("%s%s to port %d, autostop %s", protocol, strings.Join(ports, " "), sv.InternalPort, autostop)
	if sv.Autostart != nil && !*sv.Autostart {
		line += ", autostart off"
	}
	if sv.MinMachinesRunning != nil && *sv.MinMachinesRunning > 0 {
		line += fmt.Sprintf(", minimum %d", *sv.MinMachinesRunning)
	}
	return line
}

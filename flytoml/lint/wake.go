package lint

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// reportNeverWoken reports groups whose idle Machines are stopped although no
// request can reach any of their services: none has a port, or all are UDP.
// checkService reports services with autostart off.
func (l *linter) reportNeverWoken(all []serviceAt) {
	byGroup := map[string][]machine.Service{}
	first := map[string]serviceAt{} // that stops them
	var groups []string
	for _, s := range all {
		for _, group := range s.groups {
			if _, seen := byGroup[group]; !seen {
				groups = append(groups, group)
			}
			byGroup[group] = append(byGroup[group], s.ToMachine())
			if _, seen := first[group]; !seen {
				first[group] = s
			}
		}
	}
	reported := map[string]bool{} // services
	for _, group := range groups {
		services, s := byGroup[group], first[group]
		if !machine.AllStop(services) || machine.AnyRouted(services) || reported[s.path] {
			continue
		}
		reported[s.path] = true
		why := "Fly Proxy starts a Machine for a connection to a port of its services, but none of them has a port"
		if slices.ContainsFunc(services, func(s machine.Service) bool { return s.IsUDP() && s.HasPort() }) {
			why = "Fly Proxy starts a Machine for a TCP connection, but not for a datagram"
		}
		l.warn(FindingNoAutostart, l.under(s.spot, "auto_stop_machines"), message{
			fmt.Sprintf("idle Machines of the group %s are stopped, and no request can start them again",
				excerpt.Quote(group)), why,
			`set auto_stop_machines = "off", or give a service of the group a TCP port`})
	}
}

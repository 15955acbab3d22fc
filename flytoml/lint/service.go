package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// serviceAt is a service with its place in the file.
type serviceAt struct {
	flytoml.Service
	spot
	http   bool // it is [http_service]
	groups []string
}

// title names the service in a sentence.
func (s serviceAt) title() string {
	if s.http {
		return "[http_service]"
	}
	return fmt.Sprintf("the service on internal port %d", s.InternalPort)
}

// answersHTTP reports whether Fly Proxy speaks HTTP on one of the ports.
func (s serviceAt) answersHTTP() bool {
	return slices.ContainsFunc(s.Ports, func(p machine.Port) bool { return hasHTTP(p.Handlers) })
}

func (l *linter) placedServices(root spot) []serviceAt {
	var all []serviceAt
	if s := l.def.HTTPService; s != nil {
		all = append(all, serviceAt{s.Service(), l.under(root, "http_service"), true, l.members(s.Processes)})
	}
	spots := l.list(root, "services")
	for i, s := range l.def.Services {
		all = append(all, serviceAt{s, nth(spots, i), false, l.members(s.Processes)})
	}
	return all
}

// checkServices checks each service, those of each group together, and all together.
func (l *linter) checkServices(root spot) {
	l.reportDropped(root)
	all := l.placedServices(root)
	all = slices.DeleteFunc(all, func(s serviceAt) bool {
		if !l.isStrayService(s) {
			return false
		}
		l.reportStray(s)
		return true
	})
	if len(all) == 0 {
		if l.def.App != "" || len(l.file.Document()) > 0 {
			l.info(FindingNoService, spot{}, message{
				"the file has no service",
				"Fly Proxy does not route to the app: requests do not start its Machines, and Flycast cannot reach it",
				"add [http_service] with the internal_port the app listens on, unless the app only runs in the background"})
		}
		return
	}
	stops := map[string]bool{} // groups of which a service stops Machines
	plain := &plainPorts{all: all}
	for _, s := range all {
		l.checkService(s)
		l.checkMinimum(s)
		l.checkConcurrency(s)
		l.checkPorts(s, plain)
		l.checkServiceChecks(s)
		if stopsIdle(s.AutoStopMachines) {
			for _, group := range s.groups {
				stops[group] = true
			}
		}
	}
	for _, s := range all {
		if stopsIdle(s.AutoStopMachines) {
			continue
		}
		for _, group := range s.groups {
			if stops[group] {
				l.warn(FindingMixedAutostop, s.spot, message{
					fmt.Sprintf("the service keeps the Machines of the group %s awake, although another service stops them when idle",
						excerpt.Quote(group)),
					"a Machine stops only if all of its services allow it; without auto_stop_machines, a service does not",
					"set auto_stop_machines on every service of the group"})
			}
		}
	}
	l.reportNeverWoken(all)
	l.reportLastAlone(root)
	l.checkSamePorts(all)
	l.reportDedicatedIPv4(all)
	l.checkSuspend(all)
	l.checkRestartAlways(root, stops)
}

// reportDropped reports services without keys.
func (l *linter) reportDropped(root spot) {
	s := l.under(root, "services")
	items, ok := s.value.([]any)
	if !ok {
		items = []any{s.value}
	}
	for i, item := range items {
		if table, ok := item.(map[string]any); ok && len(table) == 0 && s.path == "services" {
			l.warn(FindingServiceDropped, l.item(s, i), message{
				"the service has no keys, and flyctl drops it",
				"flyctl ignores an empty [[services]], even if others follow",
				"fill it in, or remove it",
			})
		}
	}
}

// reportLastAlone looks for a [services.concurrency] after several [[services]]:
// TOML gives it to the last of them.
func (l *linter) reportLastAlone(root spot) {
	spots := l.list(root, "services")
	last := len(l.def.Services) - 1
	if last < 1 || last >= len(spots) || l.def.Services[last].Concurrency == nil ||
		*l.def.Services[last].Concurrency == (machine.Concurrency{}) {
		return
	}
	for _, s := range l.def.Services[:last] {
		if s.Concurrency != nil {
			return
		}
	}
	at := l.under(spots[last], "concurrency")
	if at.found && at.at.Value == (layout.Span{}) {
		l.info(FindingLastService, at, message{
			"only the last service has concurrency limits",
			"in TOML, [services.concurrency] belongs only to the [[services]] above it",
			"if the limits are for all services, write them below each one",
		})
	}
}

func stopsIdle(a *flytoml.Autostop) bool {
	return a != nil && machine.Autostop(*a) != machine.AutostopOff
}

func (l *linter) checkService(s serviceAt) {
	switch protocol := l.under(s.spot, "protocol"); {
	case s.Protocol == "tcp":
	case s.Protocol == "udp":
		l.flycast(FindingUDP, protocol, message{
			"Flycast does not serve UDP: without a public dedicated IPv4 address, Fly Proxy does not route to the service",
			"Fly Proxy accepts UDP only on dedicated IPv4 addresses, and a datagram does not wake a stopped Machine",
			"use TCP, or connect to the Machines' own addresses and leave autostop off"})
	case s.Protocol == "":
		l.warn(FindingNoProtocol, protocol, message{
			"the service has no protocol",
			"flyctl sends the service without one, does not check that the app listens, and ignores the service " +
				"when it chooses an address",
			`set protocol = "tcp"`})
	default:
		finding := l.warn(FindingProtocol, protocol, message{
			fmt.Sprintf("there is no protocol %s", excerpt.Quote(s.Protocol)),
			"Fly Proxy supports tcp and udp; flyctl does not check the word", protocolFor(s.Protocol)})
		finding.Edit = l.spelling(protocol, "tcp", "udp")
	}
	port := l.under(s.spot, "internal_port")
	switch {
	case s.InternalPort == 0:
		l.warn(FindingNoPort, port, message{
			"the service has no internal_port",
			"Fly Proxy does not know where the app listens; flyctl sends the service without a port, also for 0",
			"set internal_port to the port the app listens on",
		})
	case !machine.IsPort(s.InternalPort):
		l.reportPortRange(port, s.InternalPort)
	}
	l.checkFraction(port)
	if !stopsIdle(s.AutoStopMachines) {
		return
	}
	start := l.under(s.spot, "auto_start_machines")
	switch {
	case s.AutoStartMachines == nil:
		l.info(FindingImplicitAutostart, start, message{
			"auto_start_machines is not set, but idle Machines are stopped",
			"Fly documents two defaults: true for fly.toml, and false for the Machines API",
			"set auto_start_machines = true",
		})
	case !*s.AutoStartMachines:
		l.warn(FindingNoAutostart, start, message{
			"idle Machines are stopped, and no request starts them again",
			"Fly Proxy starts a Machine for a request only if auto_start_machines is true",
			"set auto_start_machines = true, unless something else starts them",
		})
	}
}

// protocolFor says which protocol to use instead of an unknown one.
func protocolFor(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "http", "https", "http2", "h2", "grpc", "ws", "wss", "tls", "ssl", "websocket":
		return `write "tcp": the handlers of the ports add HTTP and TLS`
	case "tcp/udp", "tcp+udp", "both", "any", "all":
		return `write a [[services]] with "tcp" and another with "udp"`
	case "quic", "http3", "h3":
		return `write "udp" if the app speaks QUIC itself`
	}
	return `write "tcp" or "udp"`
}

func (l *linter) checkMinimum(s serviceAt) {
	if s.MinMachinesRunning == nil {
		return
	}
	// Far above what an organization may have; more than there are is all.
	const huge = 1000
	n, at := *s.MinMachinesRunning, l.under(s.spot, "min_machines_running")
	switch {
	case n < 0:
		l.warn(FindingMinimum, at, message{
			fmt.Sprintf("min_machines_running is %d", n),
			"a minimum below zero has no meaning; flyctl does not check it",
			"use 0 or more",
		})
	case n > huge:
		l.warn(FindingMinimumHuge, at, message{
			fmt.Sprintf("min_machines_running is %d", n),
			"Fly Proxy never creates Machines: a minimum above their number keeps all of them awake",
			"use the number of Machines that must stay awake in the primary region",
		})
	case n > 0 && !stopsIdle(s.AutoStopMachines):
		l.info(FindingMinimumUnused, at, message{
			"min_machines_running has no effect here",
			"the minimum keeps Fly Proxy from stopping Machines, and without auto_stop_machines it stops none",
			"remove it, or turn auto_stop_machines on",
		})
	case n > 0 && l.def.PrimaryRegion == "":
		l.warn(FindingMinimumRegion, at, message{
			"min_machines_running is set, but the file has no primary_region",
			"the minimum counts only Machines in the primary region: without Machines there, it has no effect",
			"set primary_region",
		})
	}
}

func (l *linter) checkConcurrency(s serviceAt) {
	at := l.under(s.spot, "concurrency")
	if raw, ok := at.value.(string); ok {
		l.info(FindingLegacyConcurrency, at, message{
			fmt.Sprintf("concurrency = %s is the old form of soft limit and hard limit, counted in requests",
				excerpt.Quote(raw)), "flyctl still translates the old form, but only under [[services]] in lower case",
			"write a table with type, soft_limit and hard_limit"})
	}
	c := s.Concurrency
	if c == nil {
		return
	}
	kind := l.under(at, "type")
	switch {
	case c.Type == "" || c.Type == machine.CountRequests:
	case c.Type != machine.CountConnections:
		finding := l.warn(FindingConcurrencyType, kind, message{
			fmt.Sprintf("concurrency cannot count %s", excerpt.Quote(c.Type)),
			"Fly Proxy counts requests or connections; flyctl does not check the word",
			`write "requests" or "connections"`,
		})
		known := []string{machine.CountRequests, machine.CountConnections}
		if word := (spelling.Vocabulary{machine.CountRequests: true, machine.CountConnections: true}).OnlyName(
			c.Type, known); word != "" {
			finding.Edit = replaceValue(kind, l.quoted(kind, word))
		}
	case s.answersHTTP() && stopsIdle(s.AutoStopMachines):
		l.info(FindingConnections, kind, message{
			"the load of the HTTP service is counted in connections",
			"clients keep idle connections open, and these keep the last Machine awake",
			`use "requests"`,
		})
	}
	soft, hard := l.under(at, "soft_limit"), l.under(at, "hard_limit")
	for _, field := range []struct {
		spot
		n int
	}{{soft, c.SoftLimit}, {hard, c.HardLimit}} {
		if field.n < 0 || field.n == 0 && field.read && field.value != nil {
			l.warn(FindingLimit, field.spot, message{
				fmt.Sprintf("a limit of %d is no limit", field.n),
				"flyctl leaves out 0 and does not check numbers below it; Fly's default for the soft limit is 20",
				"use 1 or more, or remove it",
			})
		}
	}
	if c.HardLimit > 0 && c.SoftLimit > c.HardLimit {
		l.warn(FindingSoftOverHard, soft, message{
			fmt.Sprintf("soft_limit %d is above hard_limit %d", c.SoftLimit, c.HardLimit),
			"Fly Proxy starts another Machine above the soft limit, but refuses requests at the hard limit, so the " +
				"soft limit is never reached",
			"make hard_limit the larger one, or remove it",
		})
	}
}

// checkSuspend looks for groups that Fly cannot suspend (Fly docs, "Machine Suspend
// and Resume"): more than 2 GB of memory, swap, a GPU.
func (l *linter) checkSuspend(all []serviceAt) {
	d := l.def
	vms := l.effectiveVMs()
	obstacles := map[int]string{} // by the index of the [[vm]]
	for _, i := range vms {
		if _, seen := obstacles[i]; !seen {
			obstacles[i] = suspendObstacle((&flytoml.Definition{VM: d.VM[i : i+1]}))
		}
	}
	for _, s := range all {
		if s.AutoStopMachines == nil || machine.Autostop(*s.AutoStopMachines) != machine.AutostopSuspend {
			continue
		}
		for _, group := range s.groups {
			obstacle := ""
			if i, ok := vms[group]; ok {
				obstacle = obstacles[i]
			}
			if d.SwapSizeMB != nil && *d.SwapSizeMB > 0 {
				obstacle = "with swap"
			}
			if obstacle != "" {
				l.warn(FindingSuspend, l.under(s.spot, "auto_stop_machines"), message{
					"Fly cannot suspend Machines " + obstacle + ", and stops them instead",
					"Fly suspends only Machines with at most 2 GB of memory and without swap, a GPU or a schedule; " +
						"it silently stops others",
					`use "stop"`})
				break
			}
		}
	}
}

func suspendObstacle(d *flytoml.Definition) string {
	guest, err := d.Guest()
	switch {
	case err != nil || guest == nil:
		return ""
	case guest.GPUKind != "":
		return "with a GPU"
	case guest.MemoryMB > 2048:
		return "with more than 2 GB of memory"
	}
	return ""
}

// checkRestartAlways looks for groups whose Machines are stopped when idle and
// restarted whenever they end.
func (l *linter) checkRestartAlways(root spot, stops map[string]bool) {
	last := map[string]int{} // the section that counts, by group
	for i, restart := range l.def.Restart {
		for _, group := range l.members(restart.Processes) {
			last[group] = i
		}
	}
	spots := l.list(root, "restart")
	for _, group := range slices.Sorted(maps.Keys(stops)) {
		if i, ok := last[group]; ok && l.def.Restart[i].Policy == "always" {
			l.info(FindingRestartAlways, l.under(nth(spots, i), "policy"), message{
				fmt.Sprintf("idle Machines of the group %s are stopped, but their restart policy is always", excerpt.Quote(group)),
				"people report Machines that started again after Fly Proxy had stopped them", `use "on-failure"`})
		}
	}
}

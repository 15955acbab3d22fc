package flytoml

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// placed is a service with its path in the file.
type placed struct {
	Service
	path string
	http bool // it is [http_service]
}

func (r *reviewer) placedServices() []placed {
	var all []placed
	if s := r.file.def().HTTPService; s != nil {
		all = append(all, placed{s.service(), under(r.sections("http_service"), 0), true})
	}
	paths := r.sections("services")
	for i, s := range r.file.def().Services {
		all = append(all, placed{s, under(paths, i), false})
	}
	return all
}

// services looks at each service, and at those of a group together.
func (r *reviewer) services() {
	all := r.placedServices()
	for _, s := range all {
		r.service(s)
		r.ports(s)
	}
	own := map[string][]placed{}
	for _, s := range all {
		for _, group := range r.file.def().served(s.Service) {
			own[group] = append(own[group], s)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(own)) {
		stops := slices.ContainsFunc(own[group], func(s placed) bool { return stopping(s.AutoStopMachines) })
		for _, s := range own[group] {
			if stops && !stopping(s.AutoStopMachines) {
				r.add(RemarkMixedAutostop, s.path,
					fmt.Sprintf("the service does not stop idle Machines, and so keeps those of the group %s awake although another service stops them", quote(group)),
					"set auto_stop_machines on every service of the group")
			}
		}
	}
}

// served are the groups a service belongs to.
func (d *Definition) served(s Service) []string {
	if len(s.Processes) == 0 {
		return []string{d.defaultGroup()}
	}
	return s.Processes
}

func stopping(a *Autostop) bool {
	return a != nil && machine.Autostop(*a) != machine.AutostopOff
}

func (r *reviewer) service(s placed) {
	if s.Protocol == "udp" {
		r.add(RemarkUDP, join(s.path, "protocol"), "Flycast does not serve UDP, and a datagram does not wake a stopped Machine: without a public dedicated IPv4 address, or once autostop has stopped the Machine, the service is out of reach",
			"use TCP, or reach it at the Machines' own addresses and leave autostop off")
	}
	if s.InternalPort == 0 {
		r.add(RemarkNoPort, s.path, "the service has no internal_port, so Fly Proxy does not know where the app listens", "set internal_port")
	} else if !validPort(s.InternalPort) {
		r.add(RemarkPortRange, join(s.path, "internal_port"), fmt.Sprintf("there is no port %d", s.InternalPort), "use a port from 1 to 65535")
	}
	if stopping(s.AutoStopMachines) && s.AutoStartMachines != nil && !*s.AutoStartMachines {
		r.add(RemarkNoAutostart, join(s.path, "auto_start_machines"), "idle Machines are stopped and no request starts them again", "set auto_start_machines = true")
	}
	if s.MinMachinesRunning != nil && *s.MinMachinesRunning < 0 {
		r.add(RemarkMinimum, join(s.path, "min_machines_running"), fmt.Sprintf("min_machines_running is %d", *s.MinMachinesRunning), "use 0 or more")
	}
	if !s.http {
		return
	}
	for i, check := range s.HTTPChecks {
		if check == nil {
			continue
		}
		for _, field := range []struct {
			key string
			d   *Duration
		}{{"interval", check.Interval}, {"timeout", check.Timeout}, {"grace_period", check.GracePeriod}} {
			if field.d != nil && *field.d > 0 && *field.d < Duration(time.Millisecond) {
				r.add(RemarkNanoseconds, fmt.Sprintf("%s.checks[%d].%s", s.path, i, field.key),
					fmt.Sprintf("%s is %s: a bare number is nanoseconds here, unlike under [[services]]", field.key, field.d), `write it with a unit, as in "15s"`)
			}
		}
	}
}

func (r *reviewer) ports(s placed) {
	if len(s.Ports) == 0 {
		r.add(RemarkNoPorts, s.path, "the service has no ports: Fly Proxy does not listen for it", "add a [[services.ports]] section, or remove the service")
		return
	}
	tls := 0
	for i, port := range s.Ports {
		if slices.Contains(port.Handlers, "tls") || slices.Contains(port.Handlers, "pg_tls") {
			tls++
		}
		for _, field := range []struct {
			key string
			n   *int
		}{{"port", port.Port}, {"start_port", port.StartPort}, {"end_port", port.EndPort}} {
			if field.n != nil && !validPort(*field.n) {
				r.add(RemarkPortRange, fmt.Sprintf("%s.ports[%d].%s", s.path, i, field.key), fmt.Sprintf("there is no port %d", *field.n), "use a port from 1 to 65535")
			}
		}
		if port.StartPort != nil && port.EndPort != nil && *port.EndPort < *port.StartPort {
			r.add(RemarkPortRange, fmt.Sprintf("%s.ports[%d].end_port", s.path, i), fmt.Sprintf("the range %s is empty", port), "swap start_port and end_port")
		}
	}
	if tls == len(s.Ports) {
		r.add(RemarkTLSOnly, s.path, "every port of the service wants TLS, and there is no certificate for .flycast names: private callers cannot reach it",
			`add a port without the "tls" handler, for example port 80 with handlers = ["http"]`)
	}
}

func validPort(n int) bool { return n > 0 && n < 1<<16 }

// suspend looks for groups that Fly cannot suspend (Fly docs, "Machine Suspend
// and Resume"): more than 2 GB of memory, swap, a GPU.
func (r *reviewer) suspend() {
	d := r.file.def()
	obstacles := map[string]string{} // by group
	for _, s := range r.placedServices() {
		if s.AutoStopMachines == nil || machine.Autostop(*s.AutoStopMachines) != machine.AutostopSuspend {
			continue
		}
		for _, group := range d.served(s.Service) {
			obstacle, seen := obstacles[group]
			if !seen {
				obstacle = d.flatten(group).suspendObstacle()
				obstacles[group] = obstacle
			}
			if obstacle != "" {
				r.add(RemarkSuspend, join(s.path, "auto_stop_machines"), "Fly does not suspend Machines "+obstacle+" and stops them instead", `use "stop"`)
				break
			}
		}
	}
}

func (d *Definition) suspendObstacle() string {
	guest, err := d.guest()
	switch {
	case d.SwapSizeMB != nil && *d.SwapSizeMB > 0:
		return "with swap"
	case err != nil || guest == nil:
		return ""
	case guest.GPUKind != "":
		return "with a GPU"
	case guest.MemoryMB > 2048:
		return "with more than 2 GB of memory"
	}
	return ""
}

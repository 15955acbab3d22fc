package render

import (
	"reflect"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// services fills the services. A service is written once for all groups that have
// it, and the order is correct for each group. A file has at most one
// [http_service], and conversion puts it first.
func (b *rebuild) services() {
	known := map[string]int{} // number of a service, by its JSON form
	var all []flytoml.Service
	lists := make(map[string][]int, len(b.groups)) // numbers of the services of each group
	for _, group := range b.groups {
		for _, live := range b.live[group].Services {
			form := formOf(live)
			number, seen := known[form]
			if !seen {
				number = len(all)
				known[form] = number
				all = append(all, fromService(live))
			}
			if !reflect.DeepEqual(all[number], flytoml.Service{}) { // flyctl drops a [[services]] without keys
				lists[group] = append(lists[group], number)
			}
		}
	}

	if first := b.mostFirst(all, lists); first >= 0 {
		var groups []string
		for _, group := range b.groups {
			if list := lists[group]; len(list) > 0 && list[0] == first {
				lists[group] = list[1:]
				groups = append(groups, group)
			}
		}
		b.def.HTTPService = httpService(all[first])
		b.def.HTTPService.Processes = b.of(groups)
	}

	for _, section := range interleave(b.groups, lists) {
		service := all[section.number]
		service.Processes = b.of(section.groups)
		b.def.Services = append(b.def.Services, service)
	}
}

// mostFirst returns the number of the service to write as [http_service]: of
// those that can be expressed so, the one that is first in most groups, and of
// several the default group's; -1 if there is none.
func (b *rebuild) mostFirst(all []flytoml.Service, lists map[string][]int) int {
	best, counts := -1, map[int]int{}
	for _, group := range b.inOrder() {
		if list := lists[group]; len(list) > 0 && httpService(all[list[0]]) != nil {
			counts[list[0]]++
		}
	}
	for _, group := range b.inOrder() {
		if list := lists[group]; len(list) > 0 && counts[list[0]] > counts[best] {
			best = list[0]
		}
	}
	return best
}

// httpService returns the [http_service] that means the same as a service, nil if there is
// none.
func httpService(s flytoml.Service) *flytoml.HTTPService {
	if len(s.Ports) != 2 {
		return nil
	}
	short := &flytoml.HTTPService{
		InternalPort:       s.InternalPort,
		ForceHTTPS:         s.Ports[0].ForceHTTPS,
		AutoStopMachines:   s.AutoStopMachines,
		AutoStartMachines:  s.AutoStartMachines,
		MinMachinesRunning: s.MinMachinesRunning,
		Concurrency:        s.Concurrency,
		TLSOptions:         s.Ports[1].TLSOptions,
		HTTPOptions:        s.Ports[0].HTTPOptions,
		HTTPChecks:         s.HTTPChecks,
	}
	if !reflect.DeepEqual(short.Service(), s) {
		return nil
	}
	return short
}

// servicesSection is one [[services]] section with its groups.
type servicesSection struct {
	number int
	groups []string
}

// interleave merges lists of numbers into one that has the numbers of each list
// in its order, and shared numbers only once where the order allows it.
func interleave(groups []string, lists map[string][]int) []servicesSection {
	var out []servicesSection
	present := map[int]bool{}
	for _, group := range groups {
		at := 0 // the group's next service goes at or after this index
		for _, number := range lists[group] {
			found := -1
			if present[number] {
				found = slices.IndexFunc(out[at:], func(s servicesSection) bool { return s.number == number })
			}
			if found < 0 {
				out = slices.Insert(out, at, servicesSection{number: number})
				present[number] = true
			} else {
				at += found
			}
			out[at].groups = append(out[at].groups, group)
			at++
		}
	}
	return out
}

func fromService(live machine.Service) flytoml.Service {
	service := flytoml.Service{
		Protocol:           live.Protocol,
		InternalPort:       live.InternalPort,
		AutoStopMachines:   (*flytoml.Autostop)(live.Autostop),
		AutoStartMachines:  live.Autostart,
		MinMachinesRunning: live.MinMachinesRunning,
		Ports:              live.Ports,
		Concurrency:        live.Concurrency,
	}
	for _, check := range live.Checks {
		addCheck(&service, check)
	}
	return service
}

// addCheck adds a live check as one of the two kinds that a service can have.
func addCheck(s *flytoml.Service, live machine.Check) {
	check, err := fromCheck(live)
	if err != nil || live.Type == nil {
		return
	}
	switch *live.Type {
	case "tcp":
		s.TCPChecks = append(s.TCPChecks, &flytoml.ServiceTCPCheck{
			Interval: check.Interval, Timeout: check.Timeout, GracePeriod: check.GracePeriod,
		})
	case "http":
		s.HTTPChecks = append(s.HTTPChecks, &flytoml.ServiceHTTPCheck{
			Interval:          check.Interval,
			Timeout:           check.Timeout,
			GracePeriod:       check.GracePeriod,
			HTTPMethod:        check.HTTPMethod,
			HTTPPath:          check.HTTPPath,
			HTTPProtocol:      check.HTTPProtocol,
			HTTPTLSSkipVerify: check.HTTPTLSSkipVerify,
			HTTPTLSServerName: check.HTTPTLSServerName,
			HTTPHeaders:       check.HTTPHeaders,
		})
	}
}

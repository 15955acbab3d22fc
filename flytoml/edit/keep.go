package edit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Remark is something that the edit did not do, or a consequence of the edit,
// that the person who requested it should know. Names from the file are quoted in
// What and Fix.
type Remark struct {
	Code   string   // one of the Remark… constants
	Groups []string // the process groups it is about
	What   string   // the fact
	Fix    string   // what to do, empty if nothing
}

// Codes of remarks.
const (
	RemarkNoPorts         = "no_ports"                  // nothing can wake the group: none of its services has a port
	RemarkUDP             = "udp_service"               // nothing can wake the group: it only serves UDP
	RemarkNoAutostart     = "autostop_no_start"         // nothing can wake the group: autostart is off
	RemarkDatabase        = "database"                  // the group runs a database or queue
	RemarkLogShipper      = "log_shipper"               // the group ships logs
	RemarkAlsoUDP         = "also_udp"                  // the group also serves UDP, which does not wake it
	RemarkUDPBeside       = "udp_does_not_wake"         // the group stops when idle, and UDP does not wake it
	RemarkInternalCallers = "internal_callers_unserved" // the group stops when idle, and .internal does not wake it
	RemarkPlainPort       = "plain_port_unused"         // no service needed the plain port
	RemarkCreate          = "create_unused"             // the file already has a service
	RemarkAutostopKept    = "autostop_kept"             // the file sets autostop on purpose
	RemarkMinimumKept     = "minimum_kept"              // the file sets the minimum on purpose
)

// exemption is the reason why a group keeps its autostop and its minimum.
type exemption struct {
	code  string
	why   string
	hard  bool // nothing could wake the group, so no argument overrides it
	stops bool // autostop is on anyway
}

// wire returns the service with the fields that Fly Proxy uses.
func (s service) wire() machine.Service {
	out := machine.Service{Protocol: "tcp", InternalPort: portNumber(s.table, "internal_port")}
	if start, _ := s.table.Get("auto_start_machines"); start != nil && start.Kind == layout.KindBool {
		out.Autostart = &start.On
	}
	if stop, _ := s.table.Get("auto_stop_machines"); stop != nil && (stop.Kind == layout.KindBool && stop.On ||
		stop.Kind == layout.KindString && (stop.Text == "stop" || stop.Text == "suspend")) {
		out.Autostop = new(machine.AutostopStop)
	}
	if minimum, _ := s.table.Get("min_machines_running"); !minimum.Absent() {
		out.MinMachinesRunning = new(portNumber(s.table, "min_machines_running"))
	}
	if s.single {
		http, https := 80, 443
		out.Ports = []machine.Port{{Port: &http, Handlers: []string{"http"}},
			{Port: &https, Handlers: []string{"http", "tls"}}}
		return out
	}
	protocol, _ := s.table.Get("protocol")
	if protocol != nil {
		out.Protocol = protocol.Text
	}
	ports, _ := s.ports()
	for _, p := range ports {
		out.Ports = append(out.Ports, wirePort(p))
	}
	return out
}

// wirePort returns one entry of ports.
func wirePort(p *layout.Node) machine.Port {
	number := func(key string) *int {
		if n, _ := p.Get(key); n.Absent() {
			return nil
		}
		return new(portNumber(p, key))
	}
	out := machine.Port{Port: number("port"), StartPort: number("start_port"), EndPort: number("end_port")}
	if handlers, _ := p.Get("handlers"); handlers != nil {
		for _, item := range handlers.Items {
			out.Handlers = append(out.Handlers, item.Text)
		}
	}
	return out
}

// exemptions returns the groups that keep their autostop and minimum, with the
// reason: nothing can wake them, or they run a program that must not stop just
// because no caller is connected.
func (ed *editor) exemptions(f *flytoml.File, e Request, added *service) map[string]exemption {
	if e.Autostop == nil && e.MinMachines == nil {
		return nil
	}
	byGroup := make(map[string][]machine.Service)
	for _, s := range ed.services {
		wire := s.wire()
		if e.Autostart != nil && s.belongsTo(e.Groups) {
			wire.Autostart = e.Autostart
		}
		for _, group := range s.groups {
			byGroup[group] = append(byGroup[group], wire)
		}
	}
	if added != nil {
		for _, group := range added.groups {
			byGroup[group] = append(byGroup[group], e.Create.wire(e))
		}
	}
	known := machine.KnownEngines()
	out := make(map[string]exemption)
	for group, services := range byGroup {
		if why := whyNeverWoken(services); why.code != "" {
			why.stops = machine.AllStop(services)
			out[group] = why
			continue
		}
		if engine, how := engineOf(f, known, group, services, e.Images); engine != nil {
			why := exemption{code: RemarkDatabase, why: "it runs " + engine.Name + ", recognized by " + how}
			if engine.Ships {
				why.code = RemarkLogShipper
			}
			out[group] = why
			continue
		}
		if slices.ContainsFunc(services, func(s machine.Service) bool { return s.IsUDP() && s.HasPort() }) {
			out[group] = exemption{code: RemarkAlsoUDP,
				why:   "it also serves UDP, which neither counts as load nor starts a Machine",
				stops: machine.AllStop(services)}
		}
	}
	return out
}

// whyNeverWoken returns the reason why nothing could wake a Machine with these services.
func whyNeverWoken(services []machine.Service) exemption {
	switch {
	case machine.AnyWoken(services):
		return exemption{}
	case machine.AnyRouted(services):
		return exemption{code: RemarkNoAutostart,
			why: "auto_start_machines is off, so no request would start it again", hard: true}
	case slices.ContainsFunc(services, func(s machine.Service) bool { return s.HasPort() && s.IsUDP() }):
		return exemption{code: RemarkUDP, why: "it serves only UDP, and a datagram does not start a Machine", hard: true}
	case slices.ContainsFunc(services, machine.Service.HasPort):
		return exemption{code: RemarkNoPorts,
			why: "Fly Proxy routes to none of its services, so no request would start it again", hard: true}
	}
	return exemption{code: RemarkNoPorts,
		why:  "none of its services has a port, so Fly Proxy does not listen for it and no request would start it again",
		hard: true}
}

// engineOf returns the database, queue or log shipper that a group runs, as far
// as the file shows it, and how it was recognized.
func engineOf(f *flytoml.File, known machine.Engines, group string, services []machine.Service,
	images []string) (engine *machine.Engine, how string) {
	if engine, how := engineOfImage(f, known, images); engine != nil {
		return engine, how
	}
	def, _ := f.SharedDefinition() // on an error the definition is nearly empty, and that is fine here
	for _, s := range services {
		http := slices.ContainsFunc(s.Ports, machine.Port.IsHTTP)
		ports := []int{s.InternalPort}
		for _, p := range s.Ports {
			if low, high, ok := p.Range(); ok && low == high {
				ports = append(ports, low)
			}
		}
		for _, port := range ports {
			if engine := known.OfPort(port); engine != nil && (!http || engine.SpeaksHTTP(port)) {
				return engine, "its port " + strconv.Itoa(port)
			}
		}
	}
	for _, m := range def.Mounts {
		ofDefault := len(m.Processes) == 0 || slices.Contains(m.Processes, "")
		of := slices.Contains(m.Processes, group) || ofDefault && group == def.DefaultGroup()
		if engine := known.OfMount(m.Source, m.Destination); of && engine != nil {
			return engine, "its volume " + excerpt.Quote(cmp.Or(m.Source, m.Destination))
		}
	}
	return nil, ""
}

// engineOfImage returns the engine of the file's image, or of the images that Machines run.
func engineOfImage(f *flytoml.File, known machine.Engines, images []string) (engine *machine.Engine, how string) {
	if def, _ := f.SharedDefinition(); def.Build != nil && def.Build.Image != "" {
		images = append([]string{def.Build.Image}, images...)
	}
	for _, image := range images {
		if engine := known.OfImage(image); engine != nil {
			return engine, "its image " + excerpt.Quote(image)
		}
	}
	return nil, ""
}

// exemptionOf returns the reason why an edit does not change the autostop and the
// minimum of a service: one of its groups keeps them. ok is false if there is
// none.
func (ed *editor) exemptionOf(s service, e Request) (why exemption, ok bool) {
	for _, group := range s.groups {
		if why, ok := ed.keep[group]; ok && (why.hard || !e.Engines) {
			return why, true
		}
	}
	return exemption{}, false
}

// withoutExempt returns the edit without the values that a service keeps. Turning
// autostop off always stays, because it stops nothing.
func (ed *editor) withoutExempt(s service, e Request) Request {
	e = e.withoutIntended(s)
	why, ok := ed.exemptionOf(s, e)
	if !ok {
		return e
	}
	if e.Autostop != nil && *e.Autostop != machine.AutostopOff {
		e.Autostop = nil
	}
	if why.hard || e.MinMachines != nil && *e.MinMachines == 0 {
		e.MinMachines = nil
	}
	// A database whose Machines nothing starts may still start on request.
	if start := s.wire().Autostart; why.code != RemarkNoAutostart && (why.hard || start == nil || *start) {
		e.Autostart = nil
	}
	return e
}

// exemptRemarks returns remarks on the groups that keep their autostop and minimum, with the
// reason.
func (ed *editor) exemptRemarks(e Request) []Remark {
	if e.Autostop == nil || *e.Autostop == machine.AutostopOff {
		return nil
	}
	groups := make(map[exemption][]string)
	for _, group := range slices.Sorted(maps.Keys(ed.keep)) {
		why := ed.keep[group]
		named := len(e.Groups) == 0 || slices.Contains(e.Groups, group)
		if named && (why.hard || !e.Engines) {
			groups[why] = append(groups[why], group)
		}
	}
	var out []Remark
	for why, of := range groups {
		out = append(out, Remark{Code: why.code, Groups: of, What: groupsKeep(of) + ": " + why.why, Fix: why.fix()})
	}
	slices.SortFunc(out, func(a, b Remark) int { return strings.Compare(a.Groups[0], b.Groups[0]) })
	return out
}

func groupsKeep(groups []string) string {
	quoted := make([]string, len(groups))
	for i, group := range groups {
		quoted[i] = excerpt.Quote(group)
	}
	if len(groups) == 1 {
		return "the process group " + quoted[0] + " keeps its autostop and its minimum"
	}
	return "the process groups " + strings.Join(quoted, ", ") + " keep their autostop and their minimum"
}

// fix returns what to do about a group that keeps its autostop.
func (k exemption) fix() string {
	switch {
	case k.stops && k.code == RemarkAlsoUDP:
		return "turn autostop off for the group if UDP must be answered at any time"
	case k.stops:
		return "turn autostop off for the group: nothing would start its idle Machines again"
	case k.code == RemarkNoPorts:
		return "add ports to a service of the group if it must be reachable; leave it as it is if it works in the background"
	case k.code == RemarkUDP:
		return "keep it running; Flycast does not carry UDP either"
	case k.code == RemarkNoAutostart:
		return "turn auto_start_machines on as well"
	}
	return "keep it running; to let it sleep anyway, request autostop and name the group"
}

// afterEdit returns the service after an edit, with the fields that Fly Proxy uses.
func (s service) afterEdit(e Request) machine.Service {
	out := s.wire()
	if e.Autostart != nil {
		out.Autostart = e.Autostart
	}
	if e.Autostop != nil {
		out.Autostop = e.Autostop
	}
	if e.MinMachines != nil {
		out.MinMachinesRunning = e.MinMachines
	}
	return out
}

// sleepRemarks returns remarks on groups that can sleep now and could not before:
// callers of .internal names and UDP callers do not wake them. added is the new
// service, if there is one.
func (ed *editor) sleepRemarks(f *flytoml.File, e Request, added *service) []Remark {
	was, is := make(map[string][]machine.Service), make(map[string][]machine.Service)
	for _, s := range ed.services {
		before := s.wire()
		after := before
		if s.belongsTo(e.Groups) {
			after = s.afterEdit(ed.withoutExempt(s, e))
		}
		for _, group := range s.groups {
			was[group], is[group] = append(was[group], before), append(is[group], after)
		}
	}
	for _, s := range ed.stray {
		for _, group := range s.groups {
			was[group], is[group] = append(was[group], s.wire()), append(is[group], s.wire())
		}
	}
	if added != nil {
		narrow := ed.withoutExempt(*added, e)
		for _, group := range added.groups {
			is[group] = append(is[group], e.Create.wire(narrow))
		}
	}
	groups, _ := editGroups(f)
	var asleep, udp []string
	for _, group := range slices.Sorted(slices.Values(groups)) {
		if !machine.NewlySleeps(was[group], is[group]) {
			continue
		}
		asleep = append(asleep, group)
		if slices.ContainsFunc(is[group], func(s machine.Service) bool { return s.IsUDP() && s.HasPort() }) {
			udp = append(udp, group)
		}
	}
	app := "APP"
	if flytoml.IsAppName(f.App()) {
		app = f.App()
	}
	var out []Remark
	if len(asleep) > 0 {
		out = append(out, Remark{
			Code: RemarkInternalCallers, Groups: asleep,
			What: fmt.Sprintf(
				"idle Machines of %s stop, and then callers of %s.internal get no answer: only requests through "+
					"Fly Proxy start a Machine", ofGroups(asleep), app),
			Fix: fmt.Sprintf("let those callers use %s.flycast and a port of a service, or keep a Machine running", app),
		})
	}
	if len(udp) > 0 {
		out = append(out, Remark{
			Code: RemarkUDPBeside, Groups: udp,
			What: fmt.Sprintf("idle Machines of %s stop, and UDP traffic neither counts as load nor starts a Machine",
				ofGroups(udp)),
			Fix: "turn autostop off if UDP must be answered at any time",
		})
	}
	return out
}

func ofGroups(groups []string) string {
	quoted := make([]string, len(groups))
	for i, group := range groups {
		quoted[i] = excerpt.Quote(group)
	}
	return "group " + strings.Join(quoted, ", ")
}

// affectsSleep reports whether a value affects when Machines sleep.
func affectsSleep(path keyPath) bool {
	switch strings.ToLower(path[len(path)-1].key) {
	case "auto_stop_machines", "min_machines_running":
		return true
	}
	return false
}

package edit

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// wire returns the new service with the fields that Fly Proxy uses.
func (c *Create) wire(e Request) machine.Service {
	s := machine.Service{
		Protocol: "tcp", InternalPort: c.InternalPort, Ports: []machine.Port{{Port: &c.InternalPort}},
		Autostop: e.Autostop, Autostart: e.Autostart, MinMachinesRunning: e.MinMachines,
	}
	if !c.TCP {
		http := 80
		s.Ports = []machine.Port{{Port: &http, Handlers: []string{"http"}}}
	}
	return s
}

// newService returns the service to add, with its groups. In a file with
// [processes], flyctl requires every service to name its groups. If the request
// names none, the groups whose services have no ports are used.
func (ed *editor) newService(f *flytoml.File, e Request) (*service, error) {
	groups := e.Groups
	if processes := processNames(f); len(groups) == 0 && len(processes) > 0 {
		groups = processes
		if silent := ed.groupsWithoutPorts(); len(silent) > 0 {
			groups = silent
		}
		if len(groups) > 1 {
			return nil, &UnnamedGroupsError{processes}
		}
	}
	s := &service{table: &layout.Node{Kind: layout.KindTable}, single: !e.Create.TCP, hasGroups: len(groups) > 0,
		groups: groups}
	if !s.hasGroups {
		s.groups = []string{flytoml.DefaultGroup}
	}
	if !e.Create.TCP {
		if err := checkHTTP(f, e); err != nil {
			return nil, err
		}
	} else if taken := ed.portHolder(e.Create.InternalPort); taken != "" {
		return nil, fmt.Errorf("port %d cannot be used for a new service: %s already has it", e.Create.InternalPort, taken)
	}
	return s, nil
}

// groupsWithoutPorts returns the groups whose services have no ports, sorted.
func (ed *editor) groupsWithoutPorts() []string {
	var groups []string
	for _, s := range ed.services {
		groups = append(groups, s.groups...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// checkHTTP returns an error if the program is known to speak something else than HTTP.
func checkHTTP(f *flytoml.File, e Request) error {
	port := e.Create.InternalPort
	if engine := machine.EngineOfPort(port); engine != nil && !engine.SpeaksHTTP(port) {
		return &NotHTTPError{engine.Name, fmt.Sprintf("its port %d", port), port}
	}
	engine, how := engineOfImage(f, machine.KnownEngines(), e.Images)
	if engine != nil && !engine.SpeaksHTTP(port) {
		return &NotHTTPError{engine.Name, how, port}
	}
	return nil
}

// create writes the new service at the end of the file.
func (ed *editor) create(s service, e Request) error {
	port := e.Create.InternalPort
	list := []setting{{"internal_port", integer(port)}}
	if e.Create.TCP {
		list = slices.Insert(list, 0, setting{"protocol", scalar{kind: layout.KindString, text: "tcp"}})
	} else if e.ForceHTTPS != nil {
		list = append(list, setting{"force_https", scalar{kind: layout.KindBool, on: *e.ForceHTTPS}})
	}
	if why, ok := ed.exemptionOf(s, e); ok && !why.hard {
		list = append(list,
			setting{"auto_stop_machines", scalar{kind: layout.KindString, text: machine.AutostopOff.String()}},
			setting{"auto_start_machines", scalar{kind: layout.KindBool, on: true}})
	} else {
		list = append(list, e.settings()...)
	}
	if s.hasGroups {
		list = append(list, setting{"processes", scalar{kind: layout.KindArray, list: s.groups}})
	}
	if !e.Create.TCP {
		null, name := ed.Root.Get("http_service")
		s.path = keyPath{{key: name}}
		return ed.createTable(newKey{name: name, keys: ed.newKeys(s, e, list)}, null, s.path)
	}
	null, name := ed.Root.Get("services")
	s.path = keyPath{{key: name}, {index: 0}}
	if null != nil && null.IsTable() && len(null.Members) > 0 {
		return ed.Refuse(null.At.Start, name+" is a single table: write it as a list, so that another can be added")
	}
	if null != nil && null.IsArray() {
		s.path[1].index = len(null.Items)
	}
	item := newKey{keys: ed.newKeys(s, e, list)}
	portKeys := ed.record(s, s.path.with(pathStep{key: "ports"}, pathStep{index: 0}), []setting{{"port", integer(port)}})
	item.keys = append(item.keys, newKey{name: "ports", list: []newKey{{keys: portKeys}}})
	_, toml := ed.writer.(*tomlWriter)
	if null != nil && len(null.Items) > 0 && (!toml || null.Kind == layout.KindArray) {
		if err := ed.checkUnlocked(null, s.path); err != nil {
			return err
		}
		return ed.addItem(null, item)
	}
	return ed.createTable(newKey{name: name, list: []newKey{item}}, null, s.path)
}

// newKeys returns the keys of the new service, including its limits.
func (ed *editor) newKeys(s service, e Request, list []setting) []newKey {
	keys := ed.record(s, s.path, list)
	if limits := e.newLimits(s); limits != nil {
		path := s.path.with(pathStep{key: "concurrency"})
		keys = append(keys, newKey{name: "concurrency", keys: ed.record(s, path, limits)})
	}
	return keys
}

// createTable writes a table at the top level. It replaces null, if there is one in its place.
func (ed *editor) createTable(k newKey, null *layout.Node, path keyPath) error {
	if null != nil {
		if err := ed.checkUnlocked(null, path); err != nil {
			return err
		}
	}
	return ed.writer.create(k, null)
}

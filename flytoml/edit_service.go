package flytoml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// What a concurrency limit counts.
const (
	requests    = "requests"
	connections = "connections"
)

// service is a table of the file that makes a service.
type service struct {
	table  *node
	path   keyPath
	single bool // [http_service]
	named  bool // it names its groups; of a new one
	groups []string
}

// services lists the file's services: http_service first, as flyctl does. An
// empty [[services]] is none: flyctl drops it, and a key would bring it to life.
// stray are those beside [http_service] that only the name of a table made
// services: there is nothing in them to edit.
func (l *layout) services(standard string) (list, stray []service, err error) {
	if err := l.whole(l.root, "the file"); err != nil {
		return nil, nil, err
	}
	add := func(table *node, path keyPath, single bool) error {
		if err := l.whole(table, path.String()); err != nil {
			return err
		}
		if !table.isTable() {
			return l.refuse(table.at.start, path.String()+" is not a table, so no service can be edited")
		}
		if len(table.members) > 0 || single {
			list = append(list, service{table: table, path: path, single: single, groups: groupsOf(table, standard)})
		}
		return nil
	}
	if table, name := l.root.get("http_service"); !table.absent() {
		if err := add(table, keyPath{{key: name}}, true); err != nil {
			return nil, nil, err
		}
	}
	all, name := l.root.get("services")
	switch {
	case all.absent():
	case all.isArray():
		for i, table := range all.items {
			if err := add(table, keyPath{{key: name}, {index: i}}, false); err != nil {
				return nil, nil, err
			}
		}
	default:
		if err := add(all, keyPath{{key: name}}, false); err != nil {
			return nil, nil, err
		}
	}
	if len(list) == 0 || !list[0].single {
		return list, nil, nil
	}
	list = slices.DeleteFunc(list, func(s service) bool {
		keys := make([]string, len(s.table.members))
		for i, member := range s.table.members {
			keys[i] = member.name
		}
		is := !s.single && isStray(keys)
		if is {
			stray = append(stray, s)
		}
		return is
	})
	return list, stray, nil
}

// whole refuses a table that takes keys from elsewhere: what it says cannot be
// seen in its place.
func (l *layout) whole(table *node, what string) error {
	if table.merged > 0 {
		return l.refuse(table.merged-1, what+" takes keys from elsewhere (<<): write them out, so that it can be edited")
	}
	return nil
}

// groupsOf are the process groups that a service names; flyctl takes none, and
// an empty name, for the default group.
func groupsOf(table *node, standard string) []string {
	var groups []string
	if processes, _ := table.get("processes"); processes != nil {
		for _, item := range processes.items {
			if item.kind == kindString && item.text != "" {
				groups = append(groups, item.text)
			} else {
				groups = append(groups, standard)
			}
		}
	}
	if len(groups) == 0 {
		groups = []string{standard}
	}
	return groups
}

// of tells whether the service belongs to one of the groups; no groups mean all.
func (s service) of(groups []string) bool {
	return len(groups) == 0 || slices.ContainsFunc(s.groups, func(group string) bool {
		return slices.Contains(groups, group)
	})
}

// ports are the tables of a service's ports, with their paths: an array of
// tables or, in old files, a single one. What else flyctl would not take has
// no key to edit.
func (s service) ports() ([]*node, []keyPath) {
	ports, name := s.table.get("ports")
	switch {
	case ports == nil:
		return nil, nil
	case ports.isTable():
		return []*node{ports}, []keyPath{s.path.with(pathStep{key: name})}
	}
	var tables []*node
	var paths []keyPath
	for i, item := range ports.items {
		if item.isTable() {
			tables = append(tables, item)
			paths = append(paths, s.path.with(pathStep{key: name}, pathStep{index: i}))
		}
	}
	return tables, paths
}

// handles tells whether a port has a handler.
func handles(port *node, handler string) bool {
	handlers, _ := port.get("handlers")
	return handlers != nil && slices.ContainsFunc(handlers.items, func(item *node) bool {
		return item.kind == kindString && item.text == handler
	})
}

// http tells whether the service speaks HTTP to Fly Proxy.
func (s service) http() bool {
	if s.single {
		return true
	}
	ports, _ := s.ports()
	return slices.ContainsFunc(ports, func(port *node) bool { return handles(port, "http") })
}

// editor applies an edit to the services of a file and keeps account of it.
type editor struct {
	*splices
	writer
	services []service // of the file
	stray    []service // of the file too, with nothing to edit
	changes  []EditChange
	paths    []keyPath       // of changes
	values   []scalar        // of changes
	keep     map[string]keep // groups that keep their autostop and minimum
}

// edit brings one of the services to what the edit says.
func (ed *editor) edit(s service, e Edit) error {
	ports, paths := s.ports()
	for i, port := range ports {
		if err := ed.whole(port, paths[i].String()); err != nil {
			return err
		}
	}
	if e.ForceHTTPS != nil {
		if err := ed.forceHTTPS(s, *e.ForceHTTPS); err != nil {
			return err
		}
	}
	for _, setting := range e.settings() {
		if setting.key == autostopKey && e.keepsSuspend(s) {
			continue
		}
		if err := ed.set(s, s.table, s.path, setting.key, setting.value); err != nil {
			return err
		}
	}
	return ed.concurrency(s, e)
}

const autostopKey = "auto_stop_machines"

// keepsSuspend reports whether the edit leaves the service's autostop as it is:
// suspended Machines stop too.
func (e Edit) keepsSuspend(s service) bool {
	return e.KeepSuspend && e.Autostop != nil && *e.Autostop == machine.AutostopStop && s.suspends()
}

// suspends reports whether the service's idle Machines are suspended.
func (s service) suspends() bool {
	value, _ := s.table.get(autostopKey)
	return value != nil && value.kind == kindString && value.text == machine.AutostopSuspend.String()
}

// setting is a key of a service with the value it is to have.
type setting struct {
	key   string
	value scalar
}

// settings are the edit's plain keys, in flyctl's order.
func (e Edit) settings() []setting {
	var list []setting
	if e.Autostop != nil {
		list = append(list, setting{autostopKey, scalar{kind: kindString, text: e.Autostop.String()}})
	}
	if e.Autostart != nil {
		list = append(list, setting{"auto_start_machines", scalar{kind: kindBool, on: *e.Autostart}})
	}
	if e.MinMachines != nil {
		list = append(list, setting{"min_machines_running", number(*e.MinMachines)})
	}
	return list
}

// forceHTTPS turns the redirect to HTTPS on or off, on the service or on its
// ports. Off, it is not written where it is absent.
func (ed *editor) forceHTTPS(s service, on bool) error {
	const key = "force_https"
	value := scalar{kind: kindBool, on: on}
	tables, paths := []*node{s.table}, []keyPath{s.path}
	if !s.single {
		tables, paths = s.ports()
	}
	for i, table := range tables {
		present, _ := table.get(key)
		plain := s.single || handles(table, "http") && !handles(table, "tls")
		if on && !plain || !on && present.absent() {
			continue
		}
		if err := ed.set(s, table, paths[i], key, value); err != nil {
			return err
		}
	}
	return nil
}

// newLimits are the keys of a concurrency table for a service that has none.
func (e Edit) newLimits(s service) []setting {
	kind := e.ConcurrencyType
	switch {
	case !s.http() && e.SoftLimit == nil || kind == "" && e.SoftLimit == nil:
		return nil
	case !s.http():
		kind = connections
	case kind == "":
		kind = requests
	}
	list := []setting{{"type", scalar{kind: kindString, text: kind}}}
	if e.SoftLimit != nil {
		list = append(list, setting{"soft_limit", number(*e.SoftLimit)})
	}
	return list
}

// concurrency sets the limits of a service, in a table, or in the old string
// "soft,hard".
func (ed *editor) concurrency(s service, e Edit) error {
	limits := e.newLimits(s)
	if limits == nil {
		return nil
	}
	table, name := s.table.get("concurrency")
	path := s.path.with(pathStep{key: name})
	switch {
	case table.absent():
		for _, n := range []*node{s.table, table} {
			if n == nil {
				continue
			}
			if err := ed.unlocked(n, path); err != nil {
				return err
			}
		}
		return ed.addTable(s.table, newKey{name: name, keys: ed.record(s, path, limits)}, table)
	case table.kind == kindString && !s.single:
		return ed.legacyLimits(s, table, path, e)
	case !table.isTable():
		return ed.refuse(table.at.start, path.String()+" is not a table, so no limit can be set in it")
	}
	if err := ed.whole(table, path.String()); err != nil {
		return err
	}
	if hard, _ := table.get("hard_limit"); hard != nil && e.SoftLimit != nil {
		if hard.whole && hard.number < int64(*e.SoftLimit) {
			return ed.tooSoft(hard.at.start, hard.number, *e.SoftLimit)
		}
	}
	if len(table.members) > 0 && (e.ConcurrencyType == "" || !s.http()) {
		limits = limits[1:] // the table's own type, or flyctl's default, stays
	}
	for _, limit := range limits {
		if err := ed.set(s, table, path, limit.key, limit.value); err != nil {
			return err
		}
	}
	return nil
}

func (ed *editor) tooSoft(offset int, hard int64, soft int) error {
	return ed.refuse(offset, fmt.Sprintf("the hard limit %d is below the soft limit %d: raise it first", hard, soft))
}

// legacyLimits sets the first number of a "soft,hard" string. flyctl reads it
// so in services only, and takes it to count requests.
func (ed *editor) legacyLimits(s service, n *node, path keyPath, e Edit) error {
	if e.ConcurrencyType == connections && s.http() {
		return ed.refuse(n.at.start, fmt.Sprintf("%s = %q always counts requests: write it as a table to count connections", path, n.text))
	}
	soft := e.SoftLimit
	if soft == nil {
		return nil
	}
	was, rest, ok := strings.Cut(n.text, ",")
	hard, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	if !ok || err != nil {
		return ed.refuse(n.at.start, path.String()+` is neither a table nor "soft,hard"`)
	}
	if hard < int64(*soft) {
		return ed.tooSoft(n.at.start, hard, *soft)
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(was)); err == nil && limit == *soft {
		return nil
	}
	return ed.put(s, n, path, scalar{kind: kindString, text: strconv.Itoa(*soft) + "," + rest})
}

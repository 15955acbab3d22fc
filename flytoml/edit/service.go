package edit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// service is a table in the file that defines a service.
type service struct {
	table     *layout.Node
	path      keyPath
	single    bool // [http_service]
	hasGroups bool // for a new service: it names its groups
	groups    []string
}

// services returns the file's services, http_service first, as in flyctl. An
// empty [[services]] is left out: flyctl drops it, and adding a key would create
// a service. stray are tables next to [http_service] that are services only by
// their name: there is nothing in them to edit.
func (l *splices) services(standard string) (list, stray []service, err error) {
	if err := l.checkNotMerged(l.Root, "the file"); err != nil {
		return nil, nil, err
	}
	add := func(table *layout.Node, path keyPath, single bool) error {
		if err := l.checkNotMerged(table, path.String()); err != nil {
			return err
		}
		if !table.IsTable() {
			return l.Refuse(table.At.Start, path.String()+" is not a table, so no service can be edited")
		}
		if len(table.Members) > 0 || single {
			list = append(list, service{table: table, path: path, single: single, groups: groupsOf(table, standard)})
		}
		return nil
	}
	if table, name := l.Root.Get("http_service"); !table.Absent() {
		if err := add(table, keyPath{{key: name}}, true); err != nil {
			return nil, nil, err
		}
	}
	all, name := l.Root.Get("services")
	switch {
	case all.Absent():
	case all.IsArray():
		for i, table := range all.Items {
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
		keys := make([]string, len(s.table.Members))
		for i, member := range s.table.Members {
			keys[i] = member.Name
		}
		is := !s.single && IsStray(keys)
		if is {
			stray = append(stray, s)
		}
		return is
	})
	return list, stray, nil
}

// checkNotMerged refuses a table that takes keys from another place, because its content
// is not visible in the table itself.
func (l *splices) checkNotMerged(table *layout.Node, what string) error {
	if table.Merged > 0 {
		return l.Refuse(table.Merged-1,
			what+" takes keys from another place (<<): write the keys out, so that it can be edited")
	}
	return nil
}

// groupsOf returns the process groups that a service names. No groups, and an
// empty name, mean the default group, as in flyctl.
func groupsOf(table *layout.Node, standard string) []string {
	var groups []string
	if processes, _ := table.Get("processes"); processes != nil {
		for _, item := range processes.Items {
			if item.Kind == layout.KindString && item.Text != "" {
				groups = append(groups, item.Text)
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

// belongsTo reports whether the service belongs to one of the groups. No groups mean all.
func (s service) belongsTo(groups []string) bool {
	return len(groups) == 0 || slices.ContainsFunc(s.groups, func(group string) bool {
		return slices.Contains(groups, group)
	})
}

// ports returns the tables of a service's ports, with their paths: an array of
// tables or, in old files, a single table. Anything else, which flyctl would not
// accept, has no key to edit.
func (s service) ports() ([]*layout.Node, []keyPath) {
	ports, name := s.table.Get("ports")
	switch {
	case ports == nil:
		return nil, nil
	case ports.IsTable():
		return []*layout.Node{ports}, []keyPath{s.path.with(pathStep{key: name})}
	}
	var tables []*layout.Node
	var paths []keyPath
	for i, item := range ports.Items {
		if item.IsTable() {
			tables = append(tables, item)
			paths = append(paths, s.path.with(pathStep{key: name}, pathStep{index: i}))
		}
	}
	return tables, paths
}

// hasHandler reports whether a port has a handler.
func hasHandler(port *layout.Node, handler string) bool {
	handlers, _ := port.Get("handlers")
	return handlers != nil && slices.ContainsFunc(handlers.Items, func(item *layout.Node) bool {
		return item.Kind == layout.KindString && item.Text == handler
	})
}

// isHTTP reports whether the service speaks HTTP to Fly Proxy.
func (s service) isHTTP() bool {
	if s.single {
		return true
	}
	ports, _ := s.ports()
	return slices.ContainsFunc(ports, func(port *layout.Node) bool { return hasHandler(port, "http") })
}

// editor applies an edit to the services of a file and records the changes.
type editor struct {
	*splices
	writer
	services []service // all that can be edited
	stray    []service // the others, with nothing to edit
	changes  []Change
	paths    []keyPath            // of changes
	values   []scalar             // of changes
	keep     map[string]exemption // groups that keep their autostop and minimum
}

// edit applies the edit to one of the services.
func (ed *editor) edit(s service, e Request) error {
	ports, paths := s.ports()
	for i, port := range ports {
		if err := ed.checkNotMerged(port, paths[i].String()); err != nil {
			return err
		}
	}
	if e.ForceHTTPS != nil {
		if err := ed.forceHTTPS(s, *e.ForceHTTPS); err != nil {
			return err
		}
	}
	for _, wanted := range e.settings() {
		if err := ed.set(s, s.table, s.path, wanted.key, wanted.value); err != nil {
			return err
		}
	}
	return ed.concurrency(s, e)
}

const autostopKey = "auto_stop_machines"

// setting is a key of a service with its wanted value.
type setting struct {
	key   string
	value scalar
}

// settings returns the edit's plain keys, in flyctl's order.
func (e Request) settings() []setting {
	var list []setting
	if e.Autostop != nil {
		list = append(list, setting{autostopKey, scalar{kind: layout.KindString, text: e.Autostop.String()}})
	}
	if e.Autostart != nil {
		list = append(list, setting{"auto_start_machines", scalar{kind: layout.KindBool, on: *e.Autostart}})
	}
	if e.MinMachines != nil {
		list = append(list, setting{"min_machines_running", integer(*e.MinMachines)})
	}
	return list
}

// forceHTTPS turns the redirect to HTTPS on or off, in the service or in its
// ports. Off is not written where the key is absent.
func (ed *editor) forceHTTPS(s service, on bool) error {
	const key = "force_https"
	value := scalar{kind: layout.KindBool, on: on}
	tables, paths := []*layout.Node{s.table}, []keyPath{s.path}
	if !s.single {
		tables, paths = s.ports()
	}
	for i, table := range tables {
		present, _ := table.Get(key)
		plain := s.single || hasHandler(table, "http") && !hasHandler(table, "tls")
		if on && !plain || !on && present.Absent() {
			continue
		}
		if err := ed.set(s, table, paths[i], key, value); err != nil {
			return err
		}
	}
	return nil
}

// newLimits returns the keys of a concurrency table for a service that has none.
func (e Request) newLimits(s service) []setting {
	kind := e.ConcurrencyType
	switch {
	case !s.isHTTP() && e.SoftLimit == nil || kind == "" && e.SoftLimit == nil:
		return nil
	case !s.isHTTP():
		kind = machine.CountConnections
	case kind == "":
		kind = machine.CountRequests
	}
	list := []setting{{"type", scalar{kind: layout.KindString, text: kind}}}
	if e.SoftLimit != nil {
		list = append(list, setting{"soft_limit", integer(*e.SoftLimit)})
	}
	return list
}

// concurrency sets the limits of a service, in a table or in the old string "soft,hard".
func (ed *editor) concurrency(s service, e Request) error {
	limits := e.newLimits(s)
	if limits == nil {
		return nil
	}
	table, name := s.table.Get("concurrency")
	path := s.path.with(pathStep{key: name})
	switch {
	case table.Absent():
		for _, n := range []*layout.Node{s.table, table} {
			if n == nil {
				continue
			}
			if err := ed.checkUnlocked(n, path); err != nil {
				return err
			}
		}
		return ed.addTable(s.table, newKey{name: name, keys: ed.record(s, path, limits)}, table)
	case table.Kind == layout.KindString && !s.single:
		return ed.legacyLimits(s, table, path, e)
	case !table.IsTable():
		return ed.Refuse(table.At.Start, path.String()+" is not a table, so no limit can be set in it")
	}
	if err := ed.checkNotMerged(table, path.String()); err != nil {
		return err
	}
	if hard, _ := table.Get("hard_limit"); hard != nil && e.SoftLimit != nil {
		if hard.Whole && hard.Number < int64(*e.SoftLimit) {
			return ed.tooSoft(hard.At.Start, hard.Number, *e.SoftLimit)
		}
	}
	if len(table.Members) > 0 && (e.ConcurrencyType == "" || !s.isHTTP()) {
		limits = limits[1:] // keep the table's type, or flyctl's default
	}
	for _, limit := range limits {
		if err := ed.set(s, table, path, limit.key, limit.value); err != nil {
			return err
		}
	}
	return nil
}

func (ed *editor) tooSoft(offset int, hard int64, soft int) error {
	return ed.Refuse(offset, fmt.Sprintf("the hard limit %d is below the soft limit %d: raise it first", hard, soft))
}

// legacyLimits sets the first number of a "soft,hard" string. flyctl accepts such
// a string only in services, and always counts requests.
func (ed *editor) legacyLimits(s service, n *layout.Node, path keyPath, e Request) error {
	if e.ConcurrencyType == machine.CountConnections && s.isHTTP() {
		return ed.Refuse(n.At.Start,
			fmt.Sprintf("%s = %q always counts requests: write it as a table to count connections", path, n.Text))
	}
	soft := e.SoftLimit
	if soft == nil {
		return nil
	}
	was, rest, ok := strings.Cut(n.Text, ",")
	hard, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	if !ok || err != nil {
		return ed.Refuse(n.At.Start, path.String()+` is neither a table nor "soft,hard"`)
	}
	if hard < int64(*soft) {
		return ed.tooSoft(n.At.Start, hard, *soft)
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(was)); err == nil && limit == *soft {
		return nil
	}
	return ed.put(s, n, path, scalar{kind: layout.KindString, text: strconv.Itoa(*soft) + "," + rest})
}

// IsStray reports whether a table has only the keys of a service for checks and
// load, or the given other keys. Such a table does not say where the app listens,
// nor with which protocol.
func IsStray(keys []string, others ...string) bool {
	return len(keys) > 0 && !slices.ContainsFunc(keys, func(key string) bool {
		switch key {
		case "http_checks", "tcp_checks", "checks", "machine_checks", "script_checks", "concurrency":
			return false
		}
		return !slices.Contains(others, key)
	})
}

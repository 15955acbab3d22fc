package edit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// plainPorts adds the edit's plain ports to the services that need one. It
// returns a remark on ports that no service needed.
func (ed *editor) plainPorts(e Request) (*Remark, error) {
	if len(e.PlainPorts) == 0 {
		return nil, nil
	}
	needy := ed.needPlainPort(e)
	if len(e.PlainPorts) < len(needy) {
		names := make([]string, len(needy))
		for i, s := range needy {
			names[i] = fmt.Sprintf("%s (internal port %d)", s.path, s.wire().InternalPort)
		}
		return nil, ed.Refuse(needy[0].table.At.Start,
			fmt.Sprintf("%d services use only TLS and need a plain port each: %s; give that many ports, or name a "+
				"process group", len(needy), strings.Join(names, ", ")))
	}
	used := map[int]string{}
	for i, s := range needy {
		port := e.PlainPorts[i]
		taken := cmp.Or(ed.portHolder(port), used[port])
		if taken != "" {
			return nil, ed.Refuse(s.table.At.Start,
				fmt.Sprintf("the plain port %d cannot be added to %s.ports: %s already has it", port, s.path, taken))
		}
		used[port] = s.path.String()
		if err := ed.plainPort(s, e, port); err != nil {
			return nil, err
		}
	}
	if len(needy) == len(e.PlainPorts) {
		return nil, nil
	}
	rest := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(e.PlainPorts[len(needy):])), ", "), "[]")
	return &Remark{Code: RemarkPlainPort, What: "no service needs the plain port " + rest +
		": each service has a port without TLS, has no ports, or serves UDP"}, nil
}

// needPlainPort returns the services whose ports all use TLS, one for each
// program of a group. A plain port of another service with the same internal port
// is enough for a program.
func (ed *editor) needPlainPort(e Request) []service {
	type program struct {
		group string
		port  int
	}
	served := make(map[program]bool) // programs that have a plain port, or get one
	var routed []service
	var ports []int
	for i, s := range ed.services {
		wire := s.wire()
		if !wire.IsRouted() {
			continue
		}
		if wire.InternalPort == 0 {
			wire.InternalPort = -i - 1 // the program is unknown
		}
		routed, ports = append(routed, s), append(ports, wire.InternalPort)
		plain := slices.ContainsFunc(wire.Ports, func(p machine.Port) bool {
			_, _, ok := p.Range()
			return ok && !p.IsEncrypted()
		})
		for _, group := range s.groups {
			key := program{group, wire.InternalPort}
			served[key] = served[key] || plain
		}
	}
	var needy []service
	for i, s := range routed {
		port := ports[i]
		lacks := slices.ContainsFunc(s.groups, func(group string) bool { return !served[program{group, port}] })
		if !lacks || !s.belongsTo(e.Groups) {
			continue
		}
		needy = append(needy, s)
		for _, group := range s.groups {
			served[program{group, port}] = true
		}
	}
	return needy
}

// plainPort adds a port without TLS to a service. The new port has the other
// handlers of the first port, so that Fly Proxy passes the program what it
// expects.
func (ed *editor) plainPort(s service, e Request, port int) error {
	ports, paths := s.ports()
	list, name := s.table.Get("ports")
	path := s.path.with(pathStep{key: name})
	switch {
	case !list.IsArray():
		return ed.Refuse(list.At.Start, path.String()+" is a single port: write it as a list, so that another can be added")
	case len(list.Items) != len(ports):
		return ed.Refuse(list.At.Start, path.String()+" contains an item that is not a port")
	}
	if err := ed.checkUnlocked(list, path); err != nil {
		return err
	}
	model := ports[0]
	if err := ed.checkNotMerged(model, paths[0].String()); err != nil {
		return err
	}
	wire := wirePort(model)
	handlers := slices.DeleteFunc(slices.Clone(wire.Handlers),
		func(handler string) bool { return handler == "tls" || handler == "pg_tls" })
	settings := []setting{{"port", integer(port)}}
	if len(handlers) > 0 {
		settings = append(settings, setting{"handlers", scalar{kind: layout.KindArray, list: handlers}})
	}
	if e.ForceHTTPS != nil && *e.ForceHTTPS && wire.IsHTTP() {
		settings = append(settings, setting{"force_https", scalar{kind: layout.KindBool, on: true}})
	}
	at := path.with(pathStep{index: len(list.Items)})
	item := newKey{keys: ed.record(s, at, settings)}
	for _, option := range []struct{ table, key string }{
		{"http_options", "h2_backend"}, {"proxy_proto_options", "version"},
	} {
		table, _ := model.Get(option.table)
		if table == nil || !table.IsTable() {
			continue
		}
		value, _ := table.Get(option.key)
		if value == nil || value.Kind != layout.KindBool && value.Kind != layout.KindString {
			continue
		}
		v := scalar{kind: value.Kind, on: value.On, text: value.Text}
		item.keys = append(item.keys, newKey{name: option.table,
			keys: ed.record(s, at.with(pathStep{key: option.table}), []setting{{option.key, v}})})
	}
	return ed.addItem(list, item)
}

// portHolder returns the path of the service that already has a TCP port, empty if none has it.
func (ed *editor) portHolder(port int) string {
	for _, s := range ed.services {
		wire := s.wire()
		if wire.IsUDP() {
			continue
		}
		_, paths := s.ports()
		for i, p := range wire.Ports {
			low, high, ok := p.Range()
			switch {
			case !ok || port < low || port > high:
			case s.single:
				return s.path.String()
			default:
				return paths[i].String()
			}
		}
	}
	return ""
}

// portNumber reads a number, also in quotes, as in old files; 0 if there is none.
func portNumber(p *layout.Node, key string) int {
	n, _ := p.Get(key)
	switch {
	case n == nil:
		return 0
	case n.Kind == layout.KindString:
		number, _ := strconv.Atoi(n.Text)
		return number
	}
	return int(n.Number)
}

// addItem adds a table to a list in brackets, after the last one and in its style.
func (p *braces) addItem(list *layout.Node, k newKey) error {
	last := list.Items[len(list.Items)-1]
	text := p.inline(k)
	p.follow(&layout.Entry{At: last.At}, []addition{{key: k, text: text}})
	return nil
}

// addItem adds a table to a list, with a header of its own if the others have one.
func (p *tomlWriter) addItem(list *layout.Node, k newKey) error {
	if list.Kind == layout.KindArray {
		return p.braces.addItem(list, k)
	}
	last := list.Items[len(list.Items)-1]
	own := last.Own
	_, next := p.Line(lastByte(last))
	if next < len(p.Source) {
		next = p.Below(next)
	}
	offset := p.LineBreakBefore(next)
	if p.GapBefore(p.headerStart(own)) {
		p.lineAfter(offset, rankSubtable, "")
	}
	indent := p.Indent(own.At.Start)
	p.lineAfter(offset, rankSubtable, indent+string(p.Source[own.At.Start:own.At.End]))
	if len(own.Entries) > 0 {
		indent = p.Indent(own.Entries[0].At.Start)
	} else {
		indent += p.Unit
	}
	for _, key := range k.keys {
		p.lineAfter(offset, rankSubtable, indent+p.assign(key), key.changes()...)
	}
	return nil
}

// lastByte returns the end of the last key of a table and of the tables in it.
func lastByte(n *layout.Node) int {
	end := n.At.End
	if n.Own != nil {
		end = max(end, n.Own.At.End)
		if len(n.Own.Entries) > 0 {
			end = max(end, n.Own.Entries[len(n.Own.Entries)-1].At.End)
		}
	}
	for _, m := range n.Members {
		end = max(end, lastByte(m.Node))
	}
	for _, item := range n.Items {
		end = max(end, lastByte(item))
	}
	return end
}

// addItem adds an item to a list, with a dash if the others have one.
func (p *yamlWriter) addItem(list *layout.Node, k newKey) error {
	if list.Kind == layout.KindArray {
		return p.braces.addItem(list, k)
	}
	last := list.Items[len(list.Items)-1]
	dash := list.At.Start - (bytes.LastIndexByte(p.Source[:list.At.Start], '\n') + 1)
	lines := []newLine{{p.inline(k), k.changes()}}
	if !last.Own.Inline {
		lines = p.keys(k.keys, "  ")
		lines[0].text = strings.TrimPrefix(lines[0].text, "  ")
	}
	lines[0].text = "- " + lines[0].text
	for i := range lines {
		lines[i].text = column(dash) + lines[i].text
	}
	return p.linesBehind(p.below(list.At.End, dash+1), -2*dash-1, lines...)
}

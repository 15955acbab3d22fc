package flytoml

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// plainPorts adds the edit's plain ports to the services that need one. It
// remarks on ports that no service needed.
func (ed *editor) plainPorts(e Edit) (*Remark, error) {
	if len(e.PlainPorts) == 0 {
		return nil, nil
	}
	needy := ed.needPlainPort(e)
	if len(e.PlainPorts) < len(needy) {
		names := make([]string, len(needy))
		for i, s := range needy {
			names[i] = fmt.Sprintf("%s (internal port %d)", s.path, s.wire().InternalPort)
		}
		return nil, ed.refuse(needy[0].table.at.start, fmt.Sprintf("%d services have TLS only, and need a plain port each: %s; give as many ports, or name a process group", len(needy), strings.Join(names, ", ")))
	}
	used := map[int]string{}
	for i, s := range needy {
		port := e.PlainPorts[i]
		taken := cmp.Or(ed.holder(port), used[port])
		if taken != "" {
			return nil, ed.refuse(s.table.at.start, fmt.Sprintf("%s.ports cannot get the plain port %d, which %s has", s.path, port, taken))
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
	return &Remark{Code: RemarkPlainPort, What: "no service needs the plain port " + rest + ": each has a port without TLS, or no port at all, or is for UDP"}, nil
}

// needPlainPort are the services of which every port speaks TLS, one for each
// program of a group: a plain port of another service for the same internal port
// is enough.
func (ed *editor) needPlainPort(e Edit) []service {
	type program struct {
		group string
		port  int
	}
	served := make(map[program]bool) // they have a plain port, or get one
	var routed []service
	var ports []int
	for i, s := range ed.services {
		wire := s.wire()
		if !wire.IsRouted() {
			continue
		}
		if wire.InternalPort == 0 {
			wire.InternalPort = -i - 1 // its program is unknown
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
		if !lacks || !s.of(e.Groups) {
			continue
		}
		needy = append(needy, s)
		for _, group := range s.groups {
			served[program{group, port}] = true
		}
	}
	return needy
}

// plainPort adds a port without TLS to a service. What else the first port has
// of handlers stays, so that the program gets from Fly Proxy what it expects.
func (ed *editor) plainPort(s service, e Edit, port int) error {
	ports, paths := s.ports()
	list, name := s.table.get("ports")
	path := s.path.with(pathStep{key: name})
	switch {
	case !list.isArray():
		return ed.refuse(list.at.start, path.String()+" is a single port: write it as a list, so that another can be added")
	case len(list.items) != len(ports):
		return ed.refuse(list.at.start, path.String()+" holds what is no port")
	}
	if err := ed.unlocked(list, path); err != nil {
		return err
	}
	model := ports[0]
	if err := ed.whole(model, paths[0].String()); err != nil {
		return err
	}
	wire := wirePort(model)
	handlers := slices.DeleteFunc(slices.Clone(wire.Handlers), func(handler string) bool { return handler == "tls" || handler == "pg_tls" })
	settings := []setting{{"port", number(port)}}
	if len(handlers) > 0 {
		settings = append(settings, setting{"handlers", scalar{kind: kindArray, list: handlers}})
	}
	if e.ForceHTTPS != nil && *e.ForceHTTPS && wire.IsHTTP() {
		settings = append(settings, setting{"force_https", scalar{kind: kindBool, on: true}})
	}
	at := path.with(pathStep{index: len(list.items)})
	item := newKey{keys: ed.record(s, at, settings)}
	for _, option := range []struct{ table, key string }{{"http_options", "h2_backend"}, {"proxy_proto_options", "version"}} {
		table, _ := model.get(option.table)
		if table == nil || !table.isTable() {
			continue
		}
		value, _ := table.get(option.key)
		if value == nil || value.kind != kindBool && value.kind != kindString {
			continue
		}
		v := scalar{kind: value.kind, on: value.on, text: value.text}
		item.keys = append(item.keys, newKey{name: option.table, keys: ed.record(s, at.with(pathStep{key: option.table}), []setting{{option.key, v}})})
	}
	return ed.addItem(list, item)
}

// holder names the service that has a TCP port already; empty if none has.
func (ed *editor) holder(port int) string {
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

// portNumber reads a number, in quotes too as old files have it; 0 if none.
func portNumber(p *node, key string) int {
	n, _ := p.get(key)
	switch {
	case n == nil:
		return 0
	case n.kind == kindString:
		number, _ := strconv.Atoi(n.text)
		return number
	}
	return int(n.number)
}

// addItem adds a table to a list in brackets, behind the last one and in its
// manner.
func (p *braces) addItem(list *node, k newKey) error {
	last := list.items[len(list.items)-1]
	text := p.inline(k)
	p.follow(&entry{at: last.at}, []addition{{key: k, text: text}})
	return nil
}

// addItem adds a table to a list, with a header of its own if the others have
// one.
func (p *tomlWriter) addItem(list *node, k newKey) error {
	if list.kind == kindArray {
		return p.braces.addItem(list, k)
	}
	last := list.items[len(list.items)-1]
	own := last.own
	_, next := p.line(lastByte(last))
	if next < len(p.src) {
		next = p.below(next)
	}
	offset := p.lineBreakBefore(next)
	if p.gapBefore(p.headerStart(own)) {
		p.lineAfter(offset, rankSubtable, "")
	}
	indent := p.indent(own.at.start)
	p.lineAfter(offset, rankSubtable, indent+string(p.src[own.at.start:own.at.end]))
	if len(own.entries) > 0 {
		indent = p.indent(own.entries[0].at.start)
	} else {
		indent += p.unit
	}
	for _, key := range k.keys {
		p.lineAfter(offset, rankSubtable, indent+p.assign(key), key.changes()...)
	}
	return nil
}

// lastByte is where the last key of a table and of those inside it ends.
func lastByte(n *node) int {
	end := n.at.end
	if n.own != nil {
		end = max(end, n.own.at.end)
		if len(n.own.entries) > 0 {
			end = max(end, n.own.entries[len(n.own.entries)-1].at.end)
		}
	}
	for _, m := range n.members {
		end = max(end, lastByte(m.node))
	}
	for _, item := range n.items {
		end = max(end, lastByte(item))
	}
	return end
}

// addItem adds an item to a list, with a dash if the others have one.
func (p *yamlWriter) addItem(list *node, k newKey) error {
	if list.kind == kindArray {
		return p.braces.addItem(list, k)
	}
	last := list.items[len(list.items)-1]
	dash := list.at.start - (bytes.LastIndexByte(p.src[:list.at.start], '\n') + 1)
	lines := []newLine{{p.inline(k), k.changes()}}
	if !last.own.inline {
		lines = p.keys(k.keys, "  ")
		lines[0].text = strings.TrimPrefix(lines[0].text, "  ")
	}
	lines[0].text = "- " + lines[0].text
	for i := range lines {
		lines[i].text = column(dash) + lines[i].text
	}
	return p.linesBehind(p.below(list.at.end, dash+1), -2*dash-1, lines...)
}

package flytoml

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// plainPort adds a port that answers plain HTTP to a service whose ports all
// speak TLS, HTTP inside among them.
func (ed *editor) plainPort(s service, e Edit) error {
	port := *e.PlainPort
	ports, _ := s.ports()
	all := !slices.ContainsFunc(ports, func(port *node) bool { return !handles(port, "tls") })
	if s.single || len(ports) == 0 || !all || !s.http() {
		return nil
	}
	list, name := s.table.get("ports")
	path := s.path.with(pathStep{key: name})
	if list.isArray() && len(list.items) != len(ports) {
		return ed.refuse(list.at.start, path.String()+" holds what is no port")
	}
	if taken := ed.holder(port); taken != "" {
		return ed.refuse(list.at.start, fmt.Sprintf("%s cannot get the plain port %d, which %s has", path, port, taken))
	}
	if !list.isArray() {
		return ed.refuse(list.at.start, path.String()+" is a single port: write it as a list, so that another can be added")
	}
	if err := ed.unlocked(list, path); err != nil {
		return err
	}
	settings := []setting{
		{"port", number(port)},
		{"handlers", scalar{kind: kindArray, list: []string{"http"}}},
	}
	if e.ForceHTTPS != nil && *e.ForceHTTPS {
		settings = append(settings, setting{"force_https", scalar{kind: kindBool, on: true}})
	}
	item := newKey{keys: ed.record(s, path.with(pathStep{index: len(list.items)}), settings)}
	if ed.ports == nil {
		ed.ports = map[int]string{}
	}
	ed.ports[port] = path.String()
	return ed.addItem(list, item)
}

// holder names the service that has a port already; empty if none has.
func (ed *editor) holder(port int) string {
	for _, s := range ed.services {
		if s.single && (port == 80 || port == 443) {
			return s.path.String()
		}
		ports, paths := s.ports()
		for i, p := range ports {
			first, last := portNumber(p, "port"), portNumber(p, "port")
			if first == 0 {
				first, last = portNumber(p, "start_port"), portNumber(p, "end_port")
			}
			if first <= port && port <= last {
				return paths[i].String()
			}
		}
	}
	return ed.ports[port]
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

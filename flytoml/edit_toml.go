package flytoml

import "strings"

// tomlWriter writes TOML: keys under headers, dotted ones, and those of inline
// tables.
type tomlWriter struct {
	braces
	opened  map[*node]struct{} // tables that were given a header of their own
	headers []int              // where those headers were added
}

func (p *tomlWriter) set(n *node, text string, change int) {
	p.list = append(p.list, splice{at: n.at, text: text, changes: []int{change}, value: true})
}

func (p *tomlWriter) addKey(t *node, k newKey) error {
	switch {
	case t.own != nil && t.own.inline:
		p.addInline(t.own, home{block: t.own}, k)
	case t.own != nil && len(t.own.entries) == 0:
		p.lineAfter(t.own.at.end, rankKey, p.indent(t.own.at.start)+p.unit+p.assign(k), k.changes()...)
	case t.own != nil:
		e := &t.own.entries[behind(t.own, k.name)]
		p.lineAfter(e.at.end, rankKey, p.indent(e.at.start)+p.assignLike(e, k.name, k), k.changes()...)
	case t.dotted.block != nil && t.dotted.block.inline:
		p.addInline(t.dotted.block, t.dotted, k)
	case t.dotted.block != nil:
		e := p.lastOf(t.dotted)
		p.lineAfter(e.at.end, rankKey, p.indent(e.at.start)+p.assignLike(e, p.prefix(t.dotted)+k.name, k), k.changes()...)
	default:
		p.openHeader(t)
		start := p.headerStart(t.below)
		p.lineBefore(start, rankTable, p.indent(t.below.at.start)+p.unit+p.assign(k), k.changes()...)
	}
	return nil
}

// addTable has no null to replace: TOML knows none.
func (p *tomlWriter) addTable(t *node, k newKey, _ *node) error {
	switch {
	case t.own != nil && !t.own.inline:
		p.addSubtable(t, k)
		return nil
	case t.dotted.block != nil && !t.dotted.block.inline:
		for _, key := range k.keys {
			key.name = k.name + "." + key.name
			if err := p.addKey(t, key); err != nil {
				return err
			}
		}
		return nil
	}
	return p.addKey(t, k)
}

// create adds a table at the end of the file, and those in it below.
func (p *tomlWriter) create(k newKey, empty *node) error {
	if empty != nil && empty.kind == kindArray {
		p.replace(empty.at, p.inline(k), k.changes()...)
		return nil
	}
	p.addLines(p.table(k.name, k, ""), true)
	return nil
}

// table is a header with its keys, and tables inside it behind them; of a list,
// one header for each of its tables.
func (p *tomlWriter) table(name string, t newKey, indent string) []newLine {
	var lines []newLine
	for i, item := range t.list {
		if i > 0 {
			lines = append(lines, newLine{})
		}
		lines = append(lines, p.section("[["+name+"]]", name, item.keys, indent)...)
	}
	if t.list != nil {
		return lines
	}
	return p.section("["+name+"]", name, t.keys, indent)
}

// section is one header with its keys.
func (p *tomlWriter) section(header, name string, keys []newKey, indent string) []newLine {
	lines := []newLine{{text: indent + header}}
	for _, k := range keys {
		if k.plain() {
			lines = append(lines, newLine{indent + p.unit + p.assign(k), k.changes()})
		}
	}
	for _, k := range keys {
		if !k.plain() {
			lines = append(lines, newLine{})
			lines = append(lines, p.table(name+"."+k.name, k, indent+p.unit)...)
		}
	}
	return lines
}

// addSubtable adds a [table.name] behind the keys of a table with a header.
func (p *tomlWriter) addSubtable(t *node, k newKey) {
	own := t.own
	offset, indent := own.at.end, p.indent(own.at.start)
	if n := len(own.entries); n > 0 {
		offset, indent = own.entries[n-1].at.end, p.indent(own.entries[n-1].at.start)
	}
	gap := true
	if t.below != nil {
		indent = p.indent(t.below.at.start)
		gap = p.gapBefore(p.headerStart(t.below))
	}
	// Comments right behind the last key, commented-out keys among them,
	// stay with the keys.
	if _, next := p.line(offset); next < len(p.src) {
		offset = p.lineBreakBefore(p.below(next))
	}
	if gap {
		p.lineAfter(offset, rankSubtable, "")
	}
	header := string(p.src[own.name:own.parts[len(own.parts)-1]]) + "." + k.name
	for _, line := range p.table(header, k, indent) {
		p.lineAfter(offset, rankSubtable, line.text, line.changes...)
	}
}

// openHeader gives a table a header of its own that only has headers of
// tables inside it.
func (p *tomlWriter) openHeader(t *node) {
	if _, ok := p.opened[t]; ok {
		return
	}
	p.opened[t] = struct{}{}
	start := p.headerStart(t.below)
	p.headers = append(p.headers, start)
	name := string(p.src[t.below.name:t.below.parts[t.depth-1]])
	p.lineBefore(start, rankTable, p.indent(t.below.at.start)+"["+name+"]")
}

// headerStart is where the line of a header begins, or the comments above it.
func (p *tomlWriter) headerStart(b *block) int {
	start, _ := p.lineStart(b.at.start)
	return p.above(start)
}

func (p *tomlWriter) lastOf(h home) *entry {
	return &h.block.entries[h.entries[len(h.entries)-1]]
}

// prefix is the table's name, with its last dot, as its keys spell it.
func (p *tomlWriter) prefix(h home) string {
	if h.depth == 0 {
		return ""
	}
	e := p.lastOf(h)
	return string(p.src[e.at.start:e.parts[h.depth-1]]) + "."
}

// assignLike writes `key = value` as its neighbour is written: without blanks
// around the sign, or with the sign below the neighbour's where those around it
// stand in one column.
func (p *tomlWriter) assignLike(neighbour *entry, key string, k newKey) string {
	end := neighbour.parts[len(neighbour.parts)-1]
	sign := end
	for p.src[sign] == ' ' {
		sign++
	}
	width := sign - neighbour.at.start
	switch {
	case sign == end && neighbour.value == end+1:
		return key + "=" + p.inline(k)
	case p.src[sign] == '=' && width > len(key) && (sign > end+1 || sign == end+1 && p.columnHas(sign-1, " =")):
		return key + strings.Repeat(" ", width-len(key)) + "= " + p.inline(k)
	}
	return key + p.sign + p.inline(k)
}

func (p *tomlWriter) addInline(b *block, h home, k newKey) {
	text := p.prefix(h) + p.assign(k)
	last := len(b.entries) - 1
	if last >= 0 {
		text = p.assignLike(&b.entries[last], p.prefix(h)+k.name, k)
	}
	p.add(b, addition{key: k, text: text, behind: last})
}

// finish writes what waits for the last key of its table.
func (p *tomlWriter) finish() {
	for _, start := range p.headers {
		p.lineBefore(start, rankTable, "")
	}
	p.braces.finish()
}

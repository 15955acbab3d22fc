package flytoml

import "strings"

// position counts the keys of a service from 1 in the order in which flyctl
// writes them, as far as an edit needs it; 0 is any other key.
func position(key string) int {
	switch strings.ToLower(key) {
	case "protocol":
		return 1
	case "internal_port":
		return 2
	case "force_https":
		return 3
	case "auto_stop_machines":
		return 4
	case "auto_start_machines":
		return 5
	case "min_machines_running":
		return 6
	}
	return 0
}

// placer finds the place for new keys and tables, and writes them there in
// the manner of their neighbours.
type placer struct {
	splices
	braces  map[*block][]addition // to inline tables, written by finish
	opened  map[*node]struct{}    // tables that were given a header of their own
	headers []int                 // where those headers were added
}

// addition is a `key = value` that goes into an inline table.
type addition struct {
	text    string
	changes []int
}

// addKey adds a key to a table, in the shape that the table has.
func (p *placer) addKey(t *node, key, value string, changes ...int) {
	switch {
	case t.own != nil && t.own.inline:
		p.addInline(t.own, home{block: t.own}, key, value, changes)
	case t.own != nil && len(t.own.entries) == 0:
		p.lineAfter(t.own.at.end, rankKey, p.indent(t.own.at.start)+p.unit+key+" = "+value, changes...)
	case t.own != nil:
		e := &t.own.entries[behind(t.own, key)]
		p.lineAfter(e.at.end, rankKey, p.indent(e.at.start)+p.assign(e, key, value), changes...)
	case t.dotted.block != nil && t.dotted.block.inline:
		p.addInline(t.dotted.block, t.dotted, key, value, changes)
	case t.dotted.block != nil:
		e := p.lastOf(t.dotted)
		p.lineAfter(e.at.end, rankKey, p.indent(e.at.start)+p.assign(e, p.prefix(t.dotted)+key, value), changes...)
	default:
		p.openHeader(t)
		start := p.headerStart(t.below)
		p.lineBefore(start, rankTable, p.indent(t.below.at.start)+p.unit+key+" = "+value, changes...)
	}
}

// addTable adds a table inside another, in the shape that the outer one has.
// Keys and values are given in pairs; changes[i] is the i-th pair's.
func (p *placer) addTable(t *node, name string, pairs [][2]string, changes []int) {
	switch {
	case t.own != nil && !t.own.inline:
		p.addSubtable(t, name, pairs, changes)
	case t.dotted.block != nil && !t.dotted.block.inline:
		for i, pair := range pairs {
			p.addKey(t, name+"."+pair[0], pair[1], changes[i])
		}
	default:
		p.addKey(t, name, inlineTable(pairs), changes...)
	}
}

func inlineTable(pairs [][2]string) string {
	list := make([]string, len(pairs))
	for i, pair := range pairs {
		list[i] = pair[0] + " = " + pair[1]
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

// addSubtable adds a [table.name] behind the keys of a table with a header.
func (p *placer) addSubtable(t *node, name string, pairs [][2]string, changes []int) {
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
	header := string(p.src[own.name:own.parts[len(own.parts)-1]]) + "." + name
	p.lineAfter(offset, rankSubtable, indent+"["+header+"]")
	for i, pair := range pairs {
		p.lineAfter(offset, rankSubtable, indent+p.unit+pair[0]+" = "+pair[1], changes[i])
	}
}

// newLine is a line to add, without its ending, and the changes in it.
type newLine struct {
	text    string
	changes []int
}

// addLines adds lines at the end of the file, behind an empty one.
func (p *placer) addLines(lines []newLine) {
	if len(p.src) == 0 {
		for _, l := range lines {
			p.replace(span{}, l.text+p.eol, l.changes...)
		}
		return
	}
	offset := p.lineBreakBefore(len(p.src))
	if start, first := p.lineStart(offset); !first || start < offset {
		p.lineAfter(offset, rankTable, "")
	}
	for _, l := range lines {
		p.lineAfter(offset, rankTable, l.text, l.changes...)
	}
}

// openHeader gives a table a header of its own that only has headers of
// tables inside it.
func (p *placer) openHeader(t *node) {
	if _, ok := p.opened[t]; ok {
		return
	}
	if p.opened == nil {
		p.opened = map[*node]struct{}{}
	}
	p.opened[t] = struct{}{}
	start := p.headerStart(t.below)
	p.headers = append(p.headers, start)
	name := string(p.src[t.below.name:t.below.parts[t.depth-1]])
	p.lineBefore(start, rankTable, p.indent(t.below.at.start)+"["+name+"]")
}

// headerStart is where the line of a header begins, or the comments above it.
func (p *placer) headerStart(b *block) int {
	start, _ := p.lineStart(b.at.start)
	return p.above(start)
}

// lineBreakBefore steps back from the start of a line over the line ending.
func (p *placer) lineBreakBefore(start int) int {
	if start > 0 && p.src[start-1] == '\n' {
		start--
		if start > 0 && p.src[start-1] == '\r' {
			start--
		}
	}
	return start
}

// behind is the entry of a block that a new key goes behind: the last of those
// that come before it in flyctl's order, or else the last of all.
func behind(b *block, key string) int {
	want := position(key)
	for i := len(b.entries) - 1; i >= 0; i-- {
		if at := position(b.entries[i].name); at > 0 && at < want {
			return i
		}
	}
	return len(b.entries) - 1
}

func (p *placer) lastOf(h home) *entry {
	return &h.block.entries[h.entries[len(h.entries)-1]]
}

// prefix is the table's name, with its last dot, as its keys spell it.
func (p *placer) prefix(h home) string {
	if h.depth == 0 {
		return ""
	}
	e := p.lastOf(h)
	return string(p.src[e.at.start:e.parts[h.depth-1]]) + "."
}

// assign writes `key = value` as its neighbour is written: without blanks
// around the sign, or with the sign below the neighbour's.
func (p *placer) assign(neighbour *entry, key, value string) string {
	end := neighbour.parts[len(neighbour.parts)-1]
	sign := end
	for p.src[sign] == ' ' {
		sign++
	}
	width := sign - neighbour.at.start
	switch {
	case sign == end && neighbour.value == end+1:
		return key + "=" + value
	case p.src[sign] == '=' && sign > end+1 && width > len(key):
		return key + strings.Repeat(" ", width-len(key)) + "= " + value
	}
	return key + " = " + value
}

func (p *placer) addInline(b *block, h home, key, value string, changes []int) {
	text := p.prefix(h) + key + " = " + value
	if n := len(b.entries); n > 0 {
		text = p.assign(&b.entries[n-1], p.prefix(h)+key, value)
	}
	if p.braces == nil {
		p.braces = map[*block][]addition{}
	}
	p.braces[b] = append(p.braces[b], addition{text, changes})
}

// finish writes what waits for the last key of its table.
func (p *placer) finish() {
	for b, list := range p.braces {
		p.closeBraces(b, list)
	}
	for _, start := range p.headers {
		p.lineBefore(start, rankTable, "")
	}
	p.sort()
}

// closeBraces writes the keys added to an inline table: each on a line of its
// own if the last key there has one, else behind it.
func (p *placer) closeBraces(b *block, list []addition) {
	joined := list[0].text
	changes := list[0].changes
	for _, a := range list[1:] {
		joined += ", " + a.text
		changes = append(changes, a.changes...)
	}
	if len(b.entries) == 0 {
		open := b.at.start + 1
		if p.src[open] == '}' {
			joined += " "
		}
		p.replace(span{open, open}, " "+joined, changes...)
		return
	}
	last := b.entries[len(b.entries)-1]
	end := last.at.end
	rest := p.blanks(end)
	trailing := p.src[rest] == ','
	if trailing {
		rest = p.blanks(rest + 1)
	}
	_, first := p.lineStart(last.at.start)
	alone := first && (p.src[rest] == '\n' || p.src[rest] == '\r' || p.src[rest] == '#')
	if !alone || !trailing && p.commaAhead(end) {
		p.replace(span{end, end}, ", "+joined, changes...)
		return
	}
	if !trailing {
		p.replace(span{end, end}, ",")
	}
	for i, a := range list {
		if trailing || i < len(list)-1 {
			a.text += ","
		}
		p.lineAfter(rest, rankKey, p.indent(last.at.start)+a.text, a.changes...)
	}
}

// commaAhead tells whether a comma follows on a later line.
func (p *placer) commaAhead(offset int) bool {
	for offset < len(p.src) {
		switch p.src[offset] {
		case ' ', '\t', '\r', '\n':
			offset++
		case '#':
			offset, _ = p.line(offset)
		default:
			return p.src[offset] == ','
		}
	}
	return false
}

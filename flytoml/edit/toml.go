package edit

import (
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// tomlWriter writes TOML: keys under headers, dotted keys, and keys in inline tables.
type tomlWriter struct {
	braces
	opened  map[*layout.Node]struct{} // tables that got a header of their own
	headers []int                     // where those headers were added
}

func (p *tomlWriter) set(n *layout.Node, text string, change int) {
	p.list = append(p.list, splice{at: n.At, text: text, changes: []int{change}, value: true})
}

func (p *tomlWriter) addKey(t *layout.Node, k newKey) error {
	switch {
	case t.Own != nil && t.Own.Inline:
		p.addInline(t.Own, layout.Home{Block: t.Own}, k)
	case t.Own != nil && len(t.Own.Entries) == 0:
		p.lineAfter(t.Own.At.End, rankKey, p.Indent(t.Own.At.Start)+p.Unit+p.assign(k), k.changes()...)
	case t.Own != nil:
		e := &t.Own.Entries[entryBefore(t.Own, k.name)]
		p.lineAfter(e.At.End, rankKey, p.Indent(e.At.Start)+p.assignLike(e, k.name, k), k.changes()...)
	case t.Dotted.Block != nil && t.Dotted.Block.Inline:
		p.addInline(t.Dotted.Block, t.Dotted, k)
	case t.Dotted.Block != nil:
		e := p.lastOf(t.Dotted)
		p.lineAfter(e.At.End, rankKey, p.Indent(e.At.Start)+p.assignLike(e, p.prefix(t.Dotted)+k.name, k), k.changes()...)
	default:
		p.openHeader(t)
		start := p.headerStart(t.Below)
		p.lineBefore(start, rankTable, p.Indent(t.Below.At.Start)+p.Unit+p.assign(k), k.changes()...)
	}
	return nil
}

// addTable ignores null: TOML has none.
func (p *tomlWriter) addTable(t *layout.Node, k newKey, _ *layout.Node) error {
	switch {
	case t.Own != nil && !t.Own.Inline:
		p.addSubtable(t, k)
		return nil
	case t.Dotted.Block != nil && !t.Dotted.Block.Inline:
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

// create adds a table at the end of the file, followed by the tables in it.
func (p *tomlWriter) create(k newKey, empty *layout.Node) error {
	if empty != nil && empty.Kind == layout.KindArray {
		p.replace(empty.At, p.inline(k), k.changes()...)
		return nil
	}
	p.addLines(p.table(k.name, k, ""), true)
	return nil
}

// table returns a header with its keys, followed by the tables in it. For a list
// there is one header per table.
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

// section returns one header with its keys.
func (p *tomlWriter) section(header, name string, keys []newKey, indent string) []newLine {
	lines := []newLine{{text: indent + header}}
	for _, k := range keys {
		if k.plain() {
			lines = append(lines, newLine{indent + p.Unit + p.assign(k), k.changes()})
		}
	}
	for _, k := range keys {
		if !k.plain() {
			lines = append(lines, newLine{})
			lines = append(lines, p.table(name+"."+k.name, k, indent+p.Unit)...)
		}
	}
	return lines
}

// addSubtable adds a [table.name] after the keys of a table with a header.
func (p *tomlWriter) addSubtable(t *layout.Node, k newKey) {
	own := t.Own
	offset, indent := own.At.End, p.Indent(own.At.Start)
	if n := len(own.Entries); n > 0 {
		offset, indent = own.Entries[n-1].At.End, p.Indent(own.Entries[n-1].At.Start)
	}
	gap := true
	if t.Below != nil {
		indent = p.Indent(t.Below.At.Start)
		gap = p.GapBefore(p.headerStart(t.Below))
	}
	// Comments directly after the last key, such as commented-out keys, stay
	// with the keys.
	if _, next := p.Line(offset); next < len(p.Source) {
		offset = p.LineBreakBefore(p.Below(next))
	}
	if gap {
		p.lineAfter(offset, rankSubtable, "")
	}
	header := string(p.Source[own.Name:own.Parts[len(own.Parts)-1]]) + "." + k.name
	for _, line := range p.table(header, k, indent) {
		p.lineAfter(offset, rankSubtable, line.text, line.changes...)
	}
}

// openHeader gives a header to a table that has none because it only contains tables with
// headers.
func (p *tomlWriter) openHeader(t *layout.Node) {
	if _, ok := p.opened[t]; ok {
		return
	}
	p.opened[t] = struct{}{}
	start := p.headerStart(t.Below)
	p.headers = append(p.headers, start)
	name := string(p.Source[t.Below.Name:t.Below.Parts[t.Depth-1]])
	p.lineBefore(start, rankTable, p.Indent(t.Below.At.Start)+"["+name+"]")
}

// headerStart returns the start of the line of a header, or of the comments above it.
func (p *tomlWriter) headerStart(b *layout.Block) int {
	start, _ := p.LineStart(b.At.Start)
	return p.Above(start)
}

func (p *tomlWriter) lastOf(h layout.Home) *layout.Entry {
	return &h.Block.Entries[h.Entries[len(h.Entries)-1]]
}

// prefix returns the table's name as its keys spell it, including the final dot.
func (p *tomlWriter) prefix(h layout.Home) string {
	if h.Depth == 0 {
		return ""
	}
	e := p.lastOf(h)
	return string(p.Source[e.At.Start:e.Parts[h.Depth-1]]) + "."
}

// assignLike returns "key = value" in the style of a neighbour: without spaces
// around the sign, or with the sign in the same column where the signs around the
// neighbour are aligned.
func (p *tomlWriter) assignLike(neighbour *layout.Entry, key string, k newKey) string {
	end := neighbour.Parts[len(neighbour.Parts)-1]
	sign := end
	for p.Source[sign] == ' ' {
		sign++
	}
	width := sign - neighbour.At.Start
	switch {
	case sign == end && neighbour.Value == end+1:
		return key + "=" + p.inline(k)
	case p.Source[sign] == '=' && width > len(key) && (sign > end+1 || sign == end+1 && p.hasInColumn(sign-1, " =")):
		return key + strings.Repeat(" ", width-len(key)) + "= " + p.inline(k)
	}
	return key + p.Sign + p.inline(k)
}

func (p *tomlWriter) addInline(b *layout.Block, h layout.Home, k newKey) {
	text := p.prefix(h) + p.assign(k)
	last := len(b.Entries) - 1
	if last >= 0 {
		text = p.assignLike(&b.Entries[last], p.prefix(h)+k.name, k)
	}
	p.add(b, addition{key: k, text: text, behind: last})
}

// finish writes the additions that had to wait for the last key of their table.
func (p *tomlWriter) finish() {
	for _, start := range p.headers {
		p.lineBefore(start, rankTable, "")
	}
	p.braces.finish()
}

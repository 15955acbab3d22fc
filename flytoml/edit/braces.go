package edit

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// braces writes keys into tables in braces, in all formats.
type braces struct {
	*splices
	waiting map[*layout.Block][]addition
}

// addition is a key to add to a table in braces.
type addition struct {
	key    newKey
	text   string // the key with its value, on one line
	behind int    // the index of the entry to add it after
}

func (p *braces) add(b *layout.Block, a addition) {
	p.waiting[b] = append(p.waiting[b], a)
}

// finish writes the keys that were added.
func (p *braces) finish() {
	for b, list := range p.waiting {
		if len(b.Entries) == 0 {
			p.fill(b, list)
			continue
		}
		slices.SortStableFunc(list, func(a, b addition) int { return cmp.Compare(a.behind, b.behind) })
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].behind == list[0].behind {
				n++
			}
			p.follow(&b.Entries[list[0].behind], list[:n])
			list = list[n:]
		}
	}
	p.sort()
	p.align()
}

// join returns additions on one line, and their changes.
func (p *braces) join(list []addition) (text string, changes []int) {
	for i, a := range list {
		if i > 0 {
			text += p.comma()
		}
		text += a.text
		changes = append(changes, a.key.changes()...)
	}
	return text, changes
}

// fill writes the first keys of an empty table.
func (p *braces) fill(b *layout.Block, list []addition) {
	open := b.At.Start + 1
	text, changes := p.join(list)
	if p.Source[open] == '}' {
		text += p.pad()
	}
	p.replace(layout.Span{Start: open, End: open}, p.pad()+text, changes...)
}

// follow writes keys after an entry: on lines of their own if the entry has its
// own line, else on the same line.
func (p *braces) follow(e *layout.Entry, list []addition) {
	end := e.At.End
	rest := p.Blanks(end)
	trailing := rest < len(p.Source) && p.Source[rest] == ','
	if trailing {
		rest = p.Blanks(rest + 1)
	}
	_, first := p.LineStart(e.At.Start)
	alone := first && rest < len(p.Source) && (p.Source[rest] == '#' || p.Source[rest] == '\n' ||
		bytes.HasPrefix(p.Source[rest:], []byte("\r\n")))
	if !alone || !trailing && p.hasCommaAhead(end) {
		text, changes := p.join(list)
		p.replace(layout.Span{Start: end, End: end}, p.comma()+text, changes...)
		return
	}
	if !trailing {
		p.replace(layout.Span{Start: end, End: end}, ",")
	}
	for i, a := range list {
		lines := p.lines(e, a, p.Indent(e.At.Start))
		if trailing || i < len(list)-1 {
			lines[len(lines)-1].text += ","
		}
		for _, line := range lines {
			p.lineAfter(rest, rankKey, line.text, line.changes...)
		}
	}
}

// lines returns an addition on lines of its own. In JSON, tables are written on
// several lines, unless the entry before is a table on one line. The other
// formats put a table in braces on one line.
func (p *braces) lines(e *layout.Entry, a addition, indent string) []newLine {
	item := a.key.name == ""
	broken := !item || bytes.IndexByte(p.Source[e.At.Start:e.At.End], '\n') >= 0
	switch {
	case a.key.plain() || p.Mark == "" || !broken:
		return []newLine{{indent + a.text, a.key.changes()}}
	case item:
		return p.object(a.key, indent, indent)
	}
	return p.block(a.key, indent, indent+p.Mark+a.key.name+p.Mark+p.Sign)
}

// block returns a table of JSON, or a list of tables, on lines of its own.
func (l *splices) block(k newKey, indent, beginning string) []newLine {
	if k.list == nil {
		return l.object(k, indent, beginning)
	}
	lines := []newLine{{text: beginning + "["}}
	for i, item := range k.list {
		inner := l.object(item, indent+l.Unit, indent+l.Unit)
		if i < len(k.list)-1 {
			inner[len(inner)-1].text += ","
		}
		lines = append(lines, inner...)
	}
	return append(lines, newLine{text: indent + "]"})
}

// object returns a table of JSON on lines of its own. beginning goes in front of the first
// line.
func (l *splices) object(k newKey, indent, beginning string) []newLine {
	lines := []newLine{{text: beginning + "{"}}
	for i, key := range k.keys {
		inner := []newLine{{indent + l.Unit + l.assign(key), key.changes()}}
		if !key.plain() {
			inner = l.block(key, indent+l.Unit, indent+l.Unit+l.Mark+key.name+l.Mark+l.Sign)
		}
		if i < len(k.keys)-1 {
			inner[len(inner)-1].text += ","
		}
		lines = append(lines, inner...)
	}
	return append(lines, newLine{text: indent + "}"})
}

// hasCommaAhead reports whether a comma follows on a later line.
func (l *splices) hasCommaAhead(offset int) bool {
	for offset < len(l.Source) {
		switch l.Source[offset] {
		case ' ', '\t', '\r', '\n':
			offset++
		case '#':
			offset, _ = l.Line(offset)
		default:
			return l.Source[offset] == ','
		}
	}
	return false
}

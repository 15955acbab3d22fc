package edit

import (
	"bytes"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// yamlWriter writes YAML: keys of a block mapping on lines of their own, and keys
// of a flow mapping between its braces.
type yamlWriter struct{ braces }

func (p *yamlWriter) set(n *layout.Node, text string, change int) {
	if n.At.Start == n.At.End {
		p.put(n, text, change)
		return
	}
	p.list = append(p.list, splice{at: n.At, text: text, rank: rankKey, changes: []int{change}, value: true})
}

// put replaces a value, which may have no text at all.
func (p *yamlWriter) put(n *layout.Node, text string, changes ...int) {
	rank := rankKey
	if n.At.Start == n.At.End {
		text, rank = " "+text, rankValue
	}
	p.list = append(p.list, splice{at: n.At, text: text, rank: rank, changes: changes})
}

func (p *yamlWriter) addKey(t *layout.Node, k newKey) error {
	b := t.Own
	if b.Inline {
		p.add(b, addition{key: k, text: p.assign(k), behind: entryBefore(b, k.name)})
		return nil
	}
	e := &b.Entries[entryBefore(b, k.name)]
	line := newLine{column(b.Column) + p.assign(k), k.changes()}
	return p.linesBehind(p.below(e.At.End, b.Column+1), -2*b.Column, line)
}

func (p *yamlWriter) addTable(t *layout.Node, k newKey, null *layout.Node) error {
	switch {
	case null != nil && null.At.Start == null.At.End && !t.Own.Inline:
		return p.linesBehind(null.At.End, -2*t.Own.Column-2, p.content(k, column(t.Own.Column)+p.Unit)...)
	case null != nil:
		p.put(null, p.inline(k), k.changes()...)
		return nil
	case t.Own.Inline:
		return p.addKey(t, k)
	}
	b := t.Own
	lines := p.keys([]newKey{k}, column(b.Column))
	return p.linesBehind(p.below(b.Entries[len(b.Entries)-1].At.End, b.Column), -2*b.Column+1, lines...)
}

// create adds a table after the last one at the top level, at the end of the file or of the
// document.
func (p *yamlWriter) create(k newKey, null *layout.Node) error {
	b := p.Root.Own
	if null != nil || b.Inline {
		return p.addTable(p.Root, k, null)
	}
	lines := p.keys([]newKey{k}, column(b.Column))
	stop := p.documentEnd()
	if stop == len(p.Source) {
		if p.Open {
			return p.openText()
		}
		p.addLines(lines, p.isSeparated() && p.Kept < stop)
		return nil
	}
	if p.isSeparated() && p.Kept < stop && !p.GapBefore(stop) {
		p.lineBefore(stop, rankTable, "")
	}
	for _, line := range lines {
		p.lineBefore(stop, rankTable, line.text, line.changes...)
	}
	return nil
}

// keys returns new keys on lines of their own.
func (p *yamlWriter) keys(list []newKey, indent string) []newLine {
	var lines []newLine
	for _, k := range list {
		if k.plain() {
			lines = append(lines, newLine{indent + p.assign(k), k.changes()})
			continue
		}
		lines = append(lines, newLine{text: indent + k.name + ":"})
		lines = append(lines, p.content(k, indent+p.Unit)...)
	}
	return lines
}

// content returns the lines below the name of a table, or of a list of tables.
func (p *yamlWriter) content(k newKey, indent string) []newLine {
	if k.list == nil {
		return p.keys(k.keys, indent)
	}
	var lines []newLine
	for _, item := range k.list {
		inner := p.keys(item.keys, indent+"  ")
		inner[0].text = indent + "- " + strings.TrimPrefix(inner[0].text, indent+"  ")
		lines = append(lines, inner...)
	}
	return lines
}

// linesBehind adds lines after the line around offset. Of several insertions at
// the same place, the deeper one comes first.
func (p *yamlWriter) linesBehind(offset, rank int, lines ...newLine) error {
	if _, next := p.Line(offset); next == len(p.Source) && p.Open {
		return p.openText()
	}
	for _, line := range lines {
		p.lineAfter(offset, rank, line.text, line.changes...)
	}
	return nil
}

func (p *yamlWriter) openText() error {
	return p.Refuse(len(p.Source),
		"the file ends in a multi-line text, which a new line would change: end its last line first")
}

// below moves from the line around offset past the comments that follow without a
// gap and are indented at least to a column: they belong to the text above. It
// returns an offset in the last of these lines.
func (p *yamlWriter) below(offset, indent int) int {
	_, next := p.Line(offset)
	for next < len(p.Source) && p.Source[next-1] == '\n' {
		first := p.Blanks(next)
		if first == len(p.Source) || p.Source[first] != '#' || first-next < indent {
			break
		}
		offset = first
		_, next = p.Line(first)
	}
	return offset
}

// documentEnd returns the start of the line "..." that ends the document, or the end of the
// file.
func (p *yamlWriter) documentEnd() int {
	start := 0
	if entries := p.Root.Own.Entries; len(entries) > 0 {
		_, start = p.Line(entries[len(entries)-1].At.Start)
	}
	for start < len(p.Source) {
		end, next := p.Line(start)
		if dots := start + len("..."); bytes.HasPrefix(p.Source[start:end], []byte("...")) &&
			(dots == end || p.Blanks(dots) > dots) {
			break
		}
		start = next
	}
	return start
}

// isSeparated reports whether the keys at the top level have empty lines between them.
func (p *yamlWriter) isSeparated() bool {
	entries := p.Root.Own.Entries
	for i := range entries {
		start, _ := p.LineStart(entries[i].At.Start)
		if i > 0 && p.GapBefore(p.Above(start)) {
			return true
		}
	}
	return len(entries) < 2
}

func column(n int) string { return strings.Repeat(" ", n) }

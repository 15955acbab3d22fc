package flytoml

import (
	"bytes"
	"strings"
)

// yamlWriter writes YAML: keys of a block mapping on lines of their own, those
// of a flow mapping between its braces.
type yamlWriter struct{ braces }

func (p *yamlWriter) set(n *node, text string, change int) {
	if n.at.start == n.at.end {
		p.put(n, text, change)
		return
	}
	p.list = append(p.list, splice{at: n.at, text: text, rank: rankKey, changes: []int{change}, value: true})
}

// put writes in the place of a value, which may have no text at all.
func (p *yamlWriter) put(n *node, text string, changes ...int) {
	rank := rankKey
	if n.at.start == n.at.end {
		text, rank = " "+text, rankValue
	}
	p.list = append(p.list, splice{at: n.at, text: text, rank: rank, changes: changes})
}

func (p *yamlWriter) addKey(t *node, k newKey) error {
	b := t.own
	if b.inline {
		p.add(b, addition{key: k, text: p.assign(k), behind: behind(b, k.name)})
		return nil
	}
	e := &b.entries[behind(b, k.name)]
	line := newLine{column(b.column) + p.assign(k), k.changes()}
	return p.linesBehind(p.below(e.at.end, b.column+1), -2*b.column, line)
}

func (p *yamlWriter) addTable(t *node, k newKey, null *node) error {
	switch {
	case null != nil && null.at.start == null.at.end && !t.own.inline:
		return p.linesBehind(null.at.end, -2*t.own.column-2, p.content(k, column(t.own.column)+p.unit)...)
	case null != nil:
		p.put(null, p.inline(k), k.changes()...)
		return nil
	case t.own.inline:
		return p.addKey(t, k)
	}
	b := t.own
	lines := p.keys([]newKey{k}, column(b.column))
	return p.linesBehind(p.below(b.entries[len(b.entries)-1].at.end, b.column), -2*b.column+1, lines...)
}

// create adds a table behind the last one at the top, at the end of the file
// or of the document.
func (p *yamlWriter) create(k newKey, null *node) error {
	b := p.root.own
	if null != nil || b.inline {
		return p.addTable(p.root, k, null)
	}
	lines := p.keys([]newKey{k}, column(b.column))
	stop := p.documentEnd()
	if stop == len(p.src) {
		if p.open {
			return p.openText()
		}
		p.addLines(lines, p.separated() && p.kept < stop)
		return nil
	}
	if p.separated() && p.kept < stop && !p.gapBefore(stop) {
		p.lineBefore(stop, rankTable, "")
	}
	for _, line := range lines {
		p.lineBefore(stop, rankTable, line.text, line.changes...)
	}
	return nil
}

// keys are new keys on lines of their own.
func (p *yamlWriter) keys(list []newKey, indent string) []newLine {
	var lines []newLine
	for _, k := range list {
		if k.plain() {
			lines = append(lines, newLine{indent + p.assign(k), k.changes()})
			continue
		}
		lines = append(lines, newLine{text: indent + k.name + ":"})
		lines = append(lines, p.content(k, indent+p.unit)...)
	}
	return lines
}

// content is what stands below the name of a table, or of a list of tables.
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

// linesBehind adds lines behind the one around offset. Of several insertions
// there, what stands deeper goes first.
func (p *yamlWriter) linesBehind(offset, rank int, lines ...newLine) error {
	if _, next := p.line(offset); next == len(p.src) && p.open {
		return p.openText()
	}
	for _, line := range lines {
		p.lineAfter(offset, rank, line.text, line.changes...)
	}
	return nil
}

func (p *yamlWriter) openText() error {
	return p.refuse(len(p.src), "the file ends within a text over several lines, which a new line would change: end its last line first")
}

// below steps from the line around offset over the comments that follow
// without a gap, if they stand no less deep than a column: they belong to what
// is above. It returns an offset in the last of these lines.
func (p *yamlWriter) below(offset, column int) int {
	_, next := p.line(offset)
	for next < len(p.src) && p.src[next-1] == '\n' {
		first := p.blanks(next)
		if first == len(p.src) || p.src[first] != '#' || first-next < column {
			break
		}
		offset = first
		_, next = p.line(first)
	}
	return offset
}

// documentEnd is where the line begins that ends the document with "...", or
// the end of the file.
func (p *yamlWriter) documentEnd() int {
	start := 0
	if entries := p.root.own.entries; len(entries) > 0 {
		_, start = p.line(entries[len(entries)-1].at.start)
	}
	for start < len(p.src) {
		end, next := p.line(start)
		if dots := start + len("..."); bytes.HasPrefix(p.src[start:end], []byte("...")) && (dots == end || p.blanks(dots) > dots) {
			break
		}
		start = next
	}
	return start
}

// separated tells whether empty lines stand between the keys at the top.
func (p *yamlWriter) separated() bool {
	entries := p.root.own.entries
	for i := range entries {
		start, _ := p.lineStart(entries[i].at.start)
		if i > 0 && p.gapBefore(p.above(start)) {
			return true
		}
	}
	return len(entries) < 2
}

func column(n int) string { return strings.Repeat(" ", n) }

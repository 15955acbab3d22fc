package edit

import "github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"

// jsonWriter writes JSON.
type jsonWriter struct{ braces }

func (p *jsonWriter) set(n *layout.Node, text string, change int) {
	p.replace(n.At, text, change)
}

func (p *jsonWriter) addKey(t *layout.Node, k newKey) error {
	p.add(t.Own, addition{key: k, text: p.assign(k), behind: entryBefore(t.Own, k.name)})
	return nil
}

func (p *jsonWriter) addTable(t *layout.Node, k newKey, null *layout.Node) error {
	if null == nil {
		return p.addKey(t, k)
	}
	start := keyOf(t.Own, null)
	if _, first := p.LineStart(start); !first {
		p.replace(null.At, p.inline(k), k.changes()...)
		return nil
	}
	lines := p.block(k, p.Indent(start), "")
	p.replace(null.At, lines[0].text)
	for _, line := range lines[1:] {
		p.replace(layout.Span{Start: null.At.End, End: null.At.End}, p.EOL+line.text, line.changes...)
	}
	return nil
}

// keyOf returns the offset of a value's key.
func keyOf(b *layout.Block, n *layout.Node) int {
	for i := range b.Entries {
		if b.Entries[i].Value == n.At.Start {
			return b.Entries[i].At.Start
		}
	}
	return n.At.Start
}

func (p *jsonWriter) create(k newKey, null *layout.Node) error {
	return p.addTable(p.Root, k, null)
}

// finish writes the added keys. In an empty object on several lines, each key gets its own
// line.
func (p *jsonWriter) finish() {
	for b, list := range p.waiting {
		if _, first := p.LineStart(b.Name); len(b.Entries) > 0 || !first {
			continue
		}
		delete(p.waiting, b)
		all := newKey{keys: make([]newKey, len(list))}
		for i, a := range list {
			all.keys[i] = a.key
		}
		inside := layout.Span{Start: b.At.Start + 1, End: b.At.End - 1}
		indent := p.Indent(b.Name)
		lines := p.object(all, indent, "")
		for _, line := range lines[1 : len(lines)-1] {
			p.replace(layout.Span{Start: inside.Start, End: inside.Start}, p.EOL+line.text, line.changes...)
		}
		p.list = append(p.list, splice{at: inside, text: p.EOL + indent, rank: rankSubtable})
	}
	p.braces.finish()
}

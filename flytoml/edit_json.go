package flytoml

// jsonWriter writes JSON.
type jsonWriter struct{ braces }

func (p *jsonWriter) set(n *node, text string, change int) {
	p.replace(n.at, text, change)
}

func (p *jsonWriter) addKey(t *node, k newKey) error {
	p.add(t.own, addition{key: k, text: p.assign(k), behind: behind(t.own, k.name)})
	return nil
}

func (p *jsonWriter) addTable(t *node, k newKey, null *node) error {
	if null == nil {
		return p.addKey(t, k)
	}
	start := t.own.keyOf(null)
	if _, first := p.lineStart(start); !first {
		p.replace(null.at, p.inline(k), k.changes()...)
		return nil
	}
	lines := p.block(k, p.indent(start), "")
	p.replace(null.at, lines[0].text)
	for _, line := range lines[1:] {
		p.replace(span{null.at.end, null.at.end}, p.eol+line.text, line.changes...)
	}
	return nil
}

// keyOf is where the key of a value begins.
func (b *block) keyOf(n *node) int {
	for i := range b.entries {
		if b.entries[i].value == n.at.start {
			return b.entries[i].at.start
		}
	}
	return n.at.start
}

func (p *jsonWriter) create(k newKey, null *node) error {
	return p.addTable(p.root, k, null)
}

// finish writes the keys that were added. Those of an empty object get a line
// each, if the object has one.
func (p *jsonWriter) finish() {
	for b, list := range p.waiting {
		if _, first := p.lineStart(b.name); len(b.entries) > 0 || !first {
			continue
		}
		delete(p.waiting, b)
		all := newKey{keys: make([]newKey, len(list))}
		for i, a := range list {
			all.keys[i] = a.key
		}
		inside := span{b.at.start + 1, b.at.end - 1}
		indent := p.indent(b.name)
		lines := p.object(all, indent, "")
		for _, line := range lines[1 : len(lines)-1] {
			p.replace(span{inside.start, inside.start}, p.eol+line.text, line.changes...)
		}
		p.list = append(p.list, splice{at: inside, text: p.eol + indent, rank: rankSubtable})
	}
	p.braces.finish()
}

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
	if !p.lined() {
		p.replace(null.at, p.inline(k), k.changes()...)
		return nil
	}
	lines := p.object(k, p.lineIndent(null.at.start), "")
	p.replace(null.at, lines[0].text)
	for _, line := range lines[1:] {
		p.replace(span{null.at.end, null.at.end}, p.eol+line.text, line.changes...)
	}
	return nil
}

func (p *jsonWriter) create(k newKey, null *node) error {
	return p.addTable(p.root, k, null)
}

// lined tells whether the keys at the top of the file have a line each.
func (l *layout) lined() bool {
	entries := l.root.own.entries
	if len(entries) == 0 {
		return true
	}
	_, first := l.lineStart(entries[0].at.start)
	return first
}

// finish writes the keys that were added. Those of an empty object get a line
// each, where other objects have one.
func (p *jsonWriter) finish() {
	for b, list := range p.waiting {
		if len(b.entries) > 0 || !p.lined() {
			continue
		}
		delete(p.waiting, b)
		all := newKey{keys: make([]newKey, len(list))}
		for i, a := range list {
			all.keys[i] = a.key
		}
		inside := span{b.at.start + 1, b.at.end - 1}
		lines := p.object(all, p.lineIndent(b.at.start), "")
		for _, line := range lines[1 : len(lines)-1] {
			p.replace(span{inside.start, inside.start}, p.eol+line.text, line.changes...)
		}
		p.list = append(p.list, splice{at: inside, text: p.eol + p.lineIndent(b.at.start), rank: rankSubtable})
	}
	p.braces.finish()
}

package layout

import "github.com/pelletier/go-toml/v2/unstable"

// locateTOML locates the keys of a TOML file.
func locateTOML(data []byte) Positions {
	l := tomlLocator{found: Positions{}, text: Layout{Source: data}, counts: map[string]int{}}
	var parser unstable.Parser
	parser.Reset(data)
	base := ""
	for parser.NextExpression() {
		expr := parser.Expression()
		switch expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			base = l.header(expr)
		case unstable.KeyValue:
			l.keyValue(base, expr)
		}
	}
	return l.found
}

type tomlLocator struct {
	found  Positions
	text   Layout
	counts map[string]int // of the tables of each [[array]], by its path without the last index
}

// header records the names in a header, and returns the path of its table.
func (l *tomlLocator) header(expr *unstable.Node) string {
	base := ""
	for it := expr.Key(); it.Next(); {
		at := Place{Key: rawSpan(it.Node())}
		base = Join(base, string(it.Node().Data))
		l.found.add(base, at)
		if expr.Kind == unstable.ArrayTable && it.IsLast() {
			l.counts[base]++
		}
		if n := l.counts[base]; n > 0 {
			base = ItemOf(base, n-1)
			l.found.add(base, at)
		}
	}
	return base
}

// keyValue records `key = value`, and returns where the value ends.
func (l *tomlLocator) keyValue(base string, kv *unstable.Node) int {
	var at Place
	for it := kv.Key(); it.Next(); {
		at.Key = rawSpan(it.Node())
		base = Join(base, string(it.Node().Data))
		if !it.IsLast() {
			l.found.add(base, at)
		}
	}
	start := l.text.Blanks(l.text.Blanks(at.Key.End) + 1)
	at.Value = l.value(base, kv.Value(), start)
	l.found.add(base, at)
	return at.Value.End
}

// value records the keys and items inside a value that begins at start, and returns its
// extent. go-toml has the range of scalars only, see [tomlScanner.value].
func (l *tomlLocator) value(path string, value *unstable.Node, start int) Span {
	switch value.Kind {
	case unstable.InlineTable:
		end := start + 1
		for it := value.Children(); it.Next(); {
			end = l.keyValue(path, it.Node())
		}
		return Span{start, l.text.filler(end) + 1}
	case unstable.Array:
		end, i := start+1, 0
		for it := value.Children(); it.Next(); {
			item := ItemOf(path, i)
			at := l.value(item, it.Node(), l.text.filler(end))
			l.found.add(item, Place{Key: at, Value: at})
			end = at.End
			i++
		}
		return Span{start, l.text.filler(end) + 1}
	}
	return rawSpan(value)
}

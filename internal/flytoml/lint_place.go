package flytoml

import (
	"bytes"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// extent is where a key and its value stand. A table that headers or dotted
// keys make has no place for its value; an item of a list has its value's
// place for a key, and is a plain value or has no place for its value either.
type extent struct{ key, value span }

// places tells where the keys of the file stand, by their paths. It is empty
// for formats whose places are not known, and has no paths beyond maxPath.
func (f *File) places() map[string]extent {
	if f.format != formatTOML {
		return nil
	}
	p := placesOf{src: f.data, at: map[string]extent{}, tables: map[string]int{}}
	var parser unstable.Parser
	parser.Reset(f.data)
	base, ok := "", true
	for parser.NextExpression() {
		expr := parser.Expression()
		switch expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			base, ok = p.header(expr)
		case unstable.KeyValue:
			if ok {
				p.keyValue(base, expr)
			}
		}
	}
	return p.at
}

// placesOf collects the places of a file.
type placesOf struct {
	src    []byte
	at     map[string]extent
	tables map[string]int // in each [[array]], by its path without the last index
}

// header reads a [table] or [[array of tables]]; false if its path is too long.
func (p placesOf) header(expr *unstable.Node) (string, bool) {
	path := ""
	for it := expr.Key(); it.Next(); {
		at := extent{key: rawSpan(it.Node())}
		if len(path)+len(it.Node().Data) > maxPath {
			return "", false
		}
		path = join(path, string(it.Node().Data))
		p.first(path, at)
		if expr.Kind == unstable.ArrayTable && it.IsLast() {
			p.tables[path]++
		}
		if n := p.tables[path]; n > 0 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
			p.first(path, at)
		}
	}
	return path, true
}

func (p placesOf) keyValue(path string, kv *unstable.Node) {
	at := extent{}
	for it := kv.Key(); it.Next(); {
		if len(path)+len(it.Node().Data) > maxPath {
			return
		}
		path = join(path, string(it.Node().Data))
		at = extent{key: rawSpan(it.Node())}
		if it.IsLast() {
			at.value.start = at.key.end + len(p.src[at.key.end:]) - len(bytes.TrimLeft(p.src[at.key.end:], " \t="))
			at.value.end = rawSpan(kv).end
		}
		p.first(path, at)
	}
	p.value(path, at, kv.Value())
}

func (p placesOf) value(path string, around extent, value *unstable.Node) {
	switch value.Kind {
	case unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				p.keyValue(path, it.Node())
			}
		}
	case unstable.Array:
		i := 0
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			item := fmt.Sprintf("%s[%d]", path, i)
			i++
			if len(item) > maxPath {
				continue
			}
			at := extent{key: rawSpan(it.Node()), value: scalarSpan(it.Node())}
			if at.key == (span{}) {
				at.key = around.key
			}
			p.first(item, at)
			p.value(item, at, it.Node())
		}
	}
}

// first keeps the first place of a path: a table may be continued.
func (p placesOf) first(path string, at extent) {
	if _, seen := p.at[path]; !seen {
		p.at[path] = at
	}
}

func rawSpan(n *unstable.Node) span {
	return span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
}

// scalarSpan is a value's place, empty for what is made of several.
func scalarSpan(n *unstable.Node) span {
	if n.Kind == unstable.InlineTable || n.Kind == unstable.Array {
		return span{}
	}
	return rawSpan(n)
}

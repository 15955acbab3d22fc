package flytoml

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// positions maps the path of every key of a file to where the key stands. A
// path has the names joined by dots and an index behind each array:
// services[0].ports[1].port.
type positions map[string]int

// join adds a name to a path.
func join(path, name string) string {
	if name == "" || strings.ContainsAny(name, ".[] \t\"'") {
		name = fmt.Sprintf("%q", name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// locate finds the keys of a file that go-toml has decoded without an error.
func locate(data []byte) positions {
	found := positions{}
	counts := map[string]int{} // of the tables of each [[array]], by its path without the last index
	var parser unstable.Parser
	parser.Reset(data)
	base := ""
	for parser.NextExpression() {
		expr := parser.Expression()
		switch expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			base = ""
			for it := expr.Key(); it.Next(); {
				base = join(base, string(it.Node().Data))
				if expr.Kind == unstable.ArrayTable && it.IsLast() {
					counts[base]++
				}
				if _, seen := found[base]; !seen {
					found[base] = int(it.Node().Raw.Offset)
				}
				if n := counts[base]; n > 0 {
					base = fmt.Sprintf("%s[%d]", base, n-1)
					if _, seen := found[base]; !seen {
						found[base] = int(it.Node().Raw.Offset)
					}
				}
			}
		case unstable.KeyValue:
			found.keyValue(base, expr)
		}
	}
	return found
}

func (p positions) keyValue(base string, kv *unstable.Node) {
	for it := kv.Key(); it.Next(); {
		base = join(base, string(it.Node().Data))
		if _, seen := p[base]; !seen {
			p[base] = int(it.Node().Raw.Offset)
		}
	}
	p.value(base, p[base], kv.Value())
}

func (p positions) value(path string, at int, value *unstable.Node) {
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
			p[item] = at
			p.value(item, at, it.Node())
			i++
		}
	}
}

package flytoml

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// scalar is a value that an edit writes: a Bool, Integer or String, or an
// Array of strings.
type scalar struct {
	kind unstable.Kind
	on   bool
	n    int64
	text string
	list []string
}

func number(n int) scalar { return scalar{kind: unstable.Integer, n: int64(n)} }

// toml is the value as it is written, with strings in the given quotes.
func (v scalar) toml(quote byte) string {
	switch v.kind {
	case unstable.Bool:
		return strconv.FormatBool(v.on)
	case unstable.Integer:
		return strconv.FormatInt(v.n, 10)
	case unstable.Array:
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = tomlString(item, quote)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return tomlString(v.text, quote)
}

// tomlString quotes a string; one that cannot stand in the wanted quotes as it
// is gets double ones and escapes.
func tomlString(s string, quote byte) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == rune(quote) || r == '\\' && quote == '"'
	})
	if plain {
		return string(quote) + s + string(quote)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// decodesTo tells whether go-toml decodes the written value to got.
func (v scalar) decodesTo(got any) bool {
	switch got := got.(type) {
	case bool:
		return v.kind == unstable.Bool && got == v.on
	case int64:
		return v.kind == unstable.Integer && got == v.n
	case string:
		return v.kind == unstable.String && got == v.text
	case []any:
		return v.kind == unstable.Array && slices.EqualFunc(v.list, got, func(want string, item any) bool {
			return item == want
		})
	}
	return false
}

// integer reads an Integer in any of TOML's spellings, or a whole Float, which
// flyctl takes for one.
func (n *node) integer(src []byte) (int64, bool) {
	text := string(src[n.at.start:n.at.end])
	switch n.kind {
	case unstable.Integer:
		i, err := strconv.ParseInt(text, 0, 64)
		return i, err == nil
	case unstable.Float:
		f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		return int64(f), err == nil && float64(int64(f)) == f
	}
	return 0, false
}

// means tells whether a value already says v. For flyctl, true and false are
// spellings of stop and off where it wants one of these words.
func (n *node) means(v scalar, src []byte) bool {
	switch {
	case v.kind == unstable.Integer:
		i, ok := n.integer(src)
		return ok && i == v.n
	case n.kind == unstable.Bool && v.kind == unstable.String:
		return v.text == "stop" && src[n.at.start] == 't' || v.text == "off" && src[n.at.start] == 'f'
	case n.kind != v.kind:
		return false
	case v.kind == unstable.Bool:
		return v.on == (src[n.at.start] == 't')
	}
	return n.text == v.text
}

// set gives a key of a table a value: it replaces the one that is there unless
// that means the same already, or adds the key.
func (ed *editor) set(s service, table *node, path keyPath, key string, v scalar) error {
	present, name := table.get(key)
	if present != nil {
		return ed.put(s, present, path.with(pathStep{key: name}), v)
	}
	pairs, changes := ed.record(s, path, []setting{{key, v}})
	ed.addKey(table, pairs[0][0], pairs[0][1], changes...)
	return nil
}

// put replaces a value unless it means the same already. Strings keep the
// quotes they had.
func (ed *editor) put(s service, n *node, path keyPath, v scalar) error {
	if n.kind == unstable.Table || n.kind == unstable.ArrayTable {
		return ed.refuse(n.at.start, path.String()+" is a table where flyctl takes a value")
	}
	if n.means(v, ed.src) {
		return nil
	}
	was := ed.src[n.at.start:n.at.end]
	if n.kind != unstable.String && bytes.IndexByte(was, '#') >= 0 {
		return ed.refuse(n.at.start, path.String()+" is not a single value, and has a comment inside")
	}
	quote := ed.quote
	if n.kind == unstable.String {
		quote = was[0]
	}
	ed.account(EditChange{Path: path.String(), Before: string(was), After: v.toml(quote), Groups: s.groups}, path, v)
	ed.replace(n.at, v.toml(quote), len(ed.changes)-1)
	return nil
}

// record takes new keys into account: it returns them as pairs to be written,
// and the numbers of their changes.
func (ed *editor) record(s service, path keyPath, list []setting) (pairs [][2]string, changes []int) {
	for _, item := range list {
		at := path.with(pathStep{key: item.key})
		text := item.value.toml(ed.quote)
		ed.account(EditChange{Path: at.String(), After: text, Groups: s.groups}, at, item.value)
		pairs = append(pairs, [2]string{item.key, text})
		changes = append(changes, len(ed.changes)-1)
	}
	return pairs, changes
}

func (ed *editor) account(change EditChange, path keyPath, v scalar) {
	ed.changes = append(ed.changes, change)
	ed.paths = append(ed.paths, path)
	ed.values = append(ed.values, v)
}

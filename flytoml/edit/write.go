package edit

import (
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// writer puts what is new into a file in the manner of its neighbours. There
// is one for each format.
type writer interface {
	// set puts a value in the place of another.
	set(n *layout.Node, text string, change int)
	// addKey adds a key to a table, in the shape that the table has.
	addKey(t *layout.Node, k newKey) error
	// addTable adds a table inside another, or in the place of a null.
	addTable(t *layout.Node, k newKey, null *layout.Node) error
	// addItem adds a table to a list that has one.
	addItem(list *layout.Node, k newKey) error
	// create adds a table, or a list of tables, at the top of the file, or in the
	// place of a null or of an empty list.
	create(k newKey, null *layout.Node) error
	// finish writes what waits for the last key of its table.
	finish()
}

// newWriter is the writer of a format.
func newWriter(format syntax.Format, s *splices) writer {
	b := braces{splices: s, waiting: map[*layout.Block][]addition{}}
	switch format {
	case syntax.JSON:
		return &jsonWriter{b}
	case syntax.YAML:
		return &yamlWriter{b}
	}
	return &tomlWriter{braces: b, opened: map[*layout.Node]struct{}{}}
}

// newKey is a key to add, with its value, or a table with its keys, or a list of
// such tables.
type newKey struct {
	name   string
	text   string // the value as the format writes it
	change int    // the number of the change that it is
	keys   []newKey
	list   []newKey
}

// plain reports whether the key has a single value.
func (k newKey) plain() bool { return k.keys == nil && k.list == nil }

// changes are the numbers of all the changes in a key.
func (k newKey) changes() []int {
	if k.plain() {
		return []int{k.change}
	}
	var all []int
	for _, key := range slices.Concat(k.keys, k.list) {
		all = append(all, key.changes()...)
	}
	return all
}

// newLine is a line to add, without its ending, and the changes in it.
type newLine struct {
	text    string
	changes []int
}

// assign is a key with its value on one line.
func (l *splices) assign(k newKey) string {
	return l.Mark + k.name + l.Mark + l.Sign + l.inline(k)
}

// inline is a key's value on one line.
func (l *splices) inline(k newKey) string {
	switch {
	case k.list != nil:
		items := make([]string, len(k.list))
		for i, item := range k.list {
			items[i] = l.inline(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case k.keys == nil:
		return k.text
	}
	list := make([]string, len(k.keys))
	for i, key := range k.keys {
		list[i] = l.assign(key)
	}
	return "{" + l.pad() + strings.Join(list, l.comma()) + l.pad() + "}"
}

// pad stands inside braces on one line.
func (l *splices) pad() string {
	if l.Sign == ":" {
		return ""
	}
	return " "
}

// comma stands between the keys of a table on one line.
func (l *splices) comma() string { return "," + l.pad() }

// position counts the keys of a service from 1 in the order in which flyctl
// writes them, as far as an edit needs it; 0 is any other key.
func position(key string) int {
	switch strings.ToLower(key) {
	case "protocol":
		return 1
	case "internal_port":
		return 2
	case "force_https":
		return 3
	case "auto_stop_machines":
		return 4
	case "auto_start_machines":
		return 5
	case "min_machines_running":
		return 6
	}
	return 0
}

// behind is the entry of a block that a new key goes behind: the last of those
// that come before it in flyctl's order, or else the last of all.
func behind(b *layout.Block, key string) int {
	want := position(key)
	for i := len(b.Entries) - 1; i >= 0; i-- {
		if at := position(b.Entries[i].Name); at > 0 && at < want {
			return i
		}
	}
	return len(b.Entries) - 1
}

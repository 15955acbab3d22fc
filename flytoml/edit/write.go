package edit

import (
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// writer adds text to a file in the style of its surroundings. Each format has one.
type writer interface {
	// set replaces a value.
	set(n *layout.Node, text string, change int)
	// addKey adds a key to a table, in the table's style.
	addKey(t *layout.Node, k newKey) error
	// addTable adds a table inside another, or replaces null with it.
	addTable(t *layout.Node, k newKey, null *layout.Node) error
	// addItem adds a table to a list of tables.
	addItem(list *layout.Node, k newKey) error
	// create adds a table or a list of tables at the top level. It replaces null or
	// an empty list, if there is one in its place.
	create(k newKey, null *layout.Node) error
	// finish writes the additions that had to wait for the last key of their table.
	finish()
}

// newWriter returns the writer of a format.
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

// newKey is a key to add: with a value, with a table of keys, or with a list of such tables.
type newKey struct {
	name   string
	text   string // the value as the format writes it
	change int    // the index of its change
	keys   []newKey
	list   []newKey
}

// plain reports whether the key has a single value.
func (k newKey) plain() bool { return k.keys == nil && k.list == nil }

// changes returns the indexes of all changes in a key.
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

// assign returns a key with its value on one line.
func (l *splices) assign(k newKey) string {
	return l.Mark + k.name + l.Mark + l.Sign + l.inline(k)
}

// inline returns a key's value on one line.
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

// pad returns the space inside braces on one line.
func (l *splices) pad() string {
	if l.Sign == ":" {
		return ""
	}
	return " "
}

// comma returns the separator of keys in a table on one line.
func (l *splices) comma() string { return "," + l.pad() }

// position returns the position of a key of a service in the order in which
// flyctl writes them, from 1. It is 0 for keys that an edit does not need.
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

// entryBefore returns the index of the entry after which a new key goes: the last one
// that comes before it in flyctl's order, or else the last one.
func entryBefore(b *layout.Block, key string) int {
	want := position(key)
	for i := len(b.Entries) - 1; i >= 0; i-- {
		if at := position(b.Entries[i].Name); at > 0 && at < want {
			return i
		}
	}
	return len(b.Entries) - 1
}

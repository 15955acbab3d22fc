package flytoml

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// span is a piece of a file, in bytes.
type span struct{ start, end int }

// layout is where the services of a file stand in its bytes: a tree of their
// tables and values, and the habits of whoever wrote them.
type layout struct {
	name  string
	src   []byte
	root  *node
	eol   string // of the file's first line
	quote byte   // the one that most strings have
	unit  string // by which keys stand deeper than their header
}

// node is a value of the file, or a table that headers or dotted keys make.
type node struct {
	kind    unstable.Kind // Table and ArrayTable are made by headers and dotted keys, the rest are values
	at      span          // of a value; of the key that first names a Table or ArrayTable
	text    string        // what a String says
	exact   bool          // keys that differ in case alone are different keys
	members []member      // of a table
	index   map[string]int
	items   []*node // of an array
	own     *block  // where a table's keys stand under its header or between its braces
	dotted  home    // where they stand if dotted keys make the table
	below   *block  // the first header that names a table inside this one
	depth   int     // how many parts of below's name are this table's
}

// member is a key of a table with its value.
type member struct {
	name string
	node *node
}

// block is a run of keys that stand together: before the first header, under a
// header, or between the braces of an inline table.
type block struct {
	at      span  // of the header or of the braces; empty for the first block
	parts   []int // where the parts of the header's name end
	name    int   // where the header's name begins
	inline  bool
	entries []entry
}

// entry is one `key = value` of a block.
type entry struct {
	name  string // of a key without dots
	at    span   // from the key to the end of the value
	parts []int  // where the parts of the key end
	value int    // where the value begins
}

// home is the place of a table whose name stands in dotted keys.
type home struct {
	block   *block
	depth   int   // how many parts of each key name the table
	entries []int // the keys in block that do
}

func (n *node) isTable() bool {
	return n.kind == unstable.Table || n.kind == unstable.InlineTable
}

func (n *node) isArray() bool {
	return n.kind == unstable.ArrayTable || n.kind == unstable.Array
}

// get finds a key as encoding/json does for flyctl: in any case. It returns
// the key as the file spells it.
func (n *node) get(key string) (*node, string) {
	if n.index != nil {
		if i, ok := n.index[foldKey(key)]; ok {
			return n.members[i].node, n.members[i].name
		}
		return nil, key
	}
	for _, m := range n.members {
		if strings.EqualFold(m.name, key) {
			return m.node, m.name
		}
	}
	return nil, key
}

// foldKey gives keys that encoding/json takes for the same the same form.
func foldKey(key string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return r
		}
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, key)
}

// scanner builds a layout, expression by expression.
type scanner struct {
	*layout
	parser   unstable.Parser
	block    *block // the one that is being read
	table    *node  // whose keys it holds; nil if no edit is about them
	indented bool   // unit is known
	quotes   [2]int // strings in single and in double quotes
}

// part is one name of a dotted key.
type part struct {
	name string
	at   span
}

// scan lays out a file that go-toml has decoded without an error. It refuses
// keys that differ in case alone where flyctl takes them for the same.
func scan(name string, src []byte) (*layout, error) {
	s := &scanner{layout: &layout{name: name, src: src, eol: "\n", unit: "  "}}
	if _, next := s.line(0); next >= 2 && src[next-2] == '\r' {
		s.eol = "\r\n"
	}
	s.root = &node{kind: unstable.Table}
	s.block = &block{}
	s.root.own = s.block
	s.table = s.root
	s.parser.KeepComments = true
	s.parser.Reset(src)
	for s.parser.NextExpression() {
		expr := s.parser.Expression()
		var err error
		switch expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			err = s.header(expr)
		case unstable.KeyValue:
			_, err = s.keyValue(s.table, s.block, expr, s.table == s.root)
			s.learn(expr)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.parser.Error(); err != nil {
		return nil, fmt.Errorf("%s: go-toml reads the file but does not parse it: %w", name, err)
	}
	s.quote = '"'
	if s.quotes[0] > s.quotes[1] {
		s.quote = '\''
	}
	return s.layout, nil
}

// isServices tells the two names at the top of a file that edits are about.
func isServices(name string) bool {
	return strings.EqualFold(name, "http_service") || strings.EqualFold(name, "services")
}

// learn takes note of the habits in a line.
func (s *scanner) learn(expr *unstable.Node) {
	if value := expr.Value(); value.Kind == unstable.String {
		switch s.src[value.Raw.Offset] {
		case '\'':
			s.quotes[0]++
		case '"':
			s.quotes[1]++
		}
	}
	if !s.indented && s.block.at.end > 0 {
		header, key := s.indent(s.block.at.start), s.indent(int(expr.Raw.Offset))
		if strings.HasPrefix(key, header) {
			s.unit = key[len(header):]
			s.indented = true
		}
	}
}

// header reads a [table] or [[array of tables]].
func (s *scanner) header(expr *unstable.Node) error {
	parts := s.key(expr.Key())
	last := parts[len(parts)-1].at
	b := &block{name: parts[0].at.start, parts: ends(parts)}
	b.at.start = b.name
	for b.at.start--; s.src[b.at.start] != '['; b.at.start-- {
	}
	b.at.end = s.blanks(last.end) + 1
	if expr.Kind == unstable.ArrayTable {
		b.at.start--
		b.at.end++
	}
	s.block, s.table = b, nil
	tracked := isServices(parts[0].name)
	t := s.root
	for i, p := range parts {
		child, isNew, err := s.child(t, p)
		switch {
		case err != nil:
			return err
		case !tracked:
			return nil
		}
		if isNew {
			child.kind, child.at = unstable.Table, p.at
			if i == len(parts)-1 {
				child.kind = expr.Kind
			}
		}
		if i == len(parts)-1 {
			if expr.Kind == unstable.ArrayTable {
				item := &node{kind: unstable.Table, at: p.at, exact: child.exact}
				child.items = append(child.items, item)
				child = item
			}
			child.own = b
			s.table = child
			return nil
		}
		if child.kind == unstable.ArrayTable {
			child = child.items[len(child.items)-1]
		}
		if child.kind != unstable.Table {
			return s.refuse(p.at.start, "this header continues a table that cannot be continued")
		}
		if child.below == nil {
			child.below, child.depth = b, i+1
		}
		t = child
	}
	return nil
}

// keyValue reads `key = value` into a table; top says that the table is the
// root, where most keys are of no interest. It returns where the value ends.
func (s *scanner) keyValue(table *node, b *block, expr *unstable.Node, top bool) (int, error) {
	at := span{int(expr.Raw.Offset), int(expr.Raw.Offset + expr.Raw.Length)}
	if table == nil {
		return at.end, nil
	}
	parts := s.key(expr.Key())
	last := parts[len(parts)-1]
	e := entry{at: at, parts: ends(parts), value: s.blanks(s.blanks(last.at.end) + 1)}
	if len(parts) == 1 {
		e.name = last.name
	}
	b.entries = append(b.entries, e)
	tracked := !top || isServices(parts[0].name)
	for i, p := range parts {
		child, isNew, err := s.child(table, p)
		switch {
		case err != nil:
			return 0, err
		case !tracked:
			return at.end, nil
		case i == len(parts)-1:
			_, err := s.value(child, expr.Value(), e.value)
			return at.end, err
		case isNew:
			child.kind, child.at = unstable.Table, p.at
			child.dotted = home{block: b, depth: i + 1}
		case child.kind != unstable.Table:
			return 0, s.refuse(p.at.start, "this key continues a table that cannot be continued")
		}
		if child.dotted.block == b {
			child.dotted.entries = append(child.dotted.entries, len(b.entries)-1)
		}
		table = child
	}
	return at.end, nil
}

// value reads a value that begins at start into n, and returns where it ends.
// go-toml tells the range of a scalar only: the others end where their last
// item, and the blanks, commas and comments after it, do.
func (s *scanner) value(n *node, value *unstable.Node, start int) (int, error) {
	n.kind, n.at.start = value.Kind, start
	switch value.Kind {
	case unstable.Array:
		end := start + 1
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			item := &node{exact: n.exact}
			var err error
			if end, err = s.value(item, it.Node(), s.filler(end)); err != nil {
				return 0, err
			}
			n.items = append(n.items, item)
		}
		n.at.end = s.filler(end) + 1
	case unstable.InlineTable:
		end := start + 1
		n.own = &block{inline: true}
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			var err error
			if end, err = s.keyValue(n, n.own, it.Node(), false); err != nil {
				return 0, err
			}
		}
		n.at.end = s.filler(end) + 1
		n.own.at = n.at
	default:
		if value.Kind == unstable.String {
			n.text = string(value.Data)
		}
		n.at.end = int(value.Raw.Offset + value.Raw.Length)
	}
	return n.at.end, nil
}

// child finds or makes the member that a part of a key names.
func (s *scanner) child(table *node, p part) (child *node, isNew bool, err error) {
	// Few tables have more keys than this; for those who do, comparing each
	// with each would take too long.
	const few = 8
	found := -1
	if table.index == nil {
		for i, m := range table.members {
			if m.name == p.name || !table.exact && strings.EqualFold(m.name, p.name) {
				found = i
				break
			}
		}
	} else if i, ok := table.index[table.indexKey(p.name)]; ok {
		found = i
	}
	if found >= 0 {
		if m := table.members[found]; m.name != p.name {
			return nil, false, s.refuse(p.at.start, fmt.Sprintf("the key %q differs from %q in case alone: flyctl takes both for the same key", p.name, m.name))
		}
		return table.members[found].node, false, nil
	}
	// The names of headers are data, not fields of flyctl's.
	child = &node{exact: table.exact || strings.EqualFold(p.name, "headers")}
	table.members = append(table.members, member{p.name, child})
	switch {
	case table.index != nil:
		table.index[table.indexKey(p.name)] = len(table.members) - 1
	case len(table.members) > few:
		table.index = map[string]int{}
		for i, m := range table.members {
			table.index[table.indexKey(m.name)] = i
		}
	}
	return child, true, nil
}

func (n *node) indexKey(name string) string {
	if n.exact {
		return name
	}
	return foldKey(name)
}

// key copies the parts of a key: go-toml's nodes die with the expression.
func (s *scanner) key(it unstable.Iterator) []part {
	parts := make([]part, 0, 2)
	for it.Next() {
		n := it.Node()
		start := int(n.Raw.Offset)
		parts = append(parts, part{string(n.Data), span{start, start + int(n.Raw.Length)}})
	}
	return parts
}

func ends(parts []part) []int {
	list := make([]int, len(parts))
	for i, p := range parts {
		list[i] = p.at.end
	}
	return list
}

func (l *layout) refuse(offset int, reason string) error {
	return syntaxErrorAt(l.name, l.src, offset, reason)
}

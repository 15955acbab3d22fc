package flytoml

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a piece of a file, in bytes.
type span struct{ start, end int }

// kind is what a value is, in any of the formats.
type kind int

const (
	kindOther  kind = iota // a date, say
	kindTable              // made by headers and dotted keys, or a block mapping of YAML
	kindTables             // an array of such
	kindInline             // a table in braces
	kindArray              // an array in brackets
	kindString
	kindBool
	kindInteger
	kindFloat
	kindNull
)

// layout is where the services of a file stand in its bytes: a tree of their
// tables and values, and the habits of whoever wrote them.
type layout struct {
	name  string
	src   []byte
	root  *node
	eol   string // of the file's first line
	quote byte   // the one that most strings have; 0 if they have none
	unit  string // by which keys stand deeper than their header
	sign  string // between a key and its value
	mark  string // the quotes around keys
	open  bool   // the last line is one of a text, and does not end
	kept  int    // where a text ends that keeps the empty lines behind it
}

// node is a value of the file, or a table that headers or dotted keys make.
type node struct {
	kind    kind
	at      span   // of a value; of the key that first names a table without braces
	text    string // what a String says
	on      bool   // what a Bool says
	number  int64  // what an Integer says, or a whole Float, which flyctl takes for one
	whole   bool   // number counts
	exact   bool   // keys that differ in case alone are different keys
	locked  string // why nothing in it may change; empty if it may
	merged  int    // behind where YAML's << stands in a table, if not 0
	members []member
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
// header, between the braces of an inline table, or in a column of YAML.
type block struct {
	at      span  // of the header or of the braces; empty for the first block
	parts   []int // where the parts of the header's name end
	name    int   // where the header's name begins, or the key of a JSON object
	inline  bool
	column  int // of YAML's keys, from 0
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

// part is one name of a dotted key.
type part struct {
	name string
	at   span
}

func (n *node) isTable() bool { return n.kind == kindTable || n.kind == kindInline }

func (n *node) isArray() bool { return n.kind == kindTables || n.kind == kindArray }

// absent tells whether flyctl reads the value as if its key were not there.
func (n *node) absent() bool { return n == nil || n.kind == kindNull }

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

// wholeFloat notes the number of a Float that has no fraction.
func (n *node) wholeFloat(text string) {
	f, err := strconv.ParseFloat(text, 64)
	n.number, n.whole = int64(f), err == nil && float64(int64(f)) == f
}

// scan lays out a file that its format's decoder has read without an error. It
// refuses keys that differ in case alone where flyctl takes them for the same.
func scan(format format, name string, src []byte) (*layout, error) {
	l := &layout{name: name, src: src, eol: "\n", unit: "  "}
	if _, next := l.line(0); next >= 2 && src[next-2] == '\r' {
		l.eol = "\r\n"
	}
	var err error
	switch format {
	case formatJSON:
		err = l.scanJSON()
	case formatYAML:
		err = l.scanYAML()
	default:
		err = l.scanTOML()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// isServices tells the two names at the top of a file that edits are about.
func isServices(name string) bool {
	return strings.EqualFold(name, "http_service") || strings.EqualFold(name, "services")
}

// child finds or makes the member that a part of a key names.
func (l *layout) child(table *node, p part) (child *node, isNew bool, err error) {
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
			return nil, false, l.refuse(p.at.start, fmt.Sprintf("the key %q differs from %q in case alone: flyctl takes both for the same key", p.name, m.name))
		}
		return table.members[found].node, false, nil
	}
	// The names of headers are data, not fields of flyctl's.
	child = &node{exact: table.exact || strings.EqualFold(p.name, "headers")}
	if table.members == nil {
		table.members = make([]member, 0, few/2)
	}
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

// majority is the quote that most strings have, out of how many have each;
// plain is -1 where none is not possible.
func majority(plain, single, double int) byte {
	switch {
	case plain >= single && plain >= double:
		return 0
	case single > double:
		return '\''
	}
	return '"'
}

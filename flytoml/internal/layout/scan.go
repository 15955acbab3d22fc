// Package layout finds where keys and values stand in the bytes of a file: [Locate]
// has the place of every key, [Scan] a tree of the services with what an edit
// needs to know of how they are written.
package layout

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Span is a piece of a file, in bytes.
type Span struct{ Start, End int }

// Kind is what a value is, in any of the formats.
type Kind int

const (
	kindOther  Kind = iota // a date, say
	KindTable              // made by headers and dotted keys, or a block mapping of YAML
	KindTables             // an array of such
	KindInline             // a table in braces
	KindArray              // an array in brackets
	KindString
	KindBool
	KindInteger
	kindFloat
	kindNull
)

// Layout is where the services of a file stand in its bytes: a tree of their
// tables and values, and the habits of whoever wrote them.
type Layout struct {
	name   string
	Source []byte
	Root   *Node
	EOL    string // of the file's first line
	Quote  byte   // the one that most strings have; 0 if they have none
	Unit   string // by which keys stand deeper than their header
	Sign   string // between a key and its value
	Mark   string // the quotes around keys
	Open   bool   // the last line is one of a text, and does not end
	Kept   int    // where a text ends that keeps the empty lines behind it
}

// Node is a value of the file, or a table that headers or dotted keys make.
type Node struct {
	Kind    Kind
	At      Span   // of a value; of the key that first names a table without braces
	Text    string // what a String says
	On      bool   // what a Bool says
	Number  int64  // what an Integer says, or a whole Float, which flyctl takes for one
	Whole   bool   // number counts
	exact   bool   // keys that differ in case alone are different keys
	Locked  string // why nothing in it may change; empty if it may
	Merged  int    // behind where YAML's << stands in a table, if not 0
	Members []member
	index   map[string]int
	Items   []*Node // of an array
	Own     *Block  // where a table's keys stand under its header or between its braces
	Dotted  Home    // where they stand if dotted keys make the table
	Below   *Block  // the first header that names a table inside this one
	Depth   int     // how many parts of below's name are this table's
}

// member is a key of a table with its value.
type member struct {
	Name string
	Node *Node
}

// Block is a run of keys that stand together: before the first header, under a
// header, between the braces of an inline table, or in a column of YAML.
type Block struct {
	At      Span  // of the header or of the braces; empty for the first block
	Parts   []int // where the parts of the header's name end
	Name    int   // where the header's name begins, or the key of a JSON object
	Inline  bool
	Column  int // of YAML's keys, from 0
	Entries []Entry
}

// Entry is one `key = value` of a block.
type Entry struct {
	Name  string // of a key without dots
	At    Span   // from the key to the end of the value
	Parts []int  // where the parts of the key end
	Value int    // where the value begins
}

// Home is the place of a table whose name stands in dotted keys.
type Home struct {
	Block   *Block
	Depth   int   // how many parts of each key name the table
	Entries []int // the keys in block that do
}

// part is one name of a dotted key.
type part struct {
	name string
	at   Span
}

func (n *Node) IsTable() bool { return n.Kind == KindTable || n.Kind == KindInline }

func (n *Node) IsArray() bool { return n.Kind == KindTables || n.Kind == KindArray }

// Absent tells whether flyctl reads the value as if its key were not there.
func (n *Node) Absent() bool { return n == nil || n.Kind == kindNull }

// Get finds a key as encoding/json does for flyctl: in any case. It returns
// the key as the file spells it.
func (n *Node) Get(key string) (*Node, string) {
	if n.index != nil {
		if i, ok := n.index[FoldKey(key)]; ok {
			return n.Members[i].Node, n.Members[i].Name
		}
		return nil, key
	}
	for _, m := range n.Members {
		if strings.EqualFold(m.Name, key) {
			return m.Node, m.Name
		}
	}
	return nil, key
}

// FoldKey gives keys that encoding/json takes for the same the same form.
func FoldKey(key string) string {
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
func (n *Node) wholeFloat(text string) {
	f, err := strconv.ParseFloat(text, 64)
	n.Number, n.Whole = int64(f), err == nil && float64(int64(f)) == f
}

// Scan lays out a file that its format's decoder has read without an error. It
// refuses keys that differ in case alone where flyctl takes them for the same.
func Scan(format syntax.Format, name string, src []byte) (*Layout, error) {
	l := &Layout{name: name, Source: src, EOL: "\n", Unit: "  "}
	if _, next := l.Line(0); next >= 2 && src[next-2] == '\r' {
		l.EOL = "\r\n"
	}
	var err error
	switch format {
	case syntax.JSON:
		err = l.scanJSON()
	case syntax.YAML:
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
func (l *Layout) child(table *Node, p part) (child *Node, isNew bool, err error) {
	// Few tables have more keys than this; for those who do, comparing each
	// with each would take too long.
	const few = 8
	found := -1
	if table.index == nil {
		for i, m := range table.Members {
			if m.Name == p.name || !table.exact && strings.EqualFold(m.Name, p.name) {
				found = i
				break
			}
		}
	} else if i, ok := table.index[table.indexKey(p.name)]; ok {
		found = i
	}
	if found >= 0 {
		if m := table.Members[found]; m.Name != p.name {
			return nil, false, l.Refuse(p.at.Start, fmt.Sprintf("the key %q differs from %q in case alone: flyctl takes both for the same key", p.name, m.Name))
		}
		return table.Members[found].Node, false, nil
	}
	// The names of headers are data, not fields of flyctl's.
	child = &Node{exact: table.exact || strings.EqualFold(p.name, "headers")}
	if table.Members == nil {
		table.Members = make([]member, 0, few/2)
	}
	table.Members = append(table.Members, member{p.name, child})
	switch {
	case table.index != nil:
		table.index[table.indexKey(p.name)] = len(table.Members) - 1
	case len(table.Members) > few:
		table.index = map[string]int{}
		for i, m := range table.Members {
			table.index[table.indexKey(m.Name)] = i
		}
	}
	return child, true, nil
}

func (n *Node) indexKey(name string) string {
	if n.exact {
		return name
	}
	return FoldKey(name)
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

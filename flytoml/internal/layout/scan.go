// Package layout finds keys and values in the bytes of a file. [Locate] has the place of
// every key, for findings. [Scan] has a tree of the services, with what an edit needs to
// know about how they are written, and refuses files that cannot be edited.
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
	kindOther  Kind = iota // such as a date
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

// Layout is the tree of a file's services with their places, and the file's style.
type Layout struct {
	name   string
	Source []byte
	Root   *Node
	EOL    string // of the file's first line
	Quote  byte   // the one that most strings have; 0 if they have none
	Unit   string // indentation of keys below their header
	Sign   string // between a key and its value
	Mark   string // the quotes around keys
	Open   bool   // the file ends within a block scalar, without a line end
	Kept   int    // end of the last block scalar that keeps the empty lines after it
}

// Node is a value of the file, or a table that headers or dotted keys make.
type Node struct {
	Kind    Kind
	At      Span   // of a value; of the key that first names a table without braces
	Text    string // of a String
	On      bool   // value of a Bool
	Number  int64  // of an Integer, or of a Float without a fraction, which flyctl takes for one
	Whole   bool   // Number is valid
	exact   bool   // keys that differ only in case are different keys
	Locked  string // why nothing in it may change; empty if it may
	Merged  int    // offset of YAML's << in a table, plus 1; 0: none
	Members []member
	index   map[string]int
	Items   []*Node // of an array
	Own     *Block  // a table's keys under its header or between its braces
	Dotted  Home    // a table's keys if dotted keys make it
	Below   *Block  // the first header that names a table inside this one
	Depth   int     // how many parts of Below's name are this table's
}

// member is a key of a table with its value.
type member struct {
	Name string
	Node *Node
}

// Block is a run of keys: before the first header, under a
// header, between the braces of an inline table, or in a column of YAML.
type Block struct {
	At      Span  // of the header or of the braces; empty for the first block
	Parts   []int // ends of the parts of the header's name
	Name    int   // start of the header's name, or of the key of a JSON object
	Inline  bool
	Column  int // of YAML's keys, from 0
	Entries []Entry
}

// Entry is one `key = value` of a block.
type Entry struct {
	Name  string // empty for a dotted key
	At    Span   // from the key to the end of the value
	Parts []int  // ends of the parts of the key
	Value int    // start of the value
}

// Home is the place of a table that dotted keys make.
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

// Absent reports whether flyctl reads the value as if there were no such key.
func (n *Node) Absent() bool { return n == nil || n.Kind == kindNull }

// Get returns the value of a key, and the key as the file spells it. Like encoding/json,
// it ignores case.
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

// FoldKey returns the same string for keys that encoding/json takes for the same.
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

// wholeFloat sets the number of a Float that has no fraction.
func (n *Node) wholeFloat(text string) {
	f, err := strconv.ParseFloat(text, 64)
	n.Number, n.Whole = int64(f), err == nil && float64(int64(f)) == f
}

// Scan returns the layout of a file that its format's decoder has read without an error.
// It refuses what an edit could get wrong, such as keys that differ only in case where
// flyctl takes them for the same.
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

// isServices reports whether a top-level key is one of the two that edits are about.
func isServices(name string) bool {
	return strings.EqualFold(name, "http_service") || strings.EqualFold(name, "services")
}

// child returns the member that a part of a key names, and makes it if there is none.
func (l *Layout) child(table *Node, p part) (child *Node, isNew bool, err error) {
	// Few tables have more keys than this. Those that do get an index, as comparing
	// each key with each would take too long.
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
			return nil, false, l.Refuse(p.at.Start, fmt.Sprintf(
				"the key %q differs from %q in case alone: flyctl takes both for the same key", p.name, m.Name))
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

// majority returns the quote that most strings have, 0 if most have none. The parameters
// count the strings; plain is -1 if strings need quotes.
func majority(plain, single, double int) byte {
	switch {
	case plain >= single && plain >= double:
		return 0
	case single > double:
		return '\''
	}
	return '"'
}

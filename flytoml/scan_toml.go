package flytoml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlScanner builds a layout, expression by expression.
type tomlScanner struct {
	*layout
	parser   unstable.Parser
	block    *block // the one that is being read
	table    *node  // whose keys it holds; nil if no edit is about them
	indented bool   // unit is known
	quotes   [2]int // strings in single and in double quotes
	parts    []part // of the last key
}

// scanTOML lays out a file that go-toml has decoded.
func (l *layout) scanTOML() error {
	s := &tomlScanner{layout: l}
	s.root = &node{kind: kindTable}
	s.block = &block{}
	s.root.own = s.block
	s.table = s.root
	s.parser.Reset(s.src)
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
			return err
		}
	}
	if err := s.parser.Error(); err != nil {
		return fmt.Errorf("%s: go-toml reads the file but does not parse it: %w", s.name, err)
	}
	s.quote, s.sign = majority(-1, s.quotes[0], s.quotes[1]), " = "
	return nil
}

// rawSpan is where go-toml says that a key, a scalar or an expression stands.
func rawSpan(n *unstable.Node) span {
	return span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
}

// learn takes note of the habits in a line.
func (s *tomlScanner) learn(expr *unstable.Node) {
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
func (s *tomlScanner) header(expr *unstable.Node) error {
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
			child.kind, child.at = kindTable, p.at
			if i == len(parts)-1 && expr.Kind == unstable.ArrayTable {
				child.kind = kindTables
			}
		}
		if i == len(parts)-1 {
			if expr.Kind == unstable.ArrayTable {
				item := &node{kind: kindTable, at: p.at, exact: child.exact}
				child.items = append(child.items, item)
				child = item
			}
			child.own = b
			s.table = child
			return nil
		}
		if child.kind == kindTables {
			child = child.items[len(child.items)-1]
		}
		if child.kind != kindTable {
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
func (s *tomlScanner) keyValue(table *node, b *block, expr *unstable.Node, top bool) (int, error) {
	at := rawSpan(expr)
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
			child.kind, child.at = kindTable, p.at
			child.dotted = home{block: b, depth: i + 1}
		case child.kind != kindTable:
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
func (s *tomlScanner) value(n *node, value *unstable.Node, start int) (int, error) {
	n.at.start = start
	switch value.Kind {
	case unstable.Array:
		n.kind = kindArray
		end := start + 1
		for it := value.Children(); it.Next(); {
			item := &node{exact: n.exact}
			var err error
			if end, err = s.value(item, it.Node(), s.filler(end)); err != nil {
				return 0, err
			}
			n.items = append(n.items, item)
		}
		n.at.end = s.filler(end) + 1
	case unstable.InlineTable:
		n.kind = kindInline
		end := start + 1
		n.own = &block{inline: true}
		for it := value.Children(); it.Next(); {
			var err error
			if end, err = s.keyValue(n, n.own, it.Node(), false); err != nil {
				return 0, err
			}
		}
		n.at.end = s.filler(end) + 1
		n.own.at = n.at
	default:
		n.at.end = rawSpan(value).end
		s.scalar(n, value)
	}
	return n.at.end, nil
}

// scalar reads what a value without parts says, in any of TOML's spellings.
func (s *tomlScanner) scalar(n *node, value *unstable.Node) {
	text := string(s.src[n.at.start:n.at.end])
	switch value.Kind {
	case unstable.String:
		n.kind, n.text = kindString, string(value.Data)
	case unstable.Bool:
		n.kind, n.on = kindBool, text == "true"
	case unstable.Integer:
		i, err := strconv.ParseInt(text, 0, 64)
		n.kind, n.number, n.whole = kindInteger, i, err == nil
	case unstable.Float:
		n.kind = kindFloat
		n.wholeFloat(strings.ReplaceAll(text, "_", ""))
	}
}

// key copies the parts of a key: go-toml's nodes die with the expression. They
// stay until the next key is read.
func (s *tomlScanner) key(it unstable.Iterator) []part {
	parts := s.parts[:0]
	for it.Next() {
		parts = append(parts, part{string(it.Node().Data), rawSpan(it.Node())})
	}
	s.parts = parts
	return parts
}

func ends(parts []part) []int {
	list := make([]int, len(parts))
	for i, p := range parts {
		list[i] = p.at.end
	}
	return list
}

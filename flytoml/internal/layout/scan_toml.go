package layout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlScanner builds a layout from the expressions of a file.
type tomlScanner struct {
	*Layout
	parser   unstable.Parser
	block    *Block // the current one
	table    *Node  // whose keys the block has; nil if no edit is about them
	indented bool   // Unit is known
	quotes   [2]int // counts strings in single and in double quotes
	parts    []part // of the last key
}

// scanTOML scans a TOML file.
func (l *Layout) scanTOML() error {
	s := &tomlScanner{Layout: l}
	s.Root = &Node{Kind: KindTable}
	s.block = &Block{}
	s.Root.Own = s.block
	s.table = s.Root
	s.parser.Reset(s.Source)
	for s.parser.NextExpression() {
		expr := s.parser.Expression()
		var err error
		switch expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			err = s.header(expr)
		case unstable.KeyValue:
			_, err = s.keyValue(s.table, s.block, expr, s.table == s.Root)
			s.learn(expr)
		}
		if err != nil {
			return err
		}
	}
	if err := s.parser.Error(); err != nil {
		return fmt.Errorf("%s: go-toml reads the file but does not parse it: %w", s.name, err)
	}
	s.Quote, s.Sign = majority(-1, s.quotes[0], s.quotes[1]), " = "
	return nil
}

// rawSpan returns the extent that go-toml has of a key, a scalar or an expression.
func rawSpan(n *unstable.Node) Span {
	return Span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
}

// learn takes the file's style from a line.
func (s *tomlScanner) learn(expr *unstable.Node) {
	if value := expr.Value(); value.Kind == unstable.String {
		switch s.Source[value.Raw.Offset] {
		case '\'':
			s.quotes[0]++
		case '"':
			s.quotes[1]++
		}
	}
	if !s.indented && s.block.At.End > 0 {
		header, key := s.Indent(s.block.At.Start), s.Indent(int(expr.Raw.Offset))
		if strings.HasPrefix(key, header) {
			s.Unit = key[len(header):]
			s.indented = true
		}
	}
}

// header reads a [table] or [[array of tables]].
func (s *tomlScanner) header(expr *unstable.Node) error {
	parts := s.key(expr.Key())
	last := parts[len(parts)-1].at
	b := &Block{Name: parts[0].at.Start, Parts: ends(parts)}
	b.At.Start = b.Name
	for b.At.Start--; s.Source[b.At.Start] != '['; b.At.Start-- {
	}
	b.At.End = s.Blanks(last.End) + 1
	if expr.Kind == unstable.ArrayTable {
		b.At.Start--
		b.At.End++
	}
	s.block, s.table = b, nil
	tracked := isServices(parts[0].name)
	t := s.Root
	for i, p := range parts {
		child, isNew, err := s.child(t, p)
		switch {
		case err != nil:
			return err
		case !tracked:
			return nil
		}
		if isNew {
			child.Kind, child.At = KindTable, p.at
			if i == len(parts)-1 && expr.Kind == unstable.ArrayTable {
				child.Kind = KindTables
			}
		}
		if i == len(parts)-1 {
			if expr.Kind == unstable.ArrayTable {
				item := &Node{Kind: KindTable, At: p.at, exact: child.exact}
				child.Items = append(child.Items, item)
				child = item
			}
			child.Own = b
			s.table = child
			return nil
		}
		if child.Kind == KindTables {
			child = child.Items[len(child.Items)-1]
		}
		if child.Kind != KindTable {
			return s.Refuse(p.at.Start, "this header continues a table that cannot be continued")
		}
		if child.Below == nil {
			child.Below, child.Depth = b, i+1
		}
		t = child
	}
	return nil
}

// keyValue reads `key = value` into a table, and returns where the value ends. If top is
// set, the table is the root, and only the services are read.
func (s *tomlScanner) keyValue(table *Node, b *Block, expr *unstable.Node, top bool) (int, error) {
	at := rawSpan(expr)
	if table == nil {
		return at.End, nil
	}
	parts := s.key(expr.Key())
	last := parts[len(parts)-1]
	e := Entry{At: at, Parts: ends(parts), Value: s.Blanks(s.Blanks(last.at.End) + 1)}
	if len(parts) == 1 {
		e.Name = last.name
	}
	b.Entries = append(b.Entries, e)
	tracked := !top || isServices(parts[0].name)
	for i, p := range parts {
		child, isNew, err := s.child(table, p)
		switch {
		case err != nil:
			return 0, err
		case !tracked:
			return at.End, nil
		case i == len(parts)-1:
			_, err := s.value(child, expr.Value(), e.Value)
			return at.End, err
		case isNew:
			child.Kind, child.At = KindTable, p.at
			child.Dotted = Home{Block: b, Depth: i + 1}
		case child.Kind != KindTable:
			return 0, s.Refuse(p.at.Start, "this key continues a table that cannot be continued")
		}
		if child.Dotted.Block == b {
			child.Dotted.Entries = append(child.Dotted.Entries, len(b.Entries)-1)
		}
		table = child
	}
	return at.End, nil
}

// value reads a value that begins at start into n, and returns where it ends. go-toml has
// the range of scalars only: arrays and inline tables end after their last item and the
// blanks, commas and comments that follow it.
func (s *tomlScanner) value(n *Node, value *unstable.Node, start int) (int, error) {
	n.At.Start = start
	switch value.Kind {
	case unstable.Array:
		n.Kind = KindArray
		end := start + 1
		for it := value.Children(); it.Next(); {
			item := &Node{exact: n.exact}
			var err error
			if end, err = s.value(item, it.Node(), s.filler(end)); err != nil {
				return 0, err
			}
			n.Items = append(n.Items, item)
		}
		n.At.End = s.filler(end) + 1
	case unstable.InlineTable:
		n.Kind = KindInline
		end := start + 1
		n.Own = &Block{Inline: true}
		for it := value.Children(); it.Next(); {
			var err error
			if end, err = s.keyValue(n, n.Own, it.Node(), false); err != nil {
				return 0, err
			}
		}
		n.At.End = s.filler(end) + 1
		n.Own.At = n.At
	default:
		n.At.End = rawSpan(value).End
		s.scalar(n, value)
	}
	return n.At.End, nil
}

// scalar reads a scalar, in any of TOML's spellings.
func (s *tomlScanner) scalar(n *Node, value *unstable.Node) {
	text := string(s.Source[n.At.Start:n.At.End])
	switch value.Kind {
	case unstable.String:
		n.Kind, n.Text = KindString, string(value.Data)
	case unstable.Bool:
		n.Kind, n.On = KindBool, text == "true"
	case unstable.Integer:
		i, err := strconv.ParseInt(text, 0, 64)
		n.Kind, n.Number, n.Whole = KindInteger, i, err == nil
	case unstable.Float:
		n.Kind = kindFloat
		n.wholeFloat(strings.ReplaceAll(text, "_", ""))
	}
}

// key copies the parts of a key, as go-toml's nodes are valid only until the next
// expression. The result is valid until the next call.
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
		list[i] = p.at.End
	}
	return list
}

package layout

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Why a value of YAML may not change. Messages have the path before it.
const (
	lockedShared = "is used in more than one place of the file (& and *), so that a change would be one of all of them"
	lockedTagged = "has a tag, which a new value would not fit"
	lockedBare   = "is a key without a colon"
	lockedBlock  = "is a text over several lines"
	lockedPair   = "is a pair without braces, which has no room for another: write it as {key: value}"
)

// yamlScanner builds a layout from the nodes of a document, which have where a value
// begins, but not where it ends.
type yamlScanner struct {
	*Layout
	places *syntax.LineIndex
	shared map[*yaml.Node]struct{} // what aliases stand for
	target map[*yaml.Node]*Node    // the same, as it was read
	quotes map[yaml.Style]int      // counts strings by their quotes
	nested bool                    // Unit is known
}

// scanYAML scans a YAML file.
func (l *Layout) scanYAML() error {
	l.Sign = ": "
	places := syntax.NewLineIndex(l.Source)
	switch {
	case !bytes.Equal(places.Data, l.Source):
		return l.Refuse(0, "the file is in UTF-16: save it as UTF-8")
	case places.Odd >= 0:
		return l.Refuse(places.Odd,
			"the file holds a line break that YAML knows and editors do not (CR alone, U+0085, U+2028 or U+2029)")
	}
	document, wrong := syntax.ComposeYAML(l.Source)
	switch {
	case wrong != nil:
		wrong.Name = l.name
		return wrong
	case document == nil:
		document = &yaml.Node{}
	}
	s := &yamlScanner{
		Layout: l, places: places,
		shared: map[*yaml.Node]struct{}{}, target: map[*yaml.Node]*Node{}, quotes: map[yaml.Style]int{},
	}
	end := 0
	l.Root = &Node{Kind: KindTable, Own: &Block{}}
	if len(document.Content) > 0 {
		top := document.Content[0]
		s.survey(top, false)
		start := s.start(top)
		var err error
		switch {
		case top.Kind == yaml.MappingNode:
			end, err = s.value(l.Root, top, -1, true)
		case top.Kind == yaml.ScalarNode && top.Value == "" && top.Tag == "!!null":
			end = start
		default:
			return l.Refuse(start, "the file holds no YAML mapping")
		}
		if err != nil {
			return err
		}
	}
	l.Quote = majority(s.quotes[0], s.quotes[yaml.SingleQuotedStyle], s.quotes[yaml.DoubleQuotedStyle])
	return l.yamlEnd(end, len(document.Content) == 0)
}

// yamlEnd refuses another document after the first. A file without a document may have
// comments only.
func (l *Layout) yamlEnd(offset int, none bool) error {
	for start := offset; start < len(l.Source); {
		end, next := l.Line(start)
		line := bytes.TrimPrefix(l.Source[start:end], []byte("\ufeff"))
		if rest, ok := bytes.CutPrefix(line, []byte("...")); ok && !none {
			line = rest
		}
		line = bytes.TrimLeft(line, " \t")
		if len(line) > 0 && line[0] != '#' {
			return l.Refuse(start, "there is more than one YAML document in the file: flyctl reads the first one only")
		}
		if next == start {
			break
		}
		start = next
	}
	return nil
}

// survey records what aliases stand for, and the quotes of strings.
func (s *yamlScanner) survey(y *yaml.Node, key bool) {
	switch {
	case y.Kind == yaml.AliasNode:
		s.shared[y.Alias] = struct{}{}
	case y.Kind == yaml.ScalarNode && y.Tag == "!!str" && !key:
		s.quotes[y.Style]++
	}
	for i, child := range y.Content {
		s.survey(child, y.Kind == yaml.MappingNode && i%2 == 0)
	}
}

// start returns where a node begins, after its anchor and tag.
func (s *yamlScanner) start(y *yaml.Node) int {
	offset := s.places.Offset(y.Line, y.Column)
	if y.Anchor == "" && y.Style&yaml.TaggedStyle == 0 {
		return offset
	}
	empty := y.Kind == yaml.ScalarNode && y.Value == "" && y.Style&^yaml.TaggedStyle == 0
	for next := offset; next < len(s.Source) && (s.Source[next] == '&' || s.Source[next] == '!'); {
		stop := " \t\r\n,]}"
		if bytes.HasPrefix(s.Source[next:], []byte("!<")) {
			stop = " \t\r\n"
		}
		for offset = next; offset < len(s.Source) && strings.IndexByte(stop, s.Source[offset]) < 0; {
			offset++
		}
		if next = s.filler(offset); !empty {
			offset = next
		}
	}
	return offset
}

// value reads a node into n, and returns where it ends. n is nil for a node that no edit
// is about; column is that of the block around it. If top is set, the node is the whole
// document, and only the services are read.
func (s *yamlScanner) value(n *Node, y *yaml.Node, column int, top bool) (int, error) {
	start := s.start(y)
	if n != nil {
		n.At.Start = start
		if _, ok := s.shared[y]; ok {
			n.Locked = lockedShared
		}
	}
	var err error
	end := start
	switch y.Kind {
	case yaml.MappingNode:
		end, err = s.mapping(n, y, start, top)
	case yaml.SequenceNode:
		end, err = s.sequence(n, y, start, column)
	case yaml.AliasNode:
		end = start + len("*") + len(y.Value)
		if n != nil {
			err = s.alias(n, y, column)
		}
	default:
		if end, err = s.scalarEnd(y, start, column); err == nil && n != nil {
			n.yamlScalar(y)
		}
	}
	if n != nil {
		n.At.End = end
		if n.Own != nil && n.Own.Inline {
			n.Own.At = n.At
		}
	}
	return end, err
}

// alias reads what an alias stands for into n. An alias of a scalar may be replaced by
// another value, as the other places that use the scalar do not change then.
func (s *yamlScanner) alias(n *Node, y *yaml.Node, column int) error {
	at := n.At.Start
	target := s.target[y.Alias]
	if target == nil {
		target = &Node{exact: n.exact}
		s.target[y.Alias] = target
		if _, err := s.value(target, y.Alias, column, false); err != nil {
			return err
		}
	}
	*n = *target
	n.At.Start = at
	if n.Locked = lockedShared; !n.IsTable() && !n.IsArray() {
		n.Locked = ""
	}
	return nil
}

func (s *yamlScanner) mapping(n *Node, y *yaml.Node, start int, top bool) (int, error) {
	flow := y.Style&yaml.FlowStyle != 0
	column := 0
	if len(y.Content) > 0 {
		column = y.Content[0].Column - 1
	}
	if n != nil {
		n.Kind = KindTable
		n.Own = &Block{Inline: flow, Column: column}
		if flow {
			n.Kind = KindInline
		}
		if flow && s.Source[start] != '{' && n.Locked == "" {
			n.Locked = lockedPair
		}
	}
	end := start
	if flow && s.Source[start] == '{' {
		end++
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		var err error
		if end, err = s.pair(n, y.Content[i], y.Content[i+1], column, flow, top); err != nil {
			return 0, err
		}
	}
	if flow && s.Source[start] == '{' {
		return s.closing(end, '}')
	}
	return end, nil
}

// pair reads a key of a mapping with its value.
func (s *yamlScanner) pair(table *Node, key, value *yaml.Node, column int, flow, top bool) (int, error) {
	if table == nil {
		if _, err := s.value(nil, key, column, false); err != nil {
			return 0, err
		}
		return s.value(nil, value, column, false)
	}
	start := s.start(key)
	keyEnd, err := s.scalarEnd(key, start, column)
	if err != nil {
		return 0, err
	}
	colon := s.Blanks(keyEnd)
	present := colon < len(s.Source) && s.Source[colon] == ':'
	switch {
	case key.Tag == "!!merge":
		table.Merged = start + 1
		return s.value(nil, value, column, false)
	case key.Kind != yaml.ScalarNode, !present && (!flow || s.colonBelow(colon)),
		start != s.places.Offset(key.Line, key.Column): // it has an anchor or a tag
		return 0, s.Refuse(start, "this key is not a plain one: write it as `key: value`")
	case key.Tag != "!!str" && !top:
		return 0, s.Refuse(start, fmt.Sprintf("the key %s is not a text", excerpt.Quote(key.Value)))
	}
	child, _, err := s.child(table, part{key.Value, Span{start, keyEnd}})
	if err != nil {
		return 0, err
	}
	tracked := child
	if top && !isServices(key.Value) {
		tracked = nil
	}
	end := 0
	noValue := value.Kind == yaml.ScalarNode && value.Value == "" && value.Tag == "!!null"
	if noValue && value.Anchor == "" && value.Style == 0 {
		end = keyEnd
		if present {
			end = colon + 1
		}
		child.Kind, child.At = kindNull, Span{end, end}
		if !present {
			child.Locked = lockedBare
		}
		if next := s.Blanks(end); flow && next < len(s.Source) && s.Source[next] != '#' {
			end = next // a comment needs a blank before it
		}
	} else if end, err = s.value(tracked, value, column, false); err != nil {
		return 0, err
	}
	child.inherit(table)
	s.learnUnit(value, column, flow)
	table.Own.Entries = append(table.Own.Entries, Entry{
		Name:  key.Value,
		At:    Span{start, end},
		Parts: []int{keyEnd},
		Value: s.places.Offset(value.Line, value.Column),
	})
	return end, nil
}

// colonBelow reports whether a key's colon is on a later line.
func (s *yamlScanner) colonBelow(offset int) bool {
	for offset < len(s.Source) && strings.IndexByte(" \t\r\n", s.Source[offset]) >= 0 {
		offset++
	}
	return offset < len(s.Source) && s.Source[offset] == ':'
}

// inherit locks what is inside a locked table.
func (n *Node) inherit(table *Node) {
	if table.Locked == lockedShared {
		n.lock()
	}
}

func (n *Node) lock() {
	if n.Locked == lockedShared {
		return
	}
	n.Locked = lockedShared
	for _, m := range n.Members {
		m.Node.lock()
	}
	for _, item := range n.Items {
		item.lock()
	}
}

func (s *yamlScanner) sequence(n *Node, y *yaml.Node, start, column int) (int, error) {
	flow := y.Style&yaml.FlowStyle != 0
	if !flow {
		column = start - (bytes.LastIndexByte(s.Source[:start], '\n') + 1)
	}
	if n != nil {
		n.Kind = KindTables
		if flow {
			n.Kind = KindArray
		}
	}
	end := start + 1
	for _, item := range y.Content {
		var child *Node
		if n != nil {
			child = &Node{exact: n.exact}
		}
		var err error
		if end, err = s.value(child, item, column, false); err != nil {
			return 0, err
		}
		if n != nil {
			child.inherit(n)
			n.Items = append(n.Items, child)
		}
	}
	if flow {
		return s.closing(end, ']')
	}
	return end, nil
}

// closing returns the offset after the bracket that closes a flow collection whose last item
// ends at offset.
func (s *yamlScanner) closing(offset int, bracket byte) (int, error) {
	end := s.filler(offset)
	for end < len(s.Source) && (s.Source[end] == ':' || s.Source[end] == '?') {
		end = s.filler(end + 1)
	}
	if end == len(s.Source) || s.Source[end] != bracket {
		return 0, s.refuseHidden(min(offset, len(s.Source)), "the end of this collection cannot be found")
	}
	return end + 1, nil
}

// learnUnit takes the file's indentation from a mapping inside another.
func (s *yamlScanner) learnUnit(value *yaml.Node, column int, flow bool) {
	if s.nested || flow || value.Kind != yaml.MappingNode || value.Style != 0 || len(value.Content) == 0 {
		return
	}
	if width := value.Content[0].Column - 1 - column; width > 0 {
		s.Unit, s.nested = strings.Repeat(" ", width), true
	}
}

func (n *Node) yamlScalar(y *yaml.Node) {
	n.Kind, n.Text = kindOther, ""
	switch y.Tag {
	case "!!str":
		n.Kind, n.Text = KindString, y.Value
	case "!!bool":
		n.Kind, n.On = KindBool, strings.HasPrefix(strings.ToLower(y.Value), "t")
	case "!!null":
		n.Kind = kindNull
	case "!!int":
		i, err := strconv.ParseInt(y.Value, 10, 64)
		if err != nil || y.Value[0] == '0' && len(y.Value) > 1 {
			err = y.Decode(&i)
		}
		n.Kind, n.Number, n.Whole = KindInteger, i, err == nil
	case "!!float":
		n.Kind = kindFloat
		n.wholeFloat(strings.ReplaceAll(y.Value, "_", ""))
	}
	switch {
	case n.Locked != "":
	case y.Style&yaml.TaggedStyle != 0:
		n.Locked = lockedTagged
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.Locked = lockedBlock
	}
}

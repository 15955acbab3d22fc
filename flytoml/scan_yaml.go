package flytoml

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Why a value of YAML may not change. The path goes before.
const (
	lockedShared = "is used in more than one place of the file (& and *), so that a change would be one of all of them"
	lockedTagged = "has a tag, which a new value would not fit"
	lockedBare   = "is a key without a colon"
	lockedBlock  = "is a text over several lines"
	lockedPair   = "is a pair without braces, which has no room for another: write it as {key: value}"
)

// yamlScanner builds a layout from the nodes of a document. These tell where a
// value begins, not where it ends.
type yamlScanner struct {
	*layout
	places *lineIndex
	shared map[*yaml.Node]struct{} // what aliases stand for
	target map[*yaml.Node]*node    // the same, as it was read
	quotes map[yaml.Style]int      // strings without quotes, in single and in double ones
	nested bool                    // unit is known
}

// scanYAML lays out a file that yaml has decoded.
func (l *layout) scanYAML() error {
	l.sign = ": "
	places := newLineIndex(l.src)
	switch {
	case !bytes.Equal(places.data, l.src):
		return l.refuse(0, "the file is in UTF-16: save it as UTF-8")
	case places.odd >= 0:
		return l.refuse(places.odd, "the file holds a line break that YAML knows and editors do not (CR alone, U+0085, U+2028 or U+2029)")
	}
	document, wrong := (&yamlText{data: l.src}).compose()
	switch {
	case wrong != nil:
		wrong.Name = l.name
		return wrong
	case document == nil:
		document = &yaml.Node{}
	}
	s := &yamlScanner{layout: l, places: places, shared: map[*yaml.Node]struct{}{}, target: map[*yaml.Node]*node{}, quotes: map[yaml.Style]int{}}
	end := 0
	l.root = &node{kind: kindTable, own: &block{}}
	if len(document.Content) > 0 {
		top := document.Content[0]
		s.survey(top, false)
		start := s.start(top)
		var err error
		switch {
		case top.Kind == yaml.MappingNode:
			end, err = s.value(l.root, top, -1, true)
		case top.Kind == yaml.ScalarNode && top.Value == "" && top.Tag == "!!null":
			end = start
		default:
			return l.refuse(start, "the file holds no YAML mapping")
		}
		if err != nil {
			return err
		}
	}
	l.quote = majority(s.quotes[0], s.quotes[yaml.SingleQuotedStyle], s.quotes[yaml.DoubleQuotedStyle])
	return l.yamlEnd(end, len(document.Content) == 0)
}

// yamlEnd refuses what follows the document: another one. In a file without a
// document, nothing but comments may stand.
func (l *layout) yamlEnd(offset int, none bool) error {
	for start := offset; start < len(l.src); {
		end, next := l.line(start)
		line := bytes.TrimPrefix(l.src[start:end], []byte("\ufeff"))
		if rest, ok := bytes.CutPrefix(line, []byte("...")); ok && !none {
			line = rest
		}
		line = bytes.TrimLeft(line, " \t")
		if len(line) > 0 && line[0] != '#' {
			return l.refuse(start, "there is more than one YAML document in the file: flyctl reads the first one only")
		}
		if next == start {
			break
		}
		start = next
	}
	return nil
}

// survey notes what aliases stand for, and the quotes that strings have.
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

// start is where a node begins, behind its anchor and tag.
func (s *yamlScanner) start(y *yaml.Node) int {
	offset := s.places.offset(y.Line, y.Column)
	if y.Anchor == "" && y.Style&yaml.TaggedStyle == 0 {
		return offset
	}
	empty := y.Kind == yaml.ScalarNode && y.Value == "" && y.Style&^yaml.TaggedStyle == 0
	for next := offset; next < len(s.src) && (s.src[next] == '&' || s.src[next] == '!'); {
		stop := " \t\r\n,]}"
		if bytes.HasPrefix(s.src[next:], []byte("!<")) {
			stop = " \t\r\n"
		}
		for offset = next; offset < len(s.src) && strings.IndexByte(stop, s.src[offset]) < 0; {
			offset++
		}
		if next = s.filler(offset); !empty {
			offset = next
		}
	}
	return offset
}

// value reads a node into n, and returns where it ends; n is nil for a node
// that no edit is about. column is that of the block around it, and top says
// that the node is the whole document, where most keys are of no interest.
func (s *yamlScanner) value(n *node, y *yaml.Node, column int, top bool) (int, error) {
	start := s.start(y)
	if n != nil {
		n.at.start = start
		if _, ok := s.shared[y]; ok {
			n.locked = lockedShared
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
		n.at.end = end
		if n.own != nil && n.own.inline {
			n.own.at = n.at
		}
	}
	return end, err
}

// alias reads what an alias stands for into n. Its own text may change, if it
// stands for a scalar: the other places do not.
func (s *yamlScanner) alias(n *node, y *yaml.Node, column int) error {
	at := n.at.start
	target := s.target[y.Alias]
	if target == nil {
		target = &node{exact: n.exact}
		s.target[y.Alias] = target
		if _, err := s.value(target, y.Alias, column, false); err != nil {
			return err
		}
	}
	*n = *target
	n.at.start = at
	if n.locked = lockedShared; !n.isTable() && !n.isArray() {
		n.locked = ""
	}
	return nil
}

func (s *yamlScanner) mapping(n *node, y *yaml.Node, start int, top bool) (int, error) {
	flow := y.Style&yaml.FlowStyle != 0
	column := 0
	if len(y.Content) > 0 {
		column = y.Content[0].Column - 1
	}
	if n != nil {
		n.kind = kindTable
		n.own = &block{inline: flow, column: column}
		if flow {
			n.kind = kindInline
		}
		if flow && s.src[start] != '{' && n.locked == "" {
			n.locked = lockedPair
		}
	}
	end := start
	if flow && s.src[start] == '{' {
		end++
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		var err error
		if end, err = s.pair(n, y.Content[i], y.Content[i+1], column, flow, top); err != nil {
			return 0, err
		}
	}
	if flow && s.src[start] == '{' {
		return s.closing(end, '}')
	}
	return end, nil
}

// pair reads a key of a mapping with its value.
func (s *yamlScanner) pair(table *node, key, value *yaml.Node, column int, flow, top bool) (int, error) {
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
	colon := s.blanks(keyEnd)
	present := colon < len(s.src) && s.src[colon] == ':'
	switch {
	case key.Tag == "!!merge":
		table.merged = start + 1
		return s.value(nil, value, column, false)
	case key.Kind != yaml.ScalarNode || !present && (!flow || s.colonBelow(colon)) || start != s.places.offset(key.Line, key.Column):
		return 0, s.refuse(start, "this key is not a plain one: write it as `key: value`")
	case key.Tag != "!!str" && !top:
		return 0, s.refuse(start, fmt.Sprintf("the key %s is not a text", quote(key.Value)))
	}
	child, _, err := s.child(table, part{key.Value, span{start, keyEnd}})
	if err != nil {
		return 0, err
	}
	tracked := child
	if top && !isServices(key.Value) {
		tracked = nil
	}
	end := 0
	if value.Kind == yaml.ScalarNode && value.Value == "" && value.Tag == "!!null" && value.Anchor == "" && value.Style == 0 {
		end = keyEnd
		if present {
			end = colon + 1
		}
		child.kind, child.at = kindNull, span{end, end}
		if !present {
			child.locked = lockedBare
		}
		if next := s.blanks(end); flow && next < len(s.src) && s.src[next] != '#' {
			end = next // a comment needs a blank before it
		}
	} else if end, err = s.value(tracked, value, column, false); err != nil {
		return 0, err
	}
	child.inherit(table)
	s.learnUnit(value, column, flow)
	table.own.entries = append(table.own.entries, entry{
		name:  key.Value,
		at:    span{start, end},
		parts: []int{keyEnd},
		value: s.places.offset(value.Line, value.Column),
	})
	return end, nil
}

// colonBelow tells whether a key's colon stands on a later line.
func (s *yamlScanner) colonBelow(offset int) bool {
	for offset < len(s.src) && strings.IndexByte(" \t\r\n", s.src[offset]) >= 0 {
		offset++
	}
	return offset < len(s.src) && s.src[offset] == ':'
}

// inherit locks what is inside a locked table.
func (n *node) inherit(table *node) {
	if table.locked == lockedShared {
		n.lock()
	}
}

func (n *node) lock() {
	if n.locked == lockedShared {
		return
	}
	n.locked = lockedShared
	for _, m := range n.members {
		m.node.lock()
	}
	for _, item := range n.items {
		item.lock()
	}
}

func (s *yamlScanner) sequence(n *node, y *yaml.Node, start, column int) (int, error) {
	flow := y.Style&yaml.FlowStyle != 0
	if !flow {
		column = start - (bytes.LastIndexByte(s.src[:start], '\n') + 1)
	}
	if n != nil {
		n.kind = kindTables
		if flow {
			n.kind = kindArray
		}
	}
	end := start + 1
	for _, item := range y.Content {
		var child *node
		if n != nil {
			child = &node{exact: n.exact}
		}
		var err error
		if end, err = s.value(child, item, column, false); err != nil {
			return 0, err
		}
		if n != nil {
			child.inherit(n)
			n.items = append(n.items, child)
		}
	}
	if flow {
		return s.closing(end, ']')
	}
	return end, nil
}

// closing is the offset behind the bracket that closes a flow collection whose
// last item ends at offset.
func (s *yamlScanner) closing(offset int, bracket byte) (int, error) {
	end := s.filler(offset)
	for end < len(s.src) && (s.src[end] == ':' || s.src[end] == '?') {
		end = s.filler(end + 1)
	}
	if end == len(s.src) || s.src[end] != bracket {
		return 0, s.refuseHidden(min(offset, len(s.src)), "the end of this collection cannot be found")
	}
	return end + 1, nil
}

// learnUnit takes note of how deep a mapping stands in another.
func (s *yamlScanner) learnUnit(value *yaml.Node, column int, flow bool) {
	if s.nested || flow || value.Kind != yaml.MappingNode || value.Style != 0 || len(value.Content) == 0 {
		return
	}
	if width := value.Content[0].Column - 1 - column; width > 0 {
		s.unit, s.nested = strings.Repeat(" ", width), true
	}
}

func (n *node) yamlScalar(y *yaml.Node) {
	n.kind, n.text = kindOther, ""
	switch y.Tag {
	case "!!str":
		n.kind, n.text = kindString, y.Value
	case "!!bool":
		n.kind, n.on = kindBool, strings.HasPrefix(strings.ToLower(y.Value), "t")
	case "!!null":
		n.kind = kindNull
	case "!!int":
		i, err := strconv.ParseInt(y.Value, 10, 64)
		if err != nil || y.Value[0] == '0' && len(y.Value) > 1 {
			err = y.Decode(&i)
		}
		n.kind, n.number, n.whole = kindInteger, i, err == nil
	case "!!float":
		n.kind = kindFloat
		n.wholeFloat(strings.ReplaceAll(y.Value, "_", ""))
	}
	switch {
	case n.locked != "":
	case y.Style&yaml.TaggedStyle != 0:
		n.locked = lockedTagged
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.locked = lockedBlock
	}
}

package flytoml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// scanJSON lays out a file that encoding/json has decoded.
func (l *layout) scanJSON() error {
	l.quote, l.sign, l.mark = '"', ": ", `"`
	value, err := hujson.Parse(l.src)
	if err != nil {
		return fmt.Errorf("%s: encoding/json reads the file but hujson does not: %w", l.name, err)
	}
	top, ok := value.Value.(*hujson.Object)
	if !ok {
		return l.refuse(value.StartOffset, "the file holds no JSON object")
	}
	if len(top.Members) > 0 {
		l.learnJSON(&value, &top.Members[0])
	}
	l.root = &node{}
	return l.jsonValue(l.root, &value, true)
}

// learnJSON takes note of the habits in the first member of a file.
func (l *layout) learnJSON(top *hujson.Value, first *hujson.ObjectMember) {
	if sign := string(l.src[first.Name.EndOffset:first.Value.StartOffset]); sign == ":" || sign == " : " {
		l.sign = sign
	}
	if _, own := l.lineStart(first.Name.StartOffset); own {
		indent, outer := l.indent(first.Name.StartOffset), l.lineIndent(top.StartOffset)
		if len(indent) > len(outer) && strings.HasPrefix(indent, outer) {
			l.unit = indent[len(outer):]
		}
	}
}

// jsonValue reads a value into n; top says that it is the whole document,
// where most keys are of no interest.
func (l *layout) jsonValue(n *node, value *hujson.Value, top bool) error {
	n.at = jsonSpan(*value)
	switch v := value.Value.(type) {
	case *hujson.Object:
		n.kind, n.own = kindInline, &block{inline: true, at: n.at, name: n.at.start}
		for i := range v.Members {
			if err := l.jsonMember(n, &v.Members[i], top); err != nil {
				return err
			}
		}
	case *hujson.Array:
		n.kind = kindArray
		for i := range v.Elements {
			item := &node{exact: n.exact}
			if err := l.jsonValue(item, &v.Elements[i], false); err != nil {
				return err
			}
			n.items = append(n.items, item)
		}
	case hujson.Literal:
		n.jsonLiteral(v)
	}
	return nil
}

func (l *layout) jsonMember(table *node, m *hujson.ObjectMember, top bool) error {
	at := jsonSpan(m.Name)
	name := m.Name.Value.(hujson.Literal).String()
	table.own.entries = append(table.own.entries, entry{
		name:  name,
		at:    span{at.start, m.Value.EndOffset},
		parts: []int{at.end},
		value: m.Value.StartOffset,
	})
	child, isNew, err := l.child(table, part{name, at})
	switch {
	case err != nil:
		return err
	case top && !isServices(name):
		return nil
	case !isNew && !table.exact:
		return l.refuse(at.start, fmt.Sprintf("the key %q is there twice: flyctl takes the last", name))
	}
	err = l.jsonValue(child, &m.Value, false)
	if child.own != nil {
		child.own.name = at.start
	}
	return err
}

func (n *node) jsonLiteral(literal hujson.Literal) {
	text := string(literal)
	switch literal.Kind() {
	case '"':
		n.kind, n.text = kindString, literal.String()
	case 't', 'f':
		n.kind, n.on = kindBool, literal.Bool()
	case 'n':
		n.kind = kindNull
	default:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.kind, n.number, n.whole = kindInteger, i, true
			return
		}
		n.kind = kindFloat
		n.wholeFloat(text)
	}
}

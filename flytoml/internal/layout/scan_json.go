package layout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// scanJSON scans a JSON file.
func (l *Layout) scanJSON() error {
	l.Quote, l.Sign, l.Mark = '"', ": ", `"`
	value, err := hujson.Parse(l.Source)
	if err != nil {
		return fmt.Errorf("%s: encoding/json reads the file but hujson does not: %w", l.name, err)
	}
	top, ok := value.Value.(*hujson.Object)
	if !ok {
		return l.Refuse(value.StartOffset, "the file holds no JSON object")
	}
	if len(top.Members) > 0 {
		l.learnJSON(&value, &top.Members[0])
	}
	l.Root = &Node{}
	return l.jsonValue(l.Root, &value, true)
}

// learnJSON takes the file's style from its first member.
func (l *Layout) learnJSON(top *hujson.Value, first *hujson.ObjectMember) {
	if sign := string(l.Source[first.Name.EndOffset:first.Value.StartOffset]); sign == ":" || sign == " : " {
		l.Sign = sign
	}
	if _, own := l.LineStart(first.Name.StartOffset); own {
		indent, outer := l.Indent(first.Name.StartOffset), l.LineIndent(top.StartOffset)
		if len(indent) > len(outer) && strings.HasPrefix(indent, outer) {
			l.Unit = indent[len(outer):]
		}
	}
}

// jsonValue reads a value into n. If top is set, it is the whole document, and only the
// services are read.
func (l *Layout) jsonValue(n *Node, value *hujson.Value, top bool) error {
	n.At = jsonSpan(*value)
	switch v := value.Value.(type) {
	case *hujson.Object:
		n.Kind, n.Own = KindInline, &Block{Inline: true, At: n.At, Name: n.At.Start}
		for i := range v.Members {
			if err := l.jsonMember(n, &v.Members[i], top); err != nil {
				return err
			}
		}
	case *hujson.Array:
		n.Kind = KindArray
		for i := range v.Elements {
			item := &Node{exact: n.exact}
			if err := l.jsonValue(item, &v.Elements[i], false); err != nil {
				return err
			}
			n.Items = append(n.Items, item)
		}
	case hujson.Literal:
		n.jsonLiteral(v)
	}
	return nil
}

func (l *Layout) jsonMember(table *Node, m *hujson.ObjectMember, top bool) error {
	at := jsonSpan(m.Name)
	name := m.Name.Value.(hujson.Literal).String()
	table.Own.Entries = append(table.Own.Entries, Entry{
		Name:  name,
		At:    Span{at.Start, m.Value.EndOffset},
		Parts: []int{at.End},
		Value: m.Value.StartOffset,
	})
	child, isNew, err := l.child(table, part{name, at})
	switch {
	case err != nil:
		return err
	case top && !isServices(name):
		return nil
	case !isNew && !table.exact:
		return l.Refuse(at.Start, fmt.Sprintf("the key %q is there twice: flyctl takes the last", name))
	}
	err = l.jsonValue(child, &m.Value, false)
	if child.Own != nil {
		child.Own.Name = at.Start
	}
	return err
}

func (n *Node) jsonLiteral(literal hujson.Literal) {
	text := string(literal)
	switch literal.Kind() {
	case '"':
		n.Kind, n.Text = KindString, literal.String()
	case 't', 'f':
		n.Kind, n.On = KindBool, literal.Bool()
	case 'n':
		n.Kind = kindNull
	default:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.Kind, n.Number, n.Whole = KindInteger, i, true
			return
		}
		n.Kind = kindFloat
		n.wholeFloat(text)
	}
}

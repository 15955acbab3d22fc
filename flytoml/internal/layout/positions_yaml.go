package layout

import (
	"bytes"

	"go.yaml.in/yaml/v4"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// locateYAML locates the keys of a YAML file. Files in UTF-16 have no places, as the
// library's offsets are those of their UTF-8 form.
func locateYAML(data []byte) Positions {
	l := yamlLocator{found: Positions{}, index: syntax.NewLineIndex(data)}
	node, err := syntax.ComposeYAML(data)
	if err != nil || node == nil || !bytes.Equal(l.index.Data, data) {
		return l.found
	}
	for _, root := range node.Content {
		l.children("", root)
	}
	return l.found
}

type yamlLocator struct {
	found Positions
	index *syntax.LineIndex
}

func (l *yamlLocator) children(path string, node *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			here := Join(path, key.Value)
			at := Place{Key: l.span(key)}
			at.Value = l.span(value)
			l.found.add(here, at.replaceable(value))
			l.children(here, value)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			here := ItemOf(path, i)
			at := l.span(item)
			l.found.add(here, Place{Key: at, Value: at}.replaceable(item))
			l.children(here, item)
		}
	}
}

// replaceable drops the extent of a value that is not one piece.
func (p Place) replaceable(value *yaml.Node) Place {
	if value.Kind != yaml.ScalarNode || p.Value.End == p.Value.Start {
		p.Value = Span{}
	}
	return p
}

// span returns the extent of a node. The library has its start only. The end is known for
// quoted scalars and for plain ones on one line, without an anchor or tag; otherwise the
// span is empty.
func (l *yamlLocator) span(node *yaml.Node) Span {
	start := l.index.Offset(node.Line, node.Column)
	at := Span{start, start}
	if node.Kind != yaml.ScalarNode || node.Anchor != "" {
		return at
	}
	switch data := l.index.Data; {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		at.End = max(start, yamlQuotedEnd(data, start, '"'))
	case node.Style&yaml.SingleQuotedStyle != 0:
		at.End = max(start, yamlQuotedEnd(data, start, '\''))
	case node.Style == 0 && bytes.HasPrefix(data[start:], []byte(node.Value)):
		at.End = start + len(node.Value)
	}
	return at
}

package flytoml

import (
	"bytes"

	"go.yaml.in/yaml/v4"
)

// locateYAML finds the keys of a file that the library has decoded without an
// error. In UTF-16 there are no places, in bytes, of what is read.
func locateYAML(data []byte) positions {
	l := yamlLocator{found: positions{}, index: newLineIndex(data)}
	node, err := (&yamlText{data: data}).compose()
	if err != nil || node == nil || !bytes.Equal(l.index.data, data) {
		return l.found
	}
	for _, root := range node.Content {
		l.children("", root)
	}
	return l.found
}

type yamlLocator struct {
	found positions
	index *lineIndex
}

func (l *yamlLocator) children(path string, node *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			here := join(path, key.Value)
			at := place{key: l.span(key)}
			at.value = l.span(value)
			l.found.add(here, at.replaceable(value))
			l.children(here, value)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			here := itemOf(path, i)
			at := l.span(item)
			l.found.add(here, place{key: at, value: at}.replaceable(item))
			l.children(here, item)
		}
	}
}

// replaceable leaves the extent of a value away that is not one piece.
func (p place) replaceable(value *yaml.Node) place {
	if value.Kind != yaml.ScalarNode || p.value.end == p.value.start {
		p.value = span{}
	}
	return p
}

// span is a node's extent: the library tells where it begins. The end is known
// of scalars in quotes and of plain ones on one line, if no anchor and no tag
// stands before them; elsewhere the span is empty.
func (l *yamlLocator) span(node *yaml.Node) span {
	start := l.index.offset(node.Line, node.Column)
	at := span{start, start}
	if node.Kind != yaml.ScalarNode || node.Anchor != "" {
		return at
	}
	switch data := l.index.data; {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		at.end = max(start, yamlQuotedEnd(data, start, '"'))
	case node.Style&yaml.SingleQuotedStyle != 0:
		at.end = max(start, yamlQuotedEnd(data, start, '\''))
	case node.Style == 0 && bytes.HasPrefix(data[start:], []byte(node.Value)):
		at.end = start + len(node.Value)
	}
	return at
}

package syntax

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// errorAt returns an error at a line and a column as the library counts them.
func (t *yamlText) errorAt(line, column int, reason string) *Error {
	if t.index == nil {
		t.index = NewLineIndex(t.data)
	}
	return ErrorAt("", t.index.Data, t.index.Offset(line, column), reason)
}

// error converts an error of the library. node is the document, nil if there is none.
func (t *yamlText) error(err error, node *yaml.Node) *Error {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return t.errorAt(1, 1, excerpt.Line(err.Error())).withText(err.Error())
	}
	text := yamlV3Text(err, e)
	reason := excerpt.Line(withoutValue.ReplaceAllString(inYAMLv3sWords(e), "$1"))
	switch {
	case e.Mark.Line > 0:
		return t.errorAt(e.Mark.Line, e.Mark.Column, reason).withText(text)
	case e.Stage == yaml.ReaderStage:
		return ErrorAt("", utf8Of(t.data), unreadableYAML(utf8Of(t.data)), reason).withText(text)
	}
	// For a value that does not match its tag, the library gives a message without a position.
	if culprit := wrongTag(node, 0); culprit != nil {
		return t.errorAt(culprit.Line, culprit.Column, reason).withText(text)
	}
	return t.errorAt(1, 1, reason).withText(text)
}

// yamlV3Text returns gopkg.in/yaml.v3's message for the same error, with the line as yaml.v3
// counts it.
func yamlV3Text(err error, e *yaml.LoadError) string {
	var several *yaml.LoadErrors
	if errors.As(err, &several) {
		var b strings.Builder
		b.WriteString("yaml: unmarshal errors:")
		for _, e := range several.Errors {
			fmt.Fprintf(&b, "\n  line %d: %s", e.Mark.Line, inYAMLv3sWords(e))
		}
		return b.String()
	}
	return "yaml: " + yamlV3Line(e.Stage, e.ContextMark.Line, e.Mark.Line) + inYAMLv3sWords(e)
}

// yamlV3Line returns the line as yaml.v3 reports it: the line of the surrounding
// element instead of the error's own, one too few in parser errors, and never the
// first line.
func yamlV3Line(stage yaml.Stage, context, line int) string {
	if context > 1 {
		line = context
	}
	if line <= 1 || stage != yaml.ScannerStage && stage != yaml.ParserStage {
		return ""
	}
	if stage == yaml.ParserStage {
		line--
	}
	return fmt.Sprintf("line %d: ", line)
}

// readerValue matches what the library appends to errors about bytes.
var readerValue = regexp.MustCompile(` \(value: \d+\)$`)

// withoutValue matches the value that a message repeats. The value may be a
// secret, and the reason is clear without it.
var withoutValue = regexp.MustCompile("(?s) `.*`( as a | into )")

// inYAMLv3sWords returns the message that yaml.v3 has for an error.
func inYAMLv3sWords(e *yaml.LoadError) string {
	message := e.Message
	switch e.Stage {
	case yaml.ReaderStage:
		return readerValue.ReplaceAllString(message, "")
	case yaml.ResolverStage:
		return strings.Replace(message, "cannot construct", "cannot decode", 1)
	case yaml.ConstructorStage:
		if key, ok := strings.CutPrefix(message, "cannot use '"); ok {
			return "invalid map key: " + strings.TrimSuffix(key, "' as a map key; try decoding into yaml.Node")
		}
		return strings.Replace(message, "cannot construct", "cannot unmarshal", 1)
	}
	return message
}

// wrongTag returns the first scalar that does not match its tag.
func wrongTag(node *yaml.Node, depth int) *yaml.Node {
	switch {
	case node == nil || depth > 3*MaxDepth:
		return nil
	case node.Kind == yaml.ScalarNode && node.Style&yaml.TaggedStyle != 0:
		var value any
		if node.Load(&value, yaml.WithV3Defaults()) != nil {
			return node
		}
	}
	for _, child := range node.Content {
		if culprit := wrongTag(child, depth+1); culprit != nil {
			return culprit
		}
	}
	return nil
}

// unreadableYAML returns the offset of the first character that YAML does not allow or that is
// not UTF-8.
func unreadableYAML(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1,
			r < ' ' && r != '\t' && r != '\n' && r != '\r',
			r >= 0x7f && r < 0xa0 && r != 0x85,
			r == 0xfffe || r == 0xffff:
			return i
		}
		i += size
	}
	return 0
}

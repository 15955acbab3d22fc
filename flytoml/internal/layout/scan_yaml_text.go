package layout

import (
	"bytes"

	"go.yaml.in/yaml/v4"
)

// scalarEnd returns the end of a scalar that begins at start. column is that of the block
// around it.
func (s *yamlScanner) scalarEnd(y *yaml.Node, start, column int) (int, error) {
	end := -1
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		end = yamlQuotedEnd(s.Source, start, '"')
	case y.Style&yaml.SingleQuotedStyle != 0:
		end = yamlQuotedEnd(s.Source, start, '\'')
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.blockScalar(start, column)
	case y.Kind == yaml.ScalarNode:
		end = s.plain(start, y.Value)
	}
	if end < 0 {
		return 0, s.refuseHidden(start, "the end of this value cannot be found")
	}
	return end, nil
}

// yamlQuotedEnd returns the offset after a string that begins with a quote at start, -1 if
// there is none.
func yamlQuotedEnd(data []byte, start int, quote byte) int {
	if start == len(data) || data[start] != quote {
		return -1
	}
	for i := start + 1; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] != quote:
		case quote == '\'' && i+1 < len(data) && data[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// plain returns the offset after a plain scalar, whose lines are folded in its value; -1 if
// the file has another text there.
func (s *yamlScanner) plain(start int, value string) int {
	isSpace := func(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
	i := start
	for j := 0; j < len(value); {
		switch {
		case i == len(s.Source):
			return -1
		case s.Source[i] == value[j] && value[j] != '\n':
			i++
			j++
		case isSpace(s.Source[i]):
			for i < len(s.Source) && isSpace(s.Source[i]) {
				i++
			}
			for j < len(value) && isSpace(value[j]) {
				j++
			}
		default:
			return -1
		}
	}
	return i
}

// blockScalar returns the end of the last line of a text after | or >. The text is all that is
// indented deeper than the block around it, and with a + also the empty lines after it.
func (s *yamlScanner) blockScalar(start, column int) (int, error) {
	end, next := s.Line(start)
	header := s.Source[start:end]
	if len(header) == 0 || header[0] != '|' && header[0] != '>' {
		return 0, s.refuseHidden(start, "the end of this value cannot be found")
	}
	if i := bytes.IndexByte(header, ' '); i >= 0 {
		header = header[:i]
	}
	keep := bytes.IndexByte(header, '+') >= 0
	for next < len(s.Source) {
		first := next
		for first < len(s.Source) && s.Source[first] == ' ' {
			first++
		}
		lineEnd, after := s.Line(next)
		empty := s.Blanks(next) >= lineEnd
		if !empty && first-next <= column {
			break
		}
		// Blanks beyond the text's indentation are part of the text.
		if keep || !empty || lineEnd-next > column+1 {
			end = lineEnd
		}
		next = after
	}
	s.Open = s.Open || end == len(s.Source)
	if keep {
		s.Kept = next
	}
	return end, nil
}

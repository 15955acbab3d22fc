package flytoml

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// yamlPlaces turns rows and columns of YAML's nodes, which count characters,
// into offsets.
type yamlPlaces struct {
	lines []int // where each line starts, in characters
	runes []int // where each character starts; nil if each is a byte
	size  int
}

// newYAMLPlaces also finds the first line break that is none to anyone but
// YAML; the offset is -1 if there is none.
func newYAMLPlaces(src []byte) (p yamlPlaces, odd int) {
	p = yamlPlaces{lines: []int{0}, size: len(src)}
	text := bytes.TrimPrefix(src, []byte("\ufeff"))
	mark := len(src) - len(text) // the byte order mark has no column
	ascii := mark == 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	count := 0
	for i := 0; i < len(text); count++ {
		r, width := rune(text[i]), 1
		if !ascii {
			r, width = utf8.DecodeRune(text[i:])
			p.runes = append(p.runes, mark+i)
		}
		switch {
		case r == '\n':
			p.lines = append(p.lines, count+1)
		case r == '\r' && !bytes.HasPrefix(text[i:], []byte("\r\n")), r == '\u0085', r == '\u2028', r == '\u2029':
			return p, mark + i
		}
		i += width
	}
	if !ascii {
		p.runes = append(p.runes, len(src))
	}
	return p, -1
}

func (p *yamlPlaces) offset(row, column int) int {
	i := p.size
	if row >= 1 && row <= len(p.lines) {
		i = p.lines[row-1] + column - 1
	}
	if p.runes != nil {
		return p.runes[min(i, len(p.runes)-1)]
	}
	return min(i, p.size)
}

// scalarEnd is where a scalar that begins at start ends. column is that of the
// block around it.
func (s *yamlScanner) scalarEnd(y *yaml.Node, start, column int) (int, error) {
	end := -1
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		end = s.quoted(start, '"')
	case y.Style&yaml.SingleQuotedStyle != 0:
		end = s.quoted(start, '\'')
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.blockScalar(start, column)
	case y.Kind == yaml.ScalarNode:
		end = s.plain(start, y.Value)
	}
	if end < 0 {
		return 0, s.refuse(start, "the end of this value cannot be found")
	}
	return end, nil
}

// quoted is the offset behind a string in quotes; -1 if there is none.
func (s *yamlScanner) quoted(start int, quote byte) int {
	if start == len(s.src) || s.src[start] != quote {
		return -1
	}
	for i := start + 1; i < len(s.src); i++ {
		switch {
		case s.src[i] == '\\' && quote == '"':
			i++
		case s.src[i] != quote:
		case quote == '\'' && i+1 < len(s.src) && s.src[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// plain is the offset behind a plain scalar, whose lines are folded in its
// value; -1 if the file holds another text there.
func (s *yamlScanner) plain(start int, value string) int {
	isSpace := func(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
	i := start
	for j := 0; j < len(value); {
		switch {
		case i == len(s.src):
			return -1
		case s.src[i] == value[j] && value[j] != '\n':
			i++
			j++
		case isSpace(s.src[i]):
			for i < len(s.src) && isSpace(s.src[i]) {
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

// blockScalar is where the last line of a text begun by | or > ends: it holds
// all that stands deeper than the block around it, and with a + the empty
// lines behind, too.
func (s *yamlScanner) blockScalar(start, column int) (int, error) {
	end, next := s.line(start)
	header := s.src[start:end]
	if len(header) == 0 || header[0] != '|' && header[0] != '>' {
		return 0, s.refuse(start, "the end of this value cannot be found")
	}
	if i := bytes.IndexByte(header, ' '); i >= 0 {
		header = header[:i]
	}
	keep := bytes.IndexByte(header, '+') >= 0
	for next < len(s.src) {
		first := next
		for first < len(s.src) && s.src[first] == ' ' {
			first++
		}
		lineEnd, after := s.line(next)
		empty := s.blanks(next) >= lineEnd
		if !empty && first-next <= column {
			break
		}
		// Blanks deeper than the text's indentation are text, too.
		if keep || !empty || lineEnd-next > column+1 {
			end = lineEnd
		}
		next = after
	}
	s.open = s.open || end == len(s.src)
	if keep {
		s.kept = next
	}
	return end, nil
}

package layout

import (
	"bytes"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Refuse returns an error about the key, or the value of a service, at offset. It shows
// nothing else of the line: a whole file may be on one line, with its environment.
func (l *Layout) Refuse(offset int, reason string) error {
	return l.refuseSpan(Span{offset, offset + wordLen(l.Source[offset:])}, reason)
}

// refuseHidden returns an error about any value at offset, and shows nothing of it.
func (l *Layout) refuseHidden(offset int, reason string) error {
	return l.refuseSpan(Span{offset, offset}, reason)
}

func (l *Layout) refuseSpan(at Span, reason string) error {
	e := syntax.ErrorAt(l.name, l.Source, at.Start, reason)
	e.Line, e.Caret = excerpt.Printable(l.Source[at.Start:at.End]), "^"
	if _, first := l.LineStart(at.Start); !first {
		e.Line, e.Caret = "… "+e.Line, "  ^"
	}
	if end, _ := l.Line(at.Start); l.Blanks(at.End) < end {
		e.Line += " …"
	}
	return e
}

// wordLen returns the length of the key or plain value that a text begins with, including
// its quotes, and 1 for the bracket of a table or list.
func wordLen(text []byte) int {
	n := letters(text)
	switch {
	case n > 0 || len(text) == 0:
	case bytes.IndexByte([]byte("{[<"), text[0]) >= 0:
		n = 1
	case text[0] == '"' || text[0] == '\'':
		inner := letters(text[1:])
		if after := text[1+inner:]; len(after) > 0 && after[0] == text[0] {
			n = inner + 2
		}
	}
	return min(n, excerpt.MaxQuoted)
}

func letters(text []byte) int {
	n := bytes.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if n < 0 {
		return len(text)
	}
	return n
}

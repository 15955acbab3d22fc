package flytoml

import (
	"bytes"
	"unicode"
)

// refuse is an error about the key, or the value of a service, at offset. It
// shows no more of the line: all of a file may stand on one, with its
// environment.
func (l *layout) refuse(offset int, reason string) error {
	return l.refuseSpan(span{offset, offset + wordLen(l.src[offset:])}, reason)
}

// refuseHidden is an error about any value at offset, and shows nothing of it.
func (l *layout) refuseHidden(offset int, reason string) error {
	return l.refuseSpan(span{offset, offset}, reason)
}

func (l *layout) refuseSpan(at span, reason string) error {
	e := syntaxErrorAt(l.name, l.src, at.start, reason)
	e.Line, e.Caret = printable(l.src[at.start:at.end]), "^"
	if _, first := l.lineStart(at.start); !first {
		e.Line, e.Caret = "… "+e.Line, "  ^"
	}
	if end, _ := l.line(at.start); l.blanks(at.end) < end {
		e.Line += " …"
	}
	return e
}

// wordLen is how long the key or plain value is that a text begins with, with
// its quotes; of a table or list it is the bracket.
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
	return min(n, maxQuoted)
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

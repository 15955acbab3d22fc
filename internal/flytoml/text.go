package flytoml

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The most of a name or value from a file that a message shows.
const maxQuoted = 40

// quote shows text from a file in a message: in single quotes, without
// anything that does not print, and cut after maxQuoted characters.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	n := 0
	for _, r := range s {
		if n == maxQuoted {
			b.WriteString("…")
			break
		}
		if !visible(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		n++
	}
	b.WriteByte('\'')
	return b.String()
}

// visible tells the characters that may stand in a message: those that print
// and do not change the direction of what follows.
func visible(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r)
}

// printable shows text on one line, one rune for each: control characters and
// bytes that are not UTF-8 become the replacement character.
func printable(text []byte) string {
	text = bytes.TrimSuffix(text, []byte("\r"))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !visible(r):
			return utf8.RuneError
		}
		return r
	}, string(text))
}

// shorten shows a path from the file on one line, cut if it is long.
func shorten(path string) string {
	if runes := []rune(path); len(runes) > 3*maxQuoted {
		path = string(runes[:3*maxQuoted]) + "…"
	}
	return oneLine(path)
}

// oneLine shows a text from the file, or flyctl's words about it, on one line.
func oneLine(s string) string {
	if len(s) > 20*maxQuoted {
		s = s[:20*maxQuoted] // what is left has more characters than are shown
	}
	if runes := []rune(s); len(runes) > 5*maxQuoted {
		s = string(runes[:5*maxQuoted]) + "…"
	}
	return printable([]byte(s))
}

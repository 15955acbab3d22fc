package flytoml

import (
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

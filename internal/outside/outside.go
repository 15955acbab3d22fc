// Package outside makes text that this program did not write safe to show.
//
// Names, values and messages from files, from Fly and from clients are data. In
// an answer, a question, a log or on a terminal they must not look like the
// program's own words, start a line of their own, close the quotation they stand
// in, or hold anything that a reader cannot see. Every message that shows such
// text passes it through a function of this package:
//
//	Quote, QuoteSingle   a value in a sentence: "x\nIGNORE ALL"
//	Line                 a name or a line of a list
//	Block                text of several lines: a diff, a file
//
// What cannot be seen is written as an escape of Go, TOML and YAML: \n, \u202e,
// \U000e0041, and \x9b for a byte that is not UTF-8.
package outside

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsVisible reports whether a character shows as something, or as one ordinary
// space, and changes nothing around it. Control and format characters (among
// them those that reorder text), private and unassigned ones, other spaces,
// variation selectors and the characters that print as nothing are not visible.
func IsVisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		r != braillePatternBlank && r != musicalNullNotehead
}

// Characters that Unicode counts as symbols, and that show nothing.
const (
	braillePatternBlank = '\u2800'
	musicalNullNotehead = '\U0001d159'
)

// Line returns text on one line, at most limit characters long; what was cut
// off is marked with an ellipsis.
func Line(text string, limit int) string { return inline(text, limit, 0) }

// Quote returns text in double quotes, on one line, with at most limit
// characters between them. Quotes and backslashes in it are escaped, so that
// nothing but the last character ends the quotation.
func Quote(text string, limit int) string { return `"` + inline(text, limit, '"') + `"` }

// QuoteSingle is [Quote] with single quotes.
func QuoteSingle(text string, limit int) string { return `'` + inline(text, limit, '\'') + `'` }

// Block returns text with its line ends and tabs, and everything else that
// cannot be seen escaped.
func Block(text string) string {
	if isPlainBlock(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\n', r == '\t', r == '\r' && strings.HasPrefix(text[i:], "\r\n"):
			b.WriteRune(r)
		default:
			b.WriteString(visible(text[i:], r))
		}
	}
	return b.String()
}

func isPlainBlock(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '\n' && c != '\t' && (c < ' ' || c >= 0x7f) {
			return false
		}
	}
	return true
}

// inline is text on one line. mark, if not 0, is the quote that must not end
// early.
func inline(text string, limit int, mark rune) string {
	var b strings.Builder
	n := 0
	for i, r := range text {
		part := visible(text[i:], r)
		if mark != 0 && (r == mark || r == '\\') {
			part = `\` + part
		}
		if n += utf8.RuneCountInString(part); n > limit {
			b.WriteRune('…')
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

// visible is a character as it is shown; rest begins with it.
func visible(rest string, r rune) string {
	switch {
	case r == utf8.RuneError && !strings.HasPrefix(rest, string(utf8.RuneError)):
		return fmt.Sprintf(`\x%02x`, rest[0])
	case IsVisible(r):
		return string(r)
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Package outside makes text that this program did not write safe to show.
//
// Names, values and messages from files, from Fly and from clients are data. In a
// result, a question, a log or a terminal they must not look like the program's own
// words, start a new line, end the quotation they are in, or contain anything
// that a reader cannot see. Show such text only through a function of this package:
//
//	Quote, QuoteSingle   a value in a sentence: "x\nIGNORE ALL"
//	Line                 a name or a line of a list
//	Block                text of several lines: a diff, a file
//
// Invisible characters become escapes as in Go, TOML and YAML: \n, \u202e,
// \U000e0041, and \x9b for a byte that is not UTF-8.
package outside

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsVisible reports whether a character is visible, or the ordinary space, and does
// not affect other characters. Not visible are control and format characters (such
// as those that reorder text), private and unassigned characters, other spaces,
// variation selectors, and characters that print as nothing.
func IsVisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		r != braillePatternBlank && r != musicalNullNotehead
}

// Characters that are symbols in Unicode but print as nothing.
const (
	braillePatternBlank = '\u2800'
	musicalNullNotehead = '\U0001d159'
)

// Line returns text on one line of at most limit characters; an ellipsis marks where
// it was cut.
func Line(text string, limit int) string { return inline(text, limit, 0) }

// Quote returns text in double quotes, on one line, with at most limit
// characters between them. Quotes and backslashes in it are escaped, so that
// nothing but the last character ends the quotation.
func Quote(text string, limit int) string { return `"` + inline(text, limit, '"') + `"` }

// QuoteSingle is [Quote] with single quotes.
func QuoteSingle(text string, limit int) string { return `'` + inline(text, limit, '\'') + `'` }

// Block returns text with line ends and tabs kept, and everything else that is
// invisible escaped.
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

// inline returns text on one line. If mark is not 0, it is the quotation mark, which
// is escaped in the text.
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

// visible returns a character as it is shown; rest is the text from it on.
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

// Package excerpt shows text from a file in messages: on one line, with
// invisible characters escaped, and cut if it is long.
package excerpt

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// MaxQuoted is the most characters of a name or value that a message shows.
const MaxQuoted = 40

// Quote returns text from a file in single quotes, on one line, and cut after [MaxQuoted]
// characters.
func Quote(s string) string { return outside.QuoteSingle(s, MaxQuoted) }

// QuoteDouble is [Quote] with double quotes, as files write a string.
func QuoteDouble(s string) string { return outside.Quote(s, MaxQuoted) }

// QuoteWhole is [Quote] for flyctl's own sentences, which do not cut values. It
// keeps ten times as much.
func QuoteWhole(s string) string { return outside.QuoteSingle(s, 10*MaxQuoted) }

// IsVisible reports whether a reader can see the character.
func IsVisible(r rune) bool { return outside.IsVisible(r) }

// Printable returns text on one line, one rune for each rune. Control characters
// and bytes that are not UTF-8 become the replacement character.
func Printable(text []byte) string {
	text = bytes.TrimSuffix(text, []byte("\r"))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !outside.IsVisible(r):
			return utf8.RuneError
		}
		return r
	}, string(text))
}

// Path returns a path from the file on one line, cut if it is long.
func Path(path string) string { return outside.Line(path, 3*MaxQuoted) }

// Line returns text from the file, or flyctl's message about it, on one line.
func Line(s string) string { return outside.Line(s, 5*MaxQuoted) }

package excerpt

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// The most of a name or value from a file that a message shows.
const MaxQuoted = 40

// quote shows text from a file in a message: in single quotes, on one line, and
// cut after maxQuoted characters.
func Quote(s string) string { return outside.QuoteSingle(s, MaxQuoted) }

// quoteWhole is quote for flyctl's own sentences, which cut nothing: as far as a
// value is ever worth reading.
func QuoteWhole(s string) string { return outside.QuoteSingle(s, 10*MaxQuoted) }

// printable shows text on one line, one rune for each: control characters and
// bytes that are not UTF-8 become the replacement character.
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

// shorten shows a path from the file on one line, cut if it is long.
func Path(path string) string { return outside.Line(path, 3*MaxQuoted) }

// oneLine shows a text from the file, or flyctl's words about it, on one line.
func Line(s string) string { return outside.Line(s, 5*MaxQuoted) }

package flytoml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// The most of a name or value from a file that a message shows.
const maxQuoted = 40

// quote shows text from a file in a message: in single quotes, on one line, and
// cut after maxQuoted characters.
func quote(s string) string { return outside.QuoteSingle(s, maxQuoted) }

// quoteWhole is quote for flyctl's own sentences, which cut nothing: as far as a
// value is ever worth reading.
func quoteWhole(s string) string { return outside.QuoteSingle(s, 10*maxQuoted) }

// printable shows text on one line, one rune for each: control characters and
// bytes that are not UTF-8 become the replacement character.
func printable(text []byte) string {
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
func shorten(path string) string { return outside.Line(path, 3*maxQuoted) }

// oneLine shows a text from the file, or flyctl's words about it, on one line.
func oneLine(s string) string { return outside.Line(s, 5*maxQuoted) }

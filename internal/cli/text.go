package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode/utf16"

	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Terminal returns the file of a stream that is a terminal.
func Terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// Shown returns text as it is written to w: unchanged, or escaped if w is a
// terminal, which would obey control sequences in it.
func Shown(w io.Writer, text string) string {
	if _, ok := Terminal(w); ok {
		return Escape(text)
	}
	return text
}

// Escape returns text with JSON escapes (\u001b) in place of invisible and
// control characters. Tabs and line ends stay. JSON remains the same JSON.
func Escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\n', r == '\t', outside.IsVisible(r):
			b.WriteRune(r)
		case r == '\r' && strings.HasPrefix(text[i:], "\r\n"):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Line returns text on one line, with everything that cannot be seen escaped.
func Line(text string) string { return outside.Line(text, math.MaxInt) }

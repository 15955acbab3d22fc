package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// shown is text as it is written to w: as it is, unless w is a terminal, which
// must not obey what a file holds.
func shown(w io.Writer, text string) string {
	if _, ok := asTerminal(w); ok {
		return escaped(text)
	}
	return text
}

// escaped has escapes (\u001b) in place of what a terminal would obey instead
// of showing. Tabs and line ends stay. JSON stays the same JSON.
func escaped(text string) string {
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

// oneLine is escaped text that stays on its line.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(escaped(text))
}

package syntax

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLineIndex looks up every character of a text that has every kind of line break,
// and lines longer than markDistance.
func TestLineIndex(t *testing.T) {
	long := strings.Repeat("é-", markDistance)
	text := ByteOrderMark
	index := NewLineIndex([]byte(text + strings.Join([]string{long, "", long, long, long, long, "x\xff"}, "\n")))
	if index.Odd != -1 {
		t.Errorf("an odd line break at %d", index.Odd)
	}
	for _, end := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029", ""} {
		text += long + end
	}
	index = NewLineIndex([]byte(text))
	if want := strings.Index(text, "\r"+long); index.Odd != want {
		t.Errorf("the first odd line break is at %d, want %d", index.Odd, want)
	}
	line, column := 1, 1
	for at := len(ByteOrderMark); at < len(text); {
		if got := index.Offset(line, column); got != at {
			t.Fatalf("%d:%d is at %d, want %d", line, column, got, at)
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		column++
		if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) && !strings.HasPrefix(text[at-1:], "\r\n") {
			line, column = line+1, 1
		}
	}
	for _, place := range [][2]int{{line, column}, {line, column + 1}, {line + 1, 1}} {
		if got := index.Offset(place[0], place[1]); got != len(text) {
			t.Errorf("%v is at %d, want the end", place, got)
		}
	}
	if got := index.Offset(0, 9); got != len(ByteOrderMark) {
		t.Errorf("line 0 is at %d, want the beginning", got)
	}
}

package syntax

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// Error says why a file could not be read, and where.
type Error struct {
	Name   string // the name of the file
	Row    int    // from 1, counting LF; 0 if the error has no position, such as for a file that is too large
	Column int    // from 1, in bytes
	Line   string // the line, shortened around Column
	Caret  string // spaces and a ^ under the position in Line
	Reason string
	Text   string // what flyctl prints for this file, cut after 16 KB; empty if flyctl would read it
}

// Error returns "name:row:column: reason", followed by the line and the caret.
func (e *Error) Error() string {
	if e.Row == 0 {
		return e.Brief()
	}
	return fmt.Sprintf("%s\n%s\n%s", e.Brief(), e.Line, e.Caret)
}

// Brief returns the error without the line, which may contain a secret, such as a value of
// [env].
func (e *Error) Brief() string {
	if e.Row == 0 {
		return fmt.Sprintf("%s: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Row, e.Column, e.Reason)
}

// maxText is the most bytes of a decoder's message that an error keeps. The
// message may quote lines of any length.
const maxText = 16 << 10

// withText adds what flyctl prints. Each byte that is not UTF-8 becomes a replacement
// character, as in JSON.
func (e *Error) withText(text string) *Error {
	if len(text) > maxText {
		text = text[:maxText]
	}
	e.Text = string([]rune(text))
	return e
}

func offsetOf(data []byte, row, column int) int {
	offset := 0
	for ; row > 1; row-- {
		next := bytes.IndexByte(data[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	return min(offset+column-1, len(data))
}

const ByteOrderMark = "\xef\xbb\xbf"

// MaxLine is the width of the widest piece of a line that an error shows.
const MaxLine = 120

// ErrorAt returns an error at an offset of a file.
func ErrorAt(name string, data []byte, offset int, reason string) *Error {
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	end := len(data)
	if next := bytes.IndexByte(data[start:], '\n'); next >= 0 {
		end = start + next
	}
	e := &Error{
		Name:   name,
		Row:    bytes.Count(data[:start], []byte("\n")) + 1,
		Column: offset - start + 1,
		Reason: reason,
	}
	if offset-start > MaxLine*2/3 {
		start = offset - MaxLine*2/3
	}
	end = max(min(end, start+MaxLine), start)
	at := min(offset, end)
	before := excerpt.Printable(data[start:at])
	e.Line = before + excerpt.Printable(data[at:end])
	e.Caret = strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
	return e
}

// unsafeBytes returns the offset of the first byte that makes a file impossible
// to edit without damage, and the reason; the offset is -1 if there is none. A
// file that TOML accepts has none.
func unsafeBytes(data []byte) (offset int, reason string) {
	if bytes.HasPrefix(data, []byte(ByteOrderMark)) {
		return 0, "the file starts with a UTF-8 byte order mark, which flyctl refuses in TOML and JSON: save it without one"
	}
	if bytes.IndexByte(data, 0) < 0 && bytes.IndexByte(data, '\r') < 0 && utf8.Valid(data) {
		return -1, ""
	}
	for i := 0; i < len(data); {
		switch b := data[i]; {
		case b == 0:
			return i, "the file contains a NUL byte"
		case b == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return i, "a line ends in CR only: use LF or CRLF"
		case b < utf8.RuneSelf:
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i, "a byte is not valid UTF-8: save the file as UTF-8"
		}
		i += size
	}
	return -1, ""
}

package flytoml

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// lineIndex finds the places that the YAML library tells: lines from 1, where
// CR, NEL, LS and PS end one too, and columns from 1 in characters, where a
// byte order mark is none.
type lineIndex struct {
	data  []byte // in UTF-8
	lines []int  // where each begins

	// Where the last answer was: places are asked for in the file's order, and
	// a line may be as long as the file.
	line, column, at int
}

func newLineIndex(data []byte) *lineIndex {
	x := &lineIndex{data: utf8Of(data)}
	start := 0
	if bytes.HasPrefix(x.data, []byte(byteOrderMark)) {
		start = len(byteOrderMark)
	}
	x.lines = []int{start}
	for i := start; i < len(x.data); {
		n := lineBreak(x.data[i:])
		if n > 0 {
			x.lines = append(x.lines, i+n)
		}
		i += max(n, 1)
	}
	return x
}

// lineBreak is the length of the line break that a text begins with, 0 if it
// begins with none.
func lineBreak(text []byte) int {
	switch {
	case text[0] == '\n':
		return 1
	case text[0] == '\r' && len(text) > 1 && text[1] == '\n':
		return 2
	case text[0] == '\r':
		return 1
	case text[0] == 0xc2 && len(text) > 1 && text[1] == 0x85:
		return 2
	case text[0] == 0xe2 && len(text) > 2 && text[1] == 0x80 && (text[2] == 0xa8 || text[2] == 0xa9):
		return 3
	}
	return 0
}

// offset is the place in bytes of a line and a column; those behind the end
// are the end.
func (x *lineIndex) offset(line, column int) int {
	if line < 1 {
		line, column = 1, 1
	}
	if line > len(x.lines) {
		return len(x.data)
	}
	if line != x.line || column < x.column {
		x.line, x.column, x.at = line, 1, x.lines[line-1]
	}
	for ; x.column < column && x.at < len(x.data); x.column++ {
		_, size := utf8.DecodeRune(x.data[x.at:])
		x.at += size
	}
	return x.at
}

// utf8Of is a YAML text in UTF-8: the library reads UTF-16 as well, by its byte
// order mark.
func utf8Of(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	// Half a pair becomes a replacement character; the library refuses it.
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

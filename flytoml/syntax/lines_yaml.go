package syntax

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// LineIndex converts positions of the YAML library to offsets. The library counts
// lines from 1, and CR, NEL, LS and PS end a line too. It counts columns from 1
// in characters, without a byte order mark.
type LineIndex struct {
	Data  []byte // in UTF-8
	lines []int  // the number of characters before each line
	marks []int  // the offset of every markDistance-th character
	count int    // the number of characters
	Odd   int    // the offset of the first line break that editors do not treat as one, -1 if there is none
}

// markDistance is the distance in characters between the offsets that a LineIndex
// keeps. A line may be as long as the file.
const markDistance = 64

// NewLineIndex indexes a text.
func NewLineIndex(data []byte) *LineIndex {
	x := &LineIndex{Data: utf8Of(data), lines: []int{0}, Odd: -1}
	i := 0
	if bytes.HasPrefix(x.Data, []byte(ByteOrderMark)) {
		i = len(ByteOrderMark)
	}
	for ; i < len(x.Data); x.count++ {
		if x.count%markDistance == 0 {
			x.marks = append(x.marks, i)
		}
		r, size := utf8.DecodeRune(x.Data[i:])
		switch {
		case r == '\r' && i+1 < len(x.Data) && x.Data[i+1] == '\n':
		case r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			if x.Odd < 0 {
				x.Odd = i
			}
			fallthrough
		case r == '\n':
			x.lines = append(x.lines, x.count+1)
		}
		i += size
	}
	return x
}

// Offset returns the offset in bytes of a line and a column. A position after the
// end of the text is the end.
func (x *LineIndex) Offset(line, column int) int {
	if line < 1 {
		line, column = 1, 1
	}
	if line > len(x.lines) {
		return len(x.Data)
	}
	n := x.lines[line-1] + max(column, 1) - 1
	if n >= x.count {
		return len(x.Data)
	}
	at := x.marks[n/markDistance]
	for range n % markDistance {
		_, size := utf8.DecodeRune(x.Data[at:])
		at += size
	}
	return at
}

// utf8Of returns a YAML text in UTF-8. The library reads UTF-16 too, if there is a byte order
// mark.
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
	// An unpaired surrogate becomes a replacement character, which the library refuses.
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

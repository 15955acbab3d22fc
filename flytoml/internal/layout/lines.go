package layout

import "bytes"

// Blanks returns the offset of the first byte from offset on that is not a blank.
func (l *Layout) Blanks(offset int) int {
	for offset < len(l.Source) && (l.Source[offset] == ' ' || l.Source[offset] == '\t') {
		offset++
	}
	return offset
}

// filler returns the offset of the first byte from offset on that is part of a value, after
// the blanks, line ends, commas and comments between items of arrays and inline tables.
func (l *Layout) filler(offset int) int {
	for offset < len(l.Source) {
		switch l.Source[offset] {
		case ' ', '\t', '\r', '\n', ',':
			offset++
		case '#':
			offset, _ = l.Line(offset)
		default:
			return offset
		}
	}
	return offset
}

// Line returns where the text of the line around offset ends, and where the next line
// begins: the same offset for a last line without a line end.
func (l *Layout) Line(offset int) (end, next int) {
	i := bytes.IndexByte(l.Source[offset:], '\n')
	if i < 0 {
		return len(l.Source), len(l.Source)
	}
	end = offset + i
	next = end + 1
	if end > offset && l.Source[end-1] == '\r' {
		end--
	}
	return end, next
}

// LineStart returns where the blanks before offset begin, and whether a line begins
// there.
func (l *Layout) LineStart(offset int) (start int, first bool) {
	for offset > 0 && (l.Source[offset-1] == ' ' || l.Source[offset-1] == '\t') {
		offset--
	}
	return offset, offset == 0 || l.Source[offset-1] == '\n'
}

// Indent returns the blanks before offset, if nothing else of its line is before it.
func (l *Layout) Indent(offset int) string {
	start, first := l.LineStart(offset)
	if !first {
		return ""
	}
	return string(l.Source[start:offset])
}

// LineIndent returns the blanks that the line around offset begins with.
func (l *Layout) LineIndent(offset int) string {
	start := bytes.LastIndexByte(l.Source[:offset], '\n') + 1
	return string(l.Source[start:l.Blanks(start)])
}

// EolAt returns the line ending of the line that ends before next.
func (l *Layout) EolAt(next int) string {
	switch {
	case next == 0 || l.Source[next-1] != '\n':
		return l.EOL
	case next > 1 && l.Source[next-2] == '\r':
		return "\r\n"
	}
	return "\n"
}

// Above returns the start of the comments right above the line that starts at start.
func (l *Layout) Above(start int) int {
	for start > 0 {
		previous := bytes.LastIndexByte(l.Source[:start-1], '\n') + 1
		if l.Source[l.Blanks(previous)] != '#' {
			break
		}
		start = previous
	}
	return start
}

// Below returns the end of the comments that begin with the line at next, without a gap. It is
// next if they are right above a header, as they belong to that.
func (l *Layout) Below(next int) int {
	end := next
	for end < len(l.Source) {
		switch i := l.Blanks(end); {
		case i < len(l.Source) && l.Source[i] == '#':
			_, end = l.Line(end)
			if l.Source[end-1] != '\n' {
				return end
			}
			continue
		case i < len(l.Source) && l.Source[i] == '[':
			return next
		}
		break
	}
	return end
}

// GapBefore reports whether the line at start has an empty one above it.
func (l *Layout) GapBefore(start int) bool {
	if start == 0 {
		return false
	}
	previous := bytes.LastIndexByte(l.Source[:start-1], '\n') + 1
	end, _ := l.Line(previous)
	return l.Blanks(previous) >= end
}

// LineBreakBefore returns the offset of the line ending before the line at start.
func (l *Layout) LineBreakBefore(start int) int {
	if start > 0 && l.Source[start-1] == '\n' {
		start--
		if start > 0 && l.Source[start-1] == '\r' {
			start--
		}
	}
	return start
}

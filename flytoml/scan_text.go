package flytoml

import "bytes"

// blanks is the offset of the first byte from offset on that is no blank.
func (l *layout) blanks(offset int) int {
	for offset < len(l.src) && (l.src[offset] == ' ' || l.src[offset] == '\t') {
		offset++
	}
	return offset
}

// filler is the offset of the first byte from offset on that is part of a
// value: blanks, line ends, commas and comments lie between the items of
// arrays and inline tables.
func (l *layout) filler(offset int) int {
	for offset < len(l.src) {
		switch l.src[offset] {
		case ' ', '\t', '\r', '\n', ',':
			offset++
		case '#':
			offset, _ = l.line(offset)
		default:
			return offset
		}
	}
	return offset
}

// line tells where the text of the line around offset ends, and where the next
// one begins: the same place if nothing ends this line.
func (l *layout) line(offset int) (end, next int) {
	i := bytes.IndexByte(l.src[offset:], '\n')
	if i < 0 {
		return len(l.src), len(l.src)
	}
	end = offset + i
	next = end + 1
	if end > offset && l.src[end-1] == '\r' {
		end--
	}
	return end, next
}

// lineStart is where the blanks before offset begin, and whether a line
// begins there.
func (l *layout) lineStart(offset int) (start int, first bool) {
	for offset > 0 && (l.src[offset-1] == ' ' || l.src[offset-1] == '\t') {
		offset--
	}
	return offset, offset == 0 || l.src[offset-1] == '\n'
}

// indent is the blanks that the line begins with whose first text is at
// offset; empty if something stands before it.
func (l *layout) indent(offset int) string {
	start, first := l.lineStart(offset)
	if !first {
		return ""
	}
	return string(l.src[start:offset])
}

// lineIndent is the blanks that the line around offset begins with.
func (l *layout) lineIndent(offset int) string {
	start := bytes.LastIndexByte(l.src[:offset], '\n') + 1
	return string(l.src[start:l.blanks(start)])
}

// eolAt is the line ending of the line that ends before next.
func (l *layout) eolAt(next int) string {
	switch {
	case next == 0 || l.src[next-1] != '\n':
		return l.eol
	case next > 1 && l.src[next-2] == '\r':
		return "\r\n"
	}
	return "\n"
}

// above steps from the start of a line over the comments that stand right
// above it.
func (l *layout) above(start int) int {
	for start > 0 {
		previous := bytes.LastIndexByte(l.src[:start-1], '\n') + 1
		if l.src[l.blanks(previous)] != '#' {
			break
		}
		start = previous
	}
	return start
}

// below steps from the start of a line over the comments that follow without
// a gap, unless they stand right above a header, which they then belong to.
func (l *layout) below(next int) int {
	end := next
	for end < len(l.src) {
		switch i := l.blanks(end); {
		case i < len(l.src) && l.src[i] == '#':
			_, end = l.line(end)
			if l.src[end-1] != '\n' {
				return end
			}
			continue
		case i < len(l.src) && l.src[i] == '[':
			return next
		}
		break
	}
	return end
}

// gapBefore tells whether the line at start has an empty one above it.
func (l *layout) gapBefore(start int) bool {
	if start == 0 {
		return false
	}
	previous := bytes.LastIndexByte(l.src[:start-1], '\n') + 1
	end, _ := l.line(previous)
	return l.blanks(previous) >= end
}

// lineBreakBefore steps back from the start of a line over the line ending.
func (l *layout) lineBreakBefore(start int) int {
	if start > 0 && l.src[start-1] == '\n' {
		start--
		if start > 0 && l.src[start-1] == '\r' {
			start--
		}
	}
	return start
}

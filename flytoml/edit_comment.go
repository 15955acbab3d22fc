package flytoml

import (
	"bytes"
	"slices"
	"strings"
)

// maxComment is the most lines above a value that are taken for its comment.
const maxComment = 5

// commentOn is the comment of a value: the one behind it on its line, and those
// right above that line. JSON has none.
func (l *layout) commentOn(at span) string {
	if l.mark != "" { // keys in quotes: JSON
		return ""
	}
	start := l.wholeLine(at.start)
	depth := len(l.lineIndent(start))
	var words []string
	for line := start; line > 0 && len(words) < maxComment; {
		line = l.wholeLine(line - 1)
		end, _ := l.line(line)
		text := strings.TrimSpace(string(l.src[line:end]))
		// What stands deeper may be the text of a value of several lines.
		if !strings.HasPrefix(text, "#") || len(l.lineIndent(line)) > depth {
			break
		}
		words = append(words, strings.TrimSpace(strings.TrimLeft(text, "#")))
	}
	slices.Reverse(words)
	end, _ := l.line(at.end)
	if rest := strings.TrimLeft(string(l.src[at.end:end]), " \t,}])"); strings.HasPrefix(rest, "#") {
		words = append(words, strings.TrimSpace(strings.TrimLeft(rest, "#")))
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// wholeLine is where the line around offset begins, its blanks included.
func (l *layout) wholeLine(offset int) int {
	return bytes.LastIndexByte(l.src[:offset], '\n') + 1
}

// align lets the blanks between a replaced value and a comment that is aligned
// with others take up the difference in length. The splices are sorted.
func (s *splices) align() {
	for i := range s.list {
		sp := &s.list[i]
		if !sp.value {
			continue
		}
		comment := sp.at.end
		for comment < len(s.src) && s.src[comment] == ' ' {
			comment++
		}
		blanks := comment - sp.at.end
		switch {
		case blanks == 0 || comment == len(s.src) || s.src[comment] != '#':
			continue
		case i+1 < len(s.list) && s.list[i+1].at.start <= comment: // a key is added there
			continue
		case blanks == 1 && !s.columnHas(comment, "#"):
			continue
		}
		longer := len(sp.text) - (sp.at.end - sp.at.start)
		sp.text += strings.Repeat(" ", max(blanks-longer, 1))
		sp.at.end = comment
	}
}

// columnHas reports whether the line above or below the one around offset has a
// text in the column of offset, behind a blank.
func (l *layout) columnHas(offset int, text string) bool {
	start := l.wholeLine(offset)
	column := offset - start
	has := func(line int) bool {
		end, _ := l.line(line)
		at := line + column
		return column > 0 && at < end && l.src[at-1] == ' ' && bytes.HasPrefix(l.src[at:end], []byte(text))
	}
	_, next := l.line(offset)
	return start > 0 && has(l.wholeLine(start-1)) || next < len(l.src) && has(next)
}

package edit

import (
	"bytes"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// maxComment is the most lines above a value that count as its comment.
const maxComment = 5

// commentOn returns the comment of a value: the one after it on its line, and the
// ones directly above that line. JSON has no comments.
func (l *splices) commentOn(at layout.Span) string {
	if l.Mark != "" { // keys are quoted: JSON
		return ""
	}
	start := l.wholeLine(at.Start)
	depth := len(l.LineIndent(start))
	var words []string
	for line := start; line > 0 && len(words) < maxComment; {
		line = l.wholeLine(line - 1)
		end, _ := l.Line(line)
		text := strings.TrimSpace(string(l.Source[line:end]))
		// A deeper line may be part of a multi-line value.
		if !strings.HasPrefix(text, "#") || len(l.LineIndent(line)) > depth {
			break
		}
		words = append(words, strings.TrimSpace(strings.TrimLeft(text, "#")))
	}
	slices.Reverse(words)
	end, _ := l.Line(at.End)
	if rest := strings.TrimLeft(string(l.Source[at.End:end]), " \t,}])"); strings.HasPrefix(rest, "#") {
		words = append(words, strings.TrimSpace(strings.TrimLeft(rest, "#")))
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// wholeLine returns the start of the line around offset, including its indentation.
func (l *splices) wholeLine(offset int) int {
	return bytes.LastIndexByte(l.Source[:offset], '\n') + 1
}

// align keeps comments in their column: where a replaced value is followed by a
// comment that is aligned with others, it adjusts the spaces in between to the
// new length. The splices are sorted.
func (s *splices) align() {
	for i := range s.list {
		sp := &s.list[i]
		if !sp.value {
			continue
		}
		comment := sp.at.End
		for comment < len(s.Source) && s.Source[comment] == ' ' {
			comment++
		}
		blanks := comment - sp.at.End
		switch {
		case blanks == 0 || comment == len(s.Source) || s.Source[comment] != '#':
			continue
		case i+1 < len(s.list) && s.list[i+1].at.Start <= comment: // a key is added there
			continue
		case blanks == 1 && !s.hasInColumn(comment, "#"):
			continue
		}
		longer := len(sp.text) - (sp.at.End - sp.at.Start)
		sp.text += strings.Repeat(" ", max(blanks-longer, 1))
		sp.at.End = comment
	}
}

// hasInColumn reports whether the line above or below the one around offset has
// text in the same column as offset, after a space.
func (l *splices) hasInColumn(offset int, text string) bool {
	start := l.wholeLine(offset)
	at := offset - start
	has := func(line int) bool {
		end, _ := l.Line(line)
		at := line + at
		return at > 0 && at < end && l.Source[at-1] == ' ' && bytes.HasPrefix(l.Source[at:end], []byte(text))
	}
	_, next := l.Line(offset)
	return start > 0 && has(l.wholeLine(start-1)) || next < len(l.Source) && has(next)
}

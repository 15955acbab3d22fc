package edit

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// splice replaces a span of the file with a text.
type splice struct {
	at      layout.Span
	text    string
	rank    int // the order of insertions at the same place
	changes []int
	value   bool // text replaces a value; its comment stays in its column
}

// Ranks of insertions at the same place. Text that belongs to the table above comes
// before text that begins a new table. In YAML, deeper text comes first; it uses
// ranks between rankValue and rankTable.
const (
	rankValue    = math.MinInt
	rankKey      = 0
	rankSubtable = 1
	rankTable    = 2
)

// splices is a set of changes to a file's bytes. The spans do not overlap.
type splices struct {
	*layout.Layout
	list []splice
}

// replace replaces a value with text.
func (s *splices) replace(at layout.Span, text string, changes ...int) {
	s.list = append(s.list, splice{at: at, text: text, changes: changes})
}

// lineAfter adds a line after the line around offset, with the same line ending.
// If the file has no final newline, it still has none.
func (s *splices) lineAfter(offset, rank int, text string, changes ...int) {
	_, next := s.Line(offset)
	if next == 0 || s.Source[next-1] != '\n' {
		s.list = append(s.list, splice{at: layout.Span{Start: next, End: next}, text: s.EOL + text, rank: rank,
			changes: changes})
		return
	}
	s.list = append(s.list, splice{at: layout.Span{Start: next, End: next}, text: text + s.EolAt(next),
		rank: rank, changes: changes})
}

// lineBefore adds a line before the line that begins at start.
func (s *splices) lineBefore(start, rank int, text string, changes ...int) {
	_, next := s.Line(start)
	s.list = append(s.list, splice{at: layout.Span{Start: start, End: start}, text: text + s.EolAt(next),
		rank: rank, changes: changes})
}

// sort sorts the splices by position. Insertions come before a replacement at the
// same place, and are sorted by rank, then in the order in which they were added.
func (s *splices) sort() {
	slices.SortStableFunc(s.list, func(a, b splice) int {
		return cmp.Or(
			cmp.Compare(a.at.Start, b.at.Start),
			cmp.Compare(a.at.End, b.at.End),
			cmp.Compare(a.rank, b.rank),
		)
	})
}

// apply returns the file with the sorted splices applied. It calls row with the line of each
// change, from 1.
func (s *splices) apply(row func(change, line int)) []byte {
	size := len(s.Source)
	for _, sp := range s.list {
		size += len(sp.text) - (sp.at.End - sp.at.Start)
	}
	out := make([]byte, 0, size)
	line, counted, from := 1, 0, 0
	for _, sp := range s.list {
		out = append(out, s.Source[from:sp.at.Start]...)
		begin := len(out) + len(sp.text) - len(strings.TrimLeft(sp.text, "\r\n"))
		out = append(out, sp.text...)
		from = sp.at.End
		if len(sp.changes) == 0 {
			continue
		}
		line += bytes.Count(out[counted:begin], []byte("\n"))
		counted = begin
		for _, change := range sp.changes {
			row(change, line)
		}
	}
	return append(out, s.Source[from:]...)
}

// addLines adds lines at the end of the file, after an empty line if gap is set.
func (s *splices) addLines(lines []newLine, gap bool) {
	if len(s.Source) == 0 {
		for _, l := range lines {
			s.replace(layout.Span{}, l.text+s.EOL, l.changes...)
		}
		return
	}
	offset := s.LineBreakBefore(len(s.Source))
	if start, first := s.LineStart(offset); gap && (!first || start < offset) {
		s.lineAfter(offset, rankTable, "")
	}
	for _, l := range lines {
		s.lineAfter(offset, rankTable, l.text, l.changes...)
	}
}

package lint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Lint returns the findings of a file in the order of its lines, and at the same
// place the worst first. A file that flyctl refuses (see [File.Validate]), or
// accepts but cannot convert, has at least one error.
//
// It finds more than `fly config validate --strict`, which does not look inside
// lists of tables or at values.
//
// It returns at most a thousand findings: errors before warnings and notes, and the
// first twenty with a code before further ones. After them comes one [FindingMore]
// for each severity with findings left out, with their number in Count.
func Lint(f *flytoml.File) []Finding { return lint(f, false) }

// LintPrivate is [Lint] for an app that should be private: what does not work over
// Flycast is a warning instead of a note.
func LintPrivate(f *flytoml.File) []Finding { return lint(f, true) }

func lint(f *flytoml.File, private bool) []Finding {
	def, err := f.SharedDefinition()
	data := f.Bytes()
	l := &linter{
		private: private, file: f, data: data, def: def, refusal: err,
		standard: def.DefaultGroup(), at: layout.Locate(f.Format(), data),
	}
	for i, b := range data {
		if b == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	root := spot{value: f.Document()}
	l.checkKeys(root, "", schema.Root(), nil)
	l.checkFile(root)
	if err == nil {
		l.checkServices(root)
		l.checkSections(root)
	}
	l.reportRefused(root)
	slices.SortStableFunc(l.findings, byPlace)
	l.limit()
	return append(l.findings, l.more()...)
}

// byPlace orders findings as Lint returns them.
func byPlace(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Row, b.Row),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Severity.rank(), b.Severity.rank()),
	)
}

// linter collects findings. Its work must stay proportional to the size of the
// file: it never compares each pair of sections.
type linter struct {
	private  bool // the app is to be
	file     *flytoml.File
	data     []byte // of the file
	def      *flytoml.Definition
	refusal  error  // why flyctl would not accept the shape of the file
	standard string // the default group
	at       layout.Positions
	lines    []int // where the second line begins, and the others
	findings []Finding
	errors   int                      // of findings, those left out included
	kinds    map[kindOfFinding]int    // how many there are of each
	left     map[Severity]int         // how many are left out
	homes    map[string][]schema.Home // of keys, once one is needed
	words    spelling.Vocabulary      // of keys, once it is needed
}

// spot is a place in the document: its value, and its position in the file or
// that of the nearest enclosing part that has one.
type spot struct {
	path  string
	at    layout.Place
	value any  // as decoded
	read  bool // the document has it
	found bool // and at is its own
}

// under returns the spot of a key, found in any case, as encoding/json does. For a
// key that the table does not have, it is the spot of the table, without a value.
func (l *linter) under(s spot, key string) spot {
	table, _ := s.value.(map[string]any)
	value, ok := table[key]
	if !ok {
		last := "" // of several, as the JSON that flyctl makes of them is sorted
		for name := range table {
			if name > last && strings.EqualFold(name, key) {
				last, ok = name, true
			}
		}
		if ok {
			key, value = last, table[last]
		}
	}
	return l.step(s, layout.Join(s.path, key), value, ok)
}

// item returns the spot of an item of a list.
func (l *linter) item(s spot, i int) spot {
	list, _ := s.value.([]any)
	if i >= len(list) {
		if i == 0 && s.read { // one table in place of a list
			return s
		}
		return l.step(s, s.path, nil, false)
	}
	return l.step(s, layout.ItemOf(s.path, i), list[i], true)
}

func (l *linter) step(from spot, path string, value any, read bool) spot {
	to := spot{path: from.path, at: from.at, value: value, read: read}
	if !read || len(path) > layout.MaxPath {
		return to
	}
	to.path = path
	if at, ok := l.at[path]; ok {
		to.at, to.found = at, true
	}
	return to
}

// message is the text of a finding: what is wrong, why it matters, and the fix.
type message struct{ what, why, fix string }

func (l *linter) error(code string, s spot, n message) *Finding {
	l.errors++
	return l.add(SeverityError, code, s, n)
}

func (l *linter) warn(code string, s spot, n message) *Finding {
	return l.add(SeverityWarning, code, s, n)
}

func (l *linter) info(code string, s spot, n message) *Finding {
	return l.add(SeverityInfo, code, s, n)
}

// flycast reports what does not work for private callers: a warning if the app
// should be private, and a note otherwise.
func (l *linter) flycast(code string, s spot, n message) *Finding {
	severity := SeverityInfo
	if l.private {
		severity = SeverityWarning
	}
	return l.add(severity, code, s, n)
}

// add makes a finding. The result is valid until the next call. If there are too
// many of its kind, the result is not among the findings.
func (l *linter) add(severity Severity, code string, s spot, n message) *Finding {
	if l.isFull(severity, code) {
		return &Finding{}
	}
	f := Finding{Code: code, Severity: severity, Path: excerpt.Path(s.path), What: n.what, Why: n.why, Fix: n.fix}
	if s.at != (layout.Place{}) {
		line, _ := slices.BinarySearch(l.lines, s.at.Key.Start+1)
		f.Row, f.Column = line+1, s.at.Key.Start+1
		if line > 0 {
			f.Column -= l.lines[line-1]
		}
	}
	l.findings = append(l.findings, f)
	return &l.findings[len(l.findings)-1]
}

// source returns the value of a spot as the file spells it, or "" if that is
// unknown, as for tables.
func (l *linter) source(s spot) string {
	if !s.found {
		return ""
	}
	return string(l.data[s.at.Value.Start:s.at.Value.End])
}

// replaceValue returns the edit that replaces a value with text, or nil if its
// position is unknown.
func replaceValue(s spot, text string) *TextEdit {
	if !s.found || s.at.Value == (layout.Span{}) {
		return nil
	}
	return &TextEdit{Offset: s.at.Value.Start, Length: s.at.Value.End - s.at.Value.Start, Text: text}
}

// rename returns the edit that renames a key. It returns nil for a table, whose
// name may be in many places.
func (l *linter) rename(s spot, name string) *TextEdit {
	if !s.found || s.at.Value == (layout.Span{}) {
		return nil
	}
	if l.file.Format() == syntax.JSON {
		name = `"` + name + `"`
	}
	return &TextEdit{Offset: s.at.Key.Start, Length: s.at.Key.End - s.at.Key.Start, Text: name}
}

// quoted returns a word as a string in the file's format, with the quotes of the
// value at s.
func (l *linter) quoted(s spot, word string) string {
	if strings.HasPrefix(l.source(s), "'") {
		return "'" + word + "'"
	}
	return `"` + word + `"`
}

// spelling returns the edit that writes a word as flyctl spells it if the value
// differs only in separators or capitals; else nil.
func (l *linter) spelling(s spot, known ...string) *TextEdit {
	word, _ := s.value.(string)
	for _, name := range known {
		if word != name && spelling.SameLetters(word, name) {
			return replaceValue(s, l.quoted(s, name))
		}
	}
	return nil
}

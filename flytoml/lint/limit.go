package lint

import (
	"cmp"
	"fmt"
	"slices"
)

// maxFound is the most findings that Lint returns, without FindingMore; maxOfKind is
// how many of a kind come before further ones of another. A file may hold an
// unknown key for every three bytes.
const (
	maxFound  = 1000
	maxOfKind = 20
)

// kindOfFinding is the key by which findings are counted.
type kindOfFinding struct {
	severity Severity
	code     string
}

// isFull counts a finding before it is made, and reports whether there are already
// too many of its kind, so that memory holds only those that may be returned.
func (l *linter) isFull(severity Severity, code string) bool {
	if l.kinds == nil {
		l.kinds, l.left = map[kindOfFinding]int{}, map[Severity]int{}
	}
	kind := kindOfFinding{severity, code}
	if l.kinds[kind]++; l.kinds[kind] <= maxFound {
		return false
	}
	l.left[severity]++
	return true
}

// limit drops findings, which must be sorted, until at most maxFound are left.
func (l *linter) limit() {
	if len(l.findings) <= maxFound {
		return
	}
	type ranked struct {
		Finding
		later bool // than the first maxOfKind of its kind
	}
	all := make([]ranked, len(l.findings))
	kinds := map[kindOfFinding]int{}
	for i, f := range l.findings {
		kind := kindOfFinding{f.Severity, f.Code}
		kinds[kind]++
		all[i] = ranked{f, kinds[kind] > maxOfKind}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch n := cmp.Compare(a.Severity.rank(), b.Severity.rank()); {
		case n != 0 || a.later == b.later:
			return n
		case a.later:
			return 1
		}
		return -1
	})
	l.findings = l.findings[:0]
	for _, r := range all[:maxFound] {
		l.findings = append(l.findings, r.Finding)
	}
	for _, r := range all[maxFound:] {
		l.left[r.Severity]++
	}
	slices.SortStableFunc(l.findings, byPlace)
}

// more returns the findings that count what was left out.
func (l *linter) more() []Finding {
	var counts []Finding
	for _, severity := range []Severity{SeverityError, SeverityWarning, SeverityInfo} {
		if n := l.left[severity]; n > 0 {
			counts = append(counts, Finding{
				Code: FindingMore, Severity: severity, Count: n,
				What: fmt.Sprintf("%d more findings of this severity are not listed", n),
				Why:  fmt.Sprintf("at most %d findings are listed, errors before warnings and notes", maxFound),
				Fix:  "fix what is listed, then run lint again",
			})
		}
	}
	return counts
}

package flytoml

import (
	"cmp"
	"fmt"
	"slices"
)

// Fix applies the edits of findings that [File.Lint] made of this file, all at
// once; those without an edit are left alone. The file itself does not change.
//
// The result is read again before it is returned. The error is [ErrEdit] if
// two edits overlap or lie outside of the file, if the result cannot be read,
// or if a finding that an edit was for is still there.
func (f *File) Fix(findings []Finding) (*Edited, error) {
	refuse := func(reason string) (*Edited, error) {
		return nil, fmt.Errorf("%s: %w: %s", f.name, ErrEdit, reason)
	}
	s := splices{layout: &layout{src: f.data}}
	var changes []EditChange
	type fixed struct{ code, path string }
	done := map[fixed]bool{}
	for _, finding := range findings {
		if finding.Edit == nil || done[fixed{finding.Code, finding.Path}] {
			continue
		}
		done[fixed{finding.Code, finding.Path}] = true
		at := span{finding.Edit.Offset, finding.Edit.Offset + finding.Edit.Length}
		if at.start < 0 || at.end < at.start || at.end > len(f.data) {
			return refuse("an edit lies outside of the file")
		}
		s.replace(at, finding.Edit.Text, len(changes))
		changes = append(changes, EditChange{Path: finding.Path, Before: string(f.data[at.start:at.end]), After: finding.Edit.Text})
	}
	slices.SortStableFunc(s.list, func(a, b splice) int { return cmp.Compare(a.at.start, b.at.start) })
	for i := 1; i < len(s.list); i++ {
		if s.list[i].at.start < s.list[i-1].at.end {
			return refuse("two edits overlap")
		}
	}
	after := s.apply(func(change, line int) { changes[change].Row = line })
	result, err := Parse(f.name, after)
	if err != nil {
		return refuse("the result cannot be read")
	}
	for _, finding := range result.Lint() {
		if done[fixed{finding.Code, finding.Path}] {
			return refuse("a finding stays: " + finding.What)
		}
	}
	return &Edited{Before: f.Bytes(), After: after, Changes: changes, splices: s.list}, nil
}

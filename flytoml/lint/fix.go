package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Fixed is the result of [Fix].
type Fixed struct {
	edit.Result
	Left []Finding // findings whose edit would have made the file worse
}

// Fix applies the edits of findings that [Lint] returned for this file. It ignores
// findings without an edit, and does not change f.
//
// Fix reads the result again, and no edit makes the file worse. A renamed key
// starts to take effect; if flyctl would then refuse the file, or could not convert
// it, Fix leaves out the edit (see [Fixed.Left]). The search for such edits is
// limited, so in a large file with many of them it may leave out other edits too.
//
// The error is [edit.ErrUnintended] if two edits overlap or lie outside the file,
// or if a finding is still there after its edit.
func Fix(f *flytoml.File, findings []Finding) (*Fixed, error) {
	refuse := func(reason string) (*Fixed, error) {
		return nil, fmt.Errorf("%s: %w: %s", f.Name(), edit.ErrUnintended, reason)
	}
	size := len(f.Bytes())
	var values, names []Finding
	seen := map[cause]bool{}
	for _, finding := range findings {
		if finding.Edit == nil || seen[finding.cause()] {
			continue
		}
		seen[finding.cause()] = true
		if e := finding.Edit; e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > size {
			return refuse("an edit is outside the file")
		}
		if finding.Code == FindingUnknownKey || finding.Code == FindingKeyCase {
			names = append(names, finding)
		} else {
			values = append(values, finding)
		}
	}
	if overlaps(slices.Concat(values, names)) {
		return refuse("two edits overlap")
	}
	x := &fixer{file: f, tries: min(max(maxFixed/max(size, 1), 10), 200), now: outcomeOf(f)}
	x.add(values) // first: a file that flyctl can read says more about the names
	x.add(names)
	fixed := map[cause]string{}
	for _, finding := range x.kept {
		fixed[finding.cause()] = finding.What
	}
	for _, finding := range x.now.findings {
		// A value that flyctl refused may have another fault.
		if what, ok := fixed[finding.cause()]; ok && (finding.Code != FindingInvalid || finding.What == what) {
			return refuse("a finding is still there after its edit: " + finding.What)
		}
	}
	return &Fixed{*applyEdits(f, x.kept), x.left}, nil
}

// maxFixed is the most bytes that are read again to find harmful edits.
const maxFixed = 8 << 20

// cause identifies a finding in a file and in its edited version.
type cause struct{ code, path string }

func (f Finding) cause() cause { return cause{f.Code, f.Path} }

func byOffset(a, b Finding) int { return cmp.Compare(a.Edit.Offset, b.Edit.Offset) }

func overlaps(findings []Finding) bool {
	slices.SortStableFunc(findings, byOffset)
	for i := 1; i < len(findings); i++ {
		if last := findings[i-1].Edit; findings[i].Edit.Offset < last.Offset+last.Length {
			return true
		}
	}
	return false
}

// applyEdits returns the file with the edits of findings, which must not overlap.
func applyEdits(f *flytoml.File, findings []Finding) *edit.Result {
	var list []edit.Replacement
	for _, finding := range findings {
		list = append(list, edit.Replacement{Path: finding.Path, Offset: finding.Edit.Offset,
			Length: finding.Edit.Length, Text: finding.Edit.Text})
	}
	return edit.Replace(f, list)
}

// fixer chooses which edits to keep.
type fixer struct {
	file       *flytoml.File
	now        outcome   // with the edits that are kept
	kept, left []Finding // with an edit
	tries      int       // that may still be made
}

// add keeps the edits that do no harm. It tries all at once, then each half.
func (x *fixer) add(findings []Finding) {
	switch {
	case len(findings) == 0:
		return
	case x.tries == 0:
		x.left = append(x.left, findings...)
		return
	}
	x.tries--
	kept := slices.Concat(x.kept, findings)
	if result, err := flytoml.Parse(x.file.Name(), applyEdits(x.file, kept).After); err == nil {
		if now := outcomeOf(result); !now.worseThan(x.now) {
			x.kept, x.now = kept, now
			return
		}
	}
	if len(findings) == 1 {
		x.left = append(x.left, findings...)
		return
	}
	half := len(findings) / 2
	x.add(findings[:half])
	x.add(findings[half:])
}

// outcome is how flyctl handles a file: what fails, and what works.
type outcome struct {
	findings  []Finding
	readable  bool // flyctl accepts its shape
	valid     bool
	obstacles map[cause]bool // to a conversion, files that are not looked at among them
	converts  []string       // of the first process groups, those that flyctl makes Machines for
}

// maxConverted is the most process groups that are converted to try a fix.
const maxConverted = 9

func isReadable(f *flytoml.File) bool {
	_, err := f.SharedDefinition()
	return err == nil
}

func outcomeOf(f *flytoml.File) outcome {
	o := outcome{findings: Lint(f), readable: isReadable(f), valid: f.Validate() == nil, obstacles: map[cause]bool{}}
	for _, finding := range o.findings {
		if finding.Severity == SeverityError || finding.Code == FindingOutsideFile {
			o.obstacles[finding.cause()] = true
		}
	}
	if o.readable {
		for _, group := range f.Groups()[:min(len(f.Groups()), maxConverted)] {
			if _, err := f.Apply(group, machine.Config{}); err == nil {
				o.converts = append(o.converts, group)
			}
		}
	}
	return o
}

// worseThan reports whether something fails that did not fail before. While flyctl
// cannot read a file, most of its other failures are unknown.
func (o outcome) worseThan(before outcome) bool {
	switch {
	case before.readable && !o.readable, before.valid && !o.valid:
		return true
	case !before.readable && o.readable:
		return false
	}
	for obstacle := range o.obstacles {
		if !before.obstacles[obstacle] {
			return true
		}
	}
	return slices.ContainsFunc(before.converts, func(group string) bool { return !slices.Contains(o.converts, group) })
}

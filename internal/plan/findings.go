package plan

import (
	"fmt"
	"slices"
)

// Findings are what the stages of planning find out, each on its own.
type Findings struct {
	Hazards  []Hazard
	Blockers []Blocker
	Remarks  []string
}

// Hazard adds a hazard once.
func (f *Findings) Hazard(h Hazard) {
	if !slices.Contains(f.Hazards, h) {
		f.Hazards = append(f.Hazards, h)
	}
}

// Block adds a blocker once.
func (f *Findings) Block(b Blocker) {
	if !slices.Contains(f.Blockers, b) {
		f.Blockers = append(f.Blockers, b)
	}
}

// Remark adds a sentence for the result.
func (f *Findings) Remark(format string, args ...any) {
	f.Remarks = append(f.Remarks, fmt.Sprintf(format, args...))
}

// Add adds the findings of another stage.
func (f *Findings) Add(more Findings) {
	for _, h := range more.Hazards {
		f.Hazard(h)
	}
	for _, b := range more.Blockers {
		f.Block(b)
	}
	f.Remarks = append(f.Remarks, more.Remarks...)
}

// Blocked reports whether there is a blocker with that id.
func (f Findings) Blocked(id string) bool {
	return slices.ContainsFunc(f.Blockers, func(b Blocker) bool { return b.ID == id })
}

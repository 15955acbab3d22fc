package plan

import (
	"fmt"
	"time"
)

// Proposal is what planning a call returns: the plan, the data that Apply needs, and the
// tool's own part of the answer.
type Proposal[Work, Out any] struct {
	Plan    Plan
	Work    Work
	Out     Out
	Summary string // one sentence: what the plan would do
	Nothing string // one sentence, if there is nothing to do
	Next    []Next // if there is nothing to do, or if there are blockers
	// Keep, if not nil, keeps what the plan was made from for as long as a question
	// about it is open.
	Keep func(until time.Time)
	// Before, if not nil, returns what is to be kept for undo once the plan is applied.
	Before func() Snapshot
}

// Report receives the progress of an Apply.
type Report func(Progress)

// Progress says how far a run has come: steps done, of how many, and what is happening
// now, to which Machine if it is about one.
type Progress struct {
	Done, Of       int
	Group, Machine string
	Doing          string
}

// String returns the progress in words.
func (p Progress) String() string {
	switch {
	case p.Machine != "":
		return fmt.Sprintf("group %s, Machine %s (%d of %d): %s", Clean(p.Group), p.Machine,
			min(p.Done+1, p.Of), p.Of, p.Doing)
	case p.Group != "":
		return fmt.Sprintf("group %s (%d of %d): %s", Clean(p.Group), min(p.Done+1, p.Of), p.Of, p.Doing)
	}
	return p.Doing
}

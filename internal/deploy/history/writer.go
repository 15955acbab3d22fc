package history

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Writer records what becomes of each Machine and release: an entry before the work on it
// and one after, with instance ids and hashes of configurations. A new Machine has no id
// before it is created: its first entry has its group only.
type Writer struct {
	Record func(journal.Entry)
	Work   rollout.Work

	begun map[string]bool // Machines, groups and the release that have an entry
}

// first reports whether a key is seen for the first time.
func (w *Writer) first(key string) bool {
	if w.begun[key] {
		return false
	}
	if w.begun == nil {
		w.begun = make(map[string]bool)
	}
	w.begun[key] = true
	return true
}

func (w *Writer) step(e journal.Entry) {
	e.Event, e.Tool, e.App = journal.Step, Tool, w.Work.App
	w.Record(e)
}

// Begin records the first phase of each Machine, of each group that gets a new one, and of
// the release.
func (w *Writer) Begin(p rollout.Phase) {
	switch {
	case p.Machine != "":
		if w.first("machine " + p.Machine) {
			w.beginMachine(p)
		}
	case p.Group != "":
		if w.first("group " + p.Group) {
			w.step(journal.Entry{Verb: string(gate.CreateMachine), Group: p.Group, Status: begun})
		}
	case w.Work.Release != nil && w.first("release"):
		w.step(journal.Entry{Verb: string(gate.CreateRelease), Status: begun})
	}
}

func (w *Writer) beginMachine(p rollout.Phase) {
	i := slices.IndexFunc(w.Work.Updates, func(c rollout.Change) bool { return c.Before.ID == p.Machine })
	if i < 0 {
		w.step(journal.Entry{Verb: string(gate.CreateMachine), Target: p.Machine, Group: p.Group, Status: created})
		return
	}
	c := w.Work.Updates[i]
	w.step(journal.Entry{
		Verb: string(w.verb(p.Machine)), Target: p.Machine, Status: begun,
		Instance: c.Before.InstanceID, Config: c.After.Hash(),
	})
}

// End records what became of a Machine.
func (w *Writer) End(m rollout.Outcome) {
	e := journal.Entry{Verb: string(w.verb(m.ID)), Target: m.ID, Status: string(m.State), Instance: m.After}
	if m.Err != nil {
		e.Code = string(fly.CodeOf(m.Err))
	}
	if m.Created || m.ID == "" {
		e.Verb, e.Group = string(gate.CreateMachine), m.Group
	}
	w.step(e)
}

// Release records the status of the deploy's release.
func (w *Writer) Release(r fly.Release, status fly.ReleaseStatus) {
	w.step(journal.Entry{Verb: string(gate.CreateRelease), Target: r.ID, Status: string(status)})
}

// verb returns what was to be done with an existing Machine.
func (w *Writer) verb(id string) gate.Verb {
	if slices.ContainsFunc(w.Work.Destroyed(), func(c rollout.Change) bool { return c.Before.ID == id }) {
		return gate.DestroyMachine
	}
	return gate.UpdateMachine
}

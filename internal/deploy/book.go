package deploy

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Statuses of journal entries, beside those of Machines and releases.
const (
	begun   = "begun"   // precedes the work on a Machine or a release
	created = "created" // a Machine is there, and not proved yet
)

// book writes into the journal what becomes of each Machine and release:
// an entry before the work on it and one after, with instance ids and hashes of
// configurations. A new Machine has no id before it is there: its first entry
// names its group alone.
type book struct {
	*Deployer
	work  rollout.Work
	known map[string]bool // what was begun with
}

// first reports whether a thing is named for the first time.
func (b *book) first(thing string) bool {
	if b.known[thing] {
		return false
	}
	if b.known == nil {
		b.known = make(map[string]bool)
	}
	b.known[thing] = true
	return true
}

func (b *book) step(e journal.Entry) {
	e.Event, e.Tool, e.App = journal.Step, Tool, b.work.App
	b.Record(e)
}

func (b *book) begun(p rollout.Phase) {
	switch {
	case p.Machine != "":
		if b.first("machine " + p.Machine) {
			b.begunMachine(p)
		}
	case p.Group != "":
		if b.first("group " + p.Group) {
			b.step(journal.Entry{Verb: string(gate.CreateMachine), Group: p.Group, Status: begun})
		}
	case b.work.Release != nil && b.first("release"):
		b.step(journal.Entry{Verb: string(gate.CreateRelease), Status: begun})
	}
}

func (b *book) begunMachine(p rollout.Phase) {
	i := slices.IndexFunc(b.work.Updates, func(c rollout.Change) bool { return c.Before.ID == p.Machine })
	if i < 0 {
		b.step(journal.Entry{Verb: string(gate.CreateMachine), Target: p.Machine, Group: p.Group, Status: created})
		return
	}
	c := b.work.Updates[i]
	b.step(journal.Entry{Verb: string(b.verb(p.Machine)), Target: p.Machine, Status: begun, Instance: c.Before.InstanceID, Config: c.After.Hash()})
}

func (b *book) ended(m rollout.Outcome) {
	e := journal.Entry{Verb: string(b.verb(m.ID)), Target: m.ID, Status: string(m.State), Code: string(codeOf(m.Err)), Instance: m.After}
	if m.Created || m.ID == "" {
		e.Verb, e.Group = string(gate.CreateMachine), m.Group
	}
	b.step(e)
}

func (b *book) released(r fly.Release, status fly.ReleaseStatus) {
	b.step(journal.Entry{Verb: string(gate.CreateRelease), Target: r.ID, Status: string(status)})
}

// verb is what was to be done with an existing Machine.
func (b *book) verb(id string) gate.Verb {
	if slices.ContainsFunc(b.work.Destroyed(), func(c rollout.Change) bool { return c.Before.ID == id }) {
		return gate.DestroyMachine
	}
	return gate.UpdateMachine
}

package call

import (
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// save keeps what a run found before it changes anything, and records that in the journal. A
// failure goes to the log: the run goes on, and cannot be undone by a command.
func (c *invocation) save(p *proposal, run *Run) (saved bool) {
	if c.Save == nil || p.before == nil || p.Empty() {
		return false
	}
	hash, err := c.Save(p.before())
	if err != nil {
		c.Log.Error("undo: what the run found could not be kept", "tool", c.spec.Name, "app", p.App, "err", err)
		return false
	}
	c.Record(journal.Entry{Event: journal.Saved, Tool: c.spec.Name, App: p.App, Run: run.ID, Config: hash})
	return true
}

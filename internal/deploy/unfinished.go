package deploy

import (
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// unfinished is a deploy that has a beginning in the journal and no end: the
// process that did it was ended, or is another one still at work.
type unfinished struct {
	since   time.Time
	touched map[string]bool // id of a Machine → whether it came to its end
}

// unfinishedOf is a run, if it is one without an end.
func unfinishedOf(run journal.Run) *unfinished {
	if run.Finished {
		return nil
	}
	last := &unfinished{since: run.Began, touched: make(map[string]bool)}
	for _, e := range run.Steps {
		if e.Target != "" && e.Verb != string(gate.CreateRelease) {
			last.touched[e.Target] = endedStep(e)
		}
	}
	return last
}

// endedStep reports whether a Machine's step came to an end that is known.
func endedStep(e journal.Entry) bool {
	return e.Status != begun && e.Status != created && e.Status != string(rollout.Unclear)
}

// halfDone reports whether it began with a Machine and did not come to its end.
func (u *unfinished) halfDone(id string) bool {
	if u == nil {
		return false
	}
	ended, touched := u.touched[id]
	return touched && !ended
}

// remarkUnfinished says what an earlier deploy that was cut short left behind.
func (d *deployment) remarkUnfinished() {
	last := d.past.unfinished
	if last == nil {
		return
	}
	d.remark("a deploy that began at %s has no end in the journal: the program was stopped, or another process is still running it", last.since.UTC().Format(time.RFC3339))
	var have, lack []string
	for _, m := range d.snapshot.Machines {
		if _, touched := last.touched[m.ID]; !touched {
			continue
		}
		if slices.ContainsFunc(d.changes, func(c rollout.Change) bool { return c.Before.ID == m.ID && !machine.Equal(c.Before.Config, c.After) }) {
			lack = append(lack, m.ID)
		} else {
			have = append(have, m.ID)
		}
	}
	if len(have) > 0 {
		d.remark("of the Machines it had started, these already have the configuration of this plan: %s", plan.Few(have))
	}
	if len(lack) > 0 {
		d.remark("of the Machines it had started, these do not: %s", plan.Few(lack))
	}
}

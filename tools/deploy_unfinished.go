package tools

import (
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
)

// begun is the status of a journal entry that precedes the work on a Machine.
const begun = "begun"

// unfinished is a deploy that has a beginning in the journal and no end: the
// process that did it was ended, or is another one still at work.
type unfinished struct {
	since   time.Time
	touched map[string]bool // id of a Machine → whether it came to its end
}

// unfinishedDeploy finds the last one of an app, if the app's last deploy is one.
func (a *adapter) unfinishedDeploy(app string) (*unfinished, error) {
	if a.Journal == nil {
		return nil, nil
	}
	if a.runs != nil {
		if at := a.runs.busy(app); at != nil && at.underWay() {
			return nil, nil // it is this process's, and goes on
		}
	}
	var last *unfinished
	_, err := a.Journal.Any(func(e journal.Entry) bool {
		switch {
		case e.Tool != deployName || e.App != app:
		case e.Event == journal.Started:
			last = &unfinished{since: e.Time, touched: make(map[string]bool)}
		case e.Event == journal.Finished:
			last = nil
		case e.Event == journal.Step && last != nil && e.Target != "":
			last.touched[e.Target] = e.Status != begun
		}
		return false
	})
	return last, err
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
	last := d.unfinished
	if last == nil {
		return
	}
	d.remark("a deploy that began at %s has no end in the journal: the program was ended, or another one is still at work", last.since.UTC().Format(time.RFC3339))
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
		d.remark("of the Machines that it had begun with, these have the configuration of this plan already: %s", few(have))
	}
	if len(lack) > 0 {
		d.remark("of the Machines that it had begun with, these have not: %s", few(lack))
	}
}

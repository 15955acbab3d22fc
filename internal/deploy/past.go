package deploy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// past is what the journal tells of the deploys of an app before this one, and
// what the platform may not show yet, or shows wrongly.
type past struct {
	unfinished *unfinished
	made       []string             // ids of Machines that were created and not removed again, the newest first
	doubtful   map[string]time.Time // group → when a Machine of it was, or was not, created: nobody knows
	releases   []string             // ids of releases that were made and not closed
	lost       time.Time            // when a release was, or was not, made; zero if that is known
}

// pastDeploys reads what is known of an app's deploys. What goes on now is not
// of the past.
func (a *Deployer) pastDeploys(app string) (past, error) {
	var p past
	if a.Journal == nil {
		return p, nil
	}
	if a.Runs.Changing(app) {
		return p, nil // it is this process's, and goes on
	}
	runs, err := a.Journal.Runs(Tool, app)
	if err != nil || len(runs) == 0 {
		return p, err
	}
	p.doubtful = make(map[string]time.Time)
	p.unfinished = unfinishedOf(runs[len(runs)-1])
	made, open := make(map[string]time.Time), make(map[string]bool)
	for _, run := range runs {
		p.creations(run, made)
		p.lost = time.Time{} // what an earlier run lost, the later one has named
		for _, e := range run.Steps {
			switch {
			case e.Verb != string(gate.CreateRelease):
			case e.Target != "":
				open[e.Target] = unended(e.Status)
				p.lost = time.Time{}
			case !run.Finished:
				p.lost = e.Time
			}
		}
	}
	p.made = slices.SortedFunc(maps.Keys(made), func(a, b string) int { return cmp.Or(made[b].Compare(made[a]), cmp.Compare(a, b)) })
	for id, is := range open {
		if is {
			p.releases = append(p.releases, id)
		}
	}
	slices.Sort(p.releases)
	return p, nil
}

// unended reports whether a release with that status is waiting for its end.
func unended(status string) bool { return status == "pending" || status == string(fly.ReleaseRunning) }

// creations notes the Machines that a run created.
func (p *past) creations(run journal.Run, made map[string]time.Time) {
	doubtful := make(map[string]time.Time)
	for _, e := range run.Steps {
		switch {
		case e.Verb != string(gate.CreateMachine):
		case e.Target == "" && (e.Status == begun || e.Status == string(rollout.Broken)):
			doubtful[e.Group] = e.Time
		case e.Target != "" && e.Status != string(rollout.Removed):
			made[e.Target] = e.Time
		}
	}
	maps.Copy(p.doubtful, doubtful)
	for _, e := range run.Steps {
		if e.Verb == string(gate.CreateMachine) && e.Target != "" {
			delete(p.doubtful, e.Group) // it has a name since
		}
	}
}

// Lists are late by seconds. For listLate after a creation nobody answered for,
// a list without the Machine proves nothing; maxUnlisted bounds how many Machines
// are asked for one by one.
const (
	listLate    = 2 * time.Minute
	maxUnlisted = 20
)

// unlisted adds the Machines that an earlier deploy created and the list does
// not show yet: without them a group would get its first Machine twice.
func (a *Deployer) unlisted(ctx context.Context, d *deployment) error {
	asked := 0
	for _, id := range d.past.made {
		if slices.ContainsFunc(d.snapshot.Machines, func(m fly.Machine) bool { return m.ID == id }) {
			continue
		}
		if asked++; asked > maxUnlisted {
			return nil
		}
		m, err := a.Client.Machine(ctx, d.in.App, id)
		switch {
		case fly.CodeOf(err) == gate.NotFound && fly.Missing(err) != fly.AnApp:
		case err != nil:
			return err
		case m.State != "destroyed" && m.State != "destroying":
			d.snapshot.Machines = append(d.snapshot.Machines, m)
			d.remark("Machine %s, which an earlier deploy created, is not in the list of Machines yet", id)
		}
	}
	return nil
}

// unconfirmed refuses to give a group its first Machine while one may have been
// created already that lists do not show yet.
func (a *Deployer) unconfirmed(d *deployment) {
	for _, c := range d.creates {
		at, doubtful := d.past.doubtful[c.Group]
		if until := at.Add(listLate); doubtful && a.Clock.Now().Before(until) {
			d.block(plan.Blocker{
				ID:   CreationUnconfirmed,
				What: fmt.Sprintf("at %s a Machine of group %s was requested; it is unknown whether it was created, because lists show a new one late", at.UTC().Format(time.TimeOnly), plan.Quote(c.Group)),
				Fix:  fmt.Sprintf("repeat the call after %s UTC", until.UTC().Format(time.TimeOnly)),
			})
		}
	}
}

// abandoned finds the releases that earlier deploys of this program left as
// running, for the next run to close. The app's lock, which a run holds, tells
// that nobody is at work on them; and they are this program's own, as the journal
// has their ids. A release that may be one, but whose id was never known, is named
// and left.
func (a *Deployer) abandoned(ctx context.Context, d *deployment) error {
	if len(d.past.releases) == 0 && d.past.lost.IsZero() {
		return nil
	}
	list, err := a.Client.Releases(ctx, d.in.App, 20)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		d.remark("an earlier deploy was interrupted, and its release may still be recorded as running: the releases could not be read (%s)", fly.CodeOf(err))
		return nil
	}
	for _, r := range list {
		switch {
		case !unended(string(r.Status)):
		case slices.Contains(d.past.releases, r.ID):
			d.abandons = append(d.abandons, r)
		case !d.past.lost.IsZero() && r.CreatedAt.After(d.past.lost.Add(-time.Minute)):
			d.remark("version %d is recorded as %s and may belong to the interrupted deploy; it was left as it is", r.Version, r.Status)
		}
	}
	return nil
}

// remarkAbandoned says what becomes of the releases that earlier deploys left.
func (d *deployment) remarkAbandoned() {
	for _, r := range d.abandons {
		if d.empty() {
			d.remark("version %d is still recorded as %s, because a deploy was interrupted; the next deploy that has something to do closes it", r.Version, r.Status)
		} else {
			d.remark("version %d is still recorded as %s, because a deploy was interrupted; this deploy closes it as interrupted", r.Version, r.Status)
		}
	}
}

package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/history"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// CreationUnconfirmed is the id of the blocker of a deploy that might create a Machine
// twice.
const CreationUnconfirmed = "creation_unconfirmed"

// Lists show a new Machine seconds late. For listLate after a creation that was not
// confirmed, a list without the Machine proves nothing; maxUnlisted bounds how many
// Machines are asked for one by one.
const (
	listLate    = 2 * time.Minute
	maxUnlisted = 20
)

// earlier returns what the journal has of the app's earlier deploys. A deploy that this process
// runs now is none.
func (d *Deployer) earlier(app string) (history.Past, error) {
	if d.Runs.Changing(app) {
		return history.Past{}, nil
	}
	return history.Read(d.Journal, app)
}

// unlisted reads the Machines that an earlier deploy created and the list does not show
// yet: without them a group would get its first Machine twice.
func (d *Deployer) unlisted(ctx context.Context, app string, created []string,
	list []fly.Machine) ([]fly.Machine, error) {
	var out []fly.Machine
	asked := 0
	for _, id := range created {
		if slices.ContainsFunc(list, func(m fly.Machine) bool { return m.ID == id }) {
			continue
		}
		if asked++; asked > maxUnlisted {
			break
		}
		m, err := d.Client.Machine(ctx, app, id)
		switch {
		case fly.CodeOf(err) == gate.NotFound && fly.Missing(err) != fly.AnApp:
		case err != nil:
			return nil, err
		case m.State != "destroyed" && m.State != "destroying":
			out = append(out, m)
		}
	}
	return out, nil
}

func remarkUnlisted(list []fly.Machine) (found plan.Findings) {
	for _, m := range list {
		found.Remark("Machine %s, which an earlier deploy created, is not in the list of Machines yet", m.ID)
	}
	return found
}

// unconfirmed returns a blocker for giving a group its first Machine while one may have been created
// already that lists do not show yet.
func unconfirmed(creates []rollout.Create, past history.Past, now time.Time) (found plan.Findings) {
	for _, c := range creates {
		at, doubtful := past.Doubtful[c.Group]
		if until := at.Add(listLate); doubtful && now.Before(until) {
			found.Block(plan.Blocker{
				ID: CreationUnconfirmed,
				What: fmt.Sprintf("at %s a Machine of group %s was requested; it is unknown whether it was created, "+
					"because lists show a new one late",
					at.UTC().Format(time.TimeOnly), plan.Quote(c.Group)),
				Fix: fmt.Sprintf("repeat the call after %s UTC", until.UTC().Format(time.TimeOnly)),
			})
		}
	}
	return found
}

// abandoned finds the releases that earlier deploys of this program left as running, for
// the rollout to close: the app's lock, which a run holds, shows that no other process works
// on them, and the journal has their ids. A release that may be one, but whose id was never
// known, is named and left.
func (d *Deployer) abandoned(ctx context.Context, app string,
	past history.Past) (releases []fly.Release, found plan.Findings, err error) {
	if len(past.Releases) == 0 && past.LostRelease.IsZero() {
		return nil, found, nil
	}
	list, err := d.Client.Releases(ctx, app, 20)
	switch {
	case ctx.Err() != nil:
		return nil, found, ctx.Err()
	case err != nil:
		found.Remark("an earlier deploy was interrupted, and its release may still be recorded as running: "+
			"the releases could not be read (%s)", fly.CodeOf(err))
		return nil, found, nil
	}
	for _, r := range list {
		switch {
		case !history.Open(r.Status):
		case slices.Contains(past.Releases, r.ID):
			releases = append(releases, r)
		case !past.LostRelease.IsZero() && r.CreatedAt.After(past.LostRelease.Add(-time.Minute)):
			found.Remark("version %d is recorded as %s and may belong to the interrupted deploy; it was left as it is",
				r.Version, r.Status)
		}
	}
	return releases, found, nil
}

// remarkUnfinished says what an earlier deploy that was interrupted left behind.
func remarkUnfinished(last *history.Unfinished, machines []fly.Machine,
	updates []rollout.Change) (found plan.Findings) {
	if last == nil {
		return found
	}
	found.Remark("a deploy that began at %s has no end in the journal: the program was stopped, or another "+
		"process is still running it", last.Since.UTC().Format(time.RFC3339))
	var have, lack []string
	for _, m := range machines {
		if _, began := last.Began[m.ID]; !began {
			continue
		}
		if slices.ContainsFunc(updates, func(c rollout.Change) bool {
			return c.Before.ID == m.ID && !machine.Equal(c.Before.Config, c.After)
		}) {
			lack = append(lack, m.ID)
		} else {
			have = append(have, m.ID)
		}
	}
	if len(have) > 0 {
		found.Remark("of the Machines it had started, these already have the configuration of this plan: %s",
			plan.Few(have))
	}
	if len(lack) > 0 {
		found.Remark("of the Machines it had started, these do not: %s", plan.Few(lack))
	}
	return found
}

// remarkAbandoned says what becomes of the releases that earlier deploys left.
func remarkAbandoned(w rollout.Work) (found plan.Findings) {
	then := "this deploy closes it as interrupted"
	if w.Empty() {
		then = "the next deploy that has something to do closes it"
	}
	for _, r := range w.Abandoned {
		found.Remark("version %d is still recorded as %s, because a deploy was interrupted; %s", r.Version, r.Status, then)
	}
	return found
}

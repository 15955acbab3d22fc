// Package history reads and writes what the journal has of the deploys of an app: what was
// begun with each Machine and release, and what became of it.
package history

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Tool is the name under which the journal has deploys.
const Tool = "deploy"

// Statuses of journal entries, beside those of Machines and releases.
const (
	begun   = "begun"   // precedes the work on a Machine or a release
	created = "created" // a Machine is there, and not tested yet
)

// Past is what the journal has of the earlier deploys of an app, and what the platform may
// not show yet, or shows wrongly.
type Past struct {
	Unfinished *Unfinished // nil if the last deploy has an end
	Created    []string    // ids of Machines that were created and not removed again, the newest first
	// group → when a Machine of it was requested, and it is unknown whether it was created
	Doubtful map[string]time.Time
	Releases []string // ids of releases that were made and not closed
	// LostRelease is when a release was requested, and it is unknown whether it was made;
	// zero if there is none.
	LostRelease time.Time
}

// Unfinished is a deploy that has a beginning in the journal and no end: its process was
// ended, or is another one that still runs it.
type Unfinished struct {
	Since time.Time
	Began map[string]bool // id of a Machine → whether the work on it came to a known end
}

// Interrupted reports whether the last deploy began with a Machine and did not end it.
func (p Past) Interrupted(id string) bool {
	if p.Unfinished == nil {
		return false
	}
	ended, began := p.Unfinished.Began[id]
	return began && !ended
}

// Read reads the earlier deploys of an app. A nil journal has none.
func Read(j *journal.Journal, app string) (Past, error) {
	if j == nil {
		return Past{}, nil
	}
	runs, err := j.Runs(Tool, app)
	if err != nil || len(runs) == 0 {
		return Past{}, err
	}
	p := Past{Unfinished: unfinishedRun(runs[len(runs)-1]), Doubtful: make(map[string]time.Time)}
	made, open := make(map[string]time.Time), make(map[string]bool)
	for _, run := range runs {
		p.creations(run, made)
		p.LostRelease = time.Time{} // a later run has its id
		for _, e := range run.Steps {
			switch {
			case e.Verb != string(gate.CreateRelease):
			case e.Target != "":
				open[e.Target] = Open(fly.ReleaseStatus(e.Status))
				p.LostRelease = time.Time{}
			case !run.Finished:
				p.LostRelease = e.Time
			}
		}
	}
	p.Created = slices.SortedFunc(maps.Keys(made), func(a, b string) int {
		return cmp.Or(made[b].Compare(made[a]), cmp.Compare(a, b))
	})
	for id, isOpen := range open {
		if isOpen {
			p.Releases = append(p.Releases, id)
		}
	}
	slices.Sort(p.Releases)
	return p, nil
}

// Open reports whether a release with that status waits for its end.
func Open(status fly.ReleaseStatus) bool { return status == "pending" || status == fly.ReleaseRunning }

// unfinishedRun returns what is known of a run that has no end; nil if it has one.
func unfinishedRun(run journal.Run) *Unfinished {
	if run.Finished {
		return nil
	}
	u := &Unfinished{Since: run.Began, Began: make(map[string]bool)}
	for _, e := range run.Steps {
		if e.Target != "" && e.Verb != string(gate.CreateRelease) {
			u.Began[e.Target] = hasEnded(e)
		}
	}
	return u
}

// hasEnded reports whether the work on a Machine came to a known end.
func hasEnded(e journal.Entry) bool {
	return e.Status != begun && e.Status != created && e.Status != string(rollout.Unclear)
}

// creations notes the Machines that a run created.
func (p *Past) creations(run journal.Run, made map[string]time.Time) {
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
	maps.Copy(p.Doubtful, doubtful)
	for _, e := range run.Steps {
		if e.Verb == string(gate.CreateMachine) && e.Target != "" {
			delete(p.Doubtful, e.Group) // its id is known since
		}
	}
}

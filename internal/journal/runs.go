package journal

import (
	"maps"
	"slices"
	"time"
)

// Run is one run of a tool on an app, as the journal records it.
type Run struct {
	ID       string // empty if it was recorded without one
	Caller   string
	Began    time.Time
	Finished bool      // false: it is still running, or its process was killed
	Ended    time.Time // zero unless Finished
	Status   string    // how it ended; empty unless Finished
	// Steps has the last entry for each verb, target and group, by time.
	Steps []Entry
}

// Runs returns the runs of a tool on an app that began in the last two hours, and
// the last one if it did not finish, however old; oldest first, eight at most. The
// runs are in memory: the cost does not grow with the file.
func (j *Journal) Runs(tool, app string) ([]Run, error) {
	var runs []Run
	err := j.withLock(func() error {
		j.prune(runKey{tool, app})
		for _, r := range j.runs[runKey{tool, app}] {
			steps := slices.Collect(maps.Values(r.steps))
			slices.SortFunc(steps, func(a, b Entry) int { return a.Time.Compare(b.Time) })
			runs = append(runs, Run{
				ID: r.start.Run, Caller: r.start.Caller, Began: r.start.Time,
				Finished: r.finished, Ended: r.end.Time, Status: r.end.Status, Steps: steps,
			})
		}
		return nil
	})
	return runs, err
}

// Limits of what is kept in memory for one tool and app.
const (
	maxRuns  = 8
	maxSteps = 5000 // steps of one run
)

// runKey identifies the runs of a tool on an app.
type runKey struct{ tool, app string }

// stepID identifies a step of a run.
type stepID struct{ verb, target, group string }

// runRecord is a run in memory.
type runRecord struct {
	start    Entry
	finished bool
	end      Entry
	steps    map[stepID]Entry
}

// indexRun keeps what look-ups need of an entry of a run.
func (j *Journal) indexRun(e Entry) {
	key := runKey{e.Tool, e.App}
	switch e.Event {
	case Started:
		j.runs[key] = append(j.runs[key], &runRecord{start: e, steps: make(map[stepID]Entry)})
		j.prune(key)
	case Finished:
		if runs := j.runs[key]; len(runs) > 0 {
			last := runs[len(runs)-1]
			last.finished, last.end = true, e
			j.prune(key)
		}
	case Step:
		runs := j.runs[key]
		if len(runs) == 0 || runs[len(runs)-1].finished {
			return
		}
		last := runs[len(runs)-1]
		id := stepID{e.Verb, e.Target, e.Group}
		if _, known := last.steps[id]; known || len(last.steps) < maxSteps {
			last.steps[id] = e
		}
	}
}

// prune removes the runs that [Journal.Runs] does not return.
func (j *Journal) prune(key runKey) {
	runs := j.runs[key]
	if len(runs) == 0 {
		return
	}
	oldest, last := j.now().Add(-retention), runs[len(runs)-1]
	runs = slices.DeleteFunc(runs, func(r *runRecord) bool {
		return r.start.Time.Before(oldest) && (r.finished || r != last)
	})
	if n := len(runs) - maxRuns; n > 0 {
		runs = slices.Delete(runs, 0, n)
	}
	if j.runs[key] = runs; len(runs) == 0 {
		delete(j.runs, key)
	}
}

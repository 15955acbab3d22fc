package journal

import (
	"maps"
	"slices"
	"time"
)

// Run is what the journal tells of one run of a tool on an app.
type Run struct {
	ID       string // empty if it was written down without one
	Caller   string
	Began    time.Time
	Finished bool      // false: the program that did it was ended, or is still at work
	Ended    time.Time // zero unless Finished
	Status   string    // how it ended; empty unless Finished
	// Steps are the last entry for each verb, target and group, by time.
	Steps []Entry
}

// Runs are the runs of a tool on an app that began in the last two hours, and the
// last one in any case if it has no end; the oldest first, eight at most. They
// are kept in memory: what the call costs does not grow with the file.
func (j *Journal) Runs(tool, app string) ([]Run, error) {
	var runs []Run
	err := j.withLock(func() error {
		j.prune(runKey{tool, app})
		for _, at := range j.runs[runKey{tool, app}] {
			steps := slices.Collect(maps.Values(at.steps))
			slices.SortFunc(steps, func(a, b Entry) int { return a.Time.Compare(b.Time) })
			runs = append(runs, Run{
				ID: at.began.Run, Caller: at.began.Caller, Began: at.began.Time,
				Finished: at.finished, Ended: at.ended.Time, Status: at.ended.Status, Steps: steps,
			})
		}
		return nil
	})
	return runs, err
}

// Bounds of what is kept in memory for one tool and app.
const (
	maxRuns  = 8
	maxSteps = 5000 // steps of one run
)

// subject is what runs are of.
type runKey struct{ tool, app string }

// matter is what a step is about.
type stepID struct{ verb, target, group string }

// runOf is a run as it is kept.
type runRecord struct {
	began    Entry
	finished bool
	ended    Entry
	steps    map[stepID]Entry
}

// takeRun keeps what an entry tells of a run.
func (j *Journal) indexRun(e Entry) {
	of := runKey{e.Tool, e.App}
	switch e.Event {
	case Started:
		j.runs[of] = append(j.runs[of], &runRecord{began: e, steps: make(map[stepID]Entry)})
		j.prune(of)
	case Finished:
		if runs := j.runs[of]; len(runs) > 0 {
			last := runs[len(runs)-1]
			last.finished, last.ended = true, e
			j.prune(of)
		}
	case Step:
		runs := j.runs[of]
		if len(runs) == 0 || runs[len(runs)-1].finished {
			return
		}
		last := runs[len(runs)-1]
		about := stepID{e.Verb, e.Target, e.Group}
		if _, known := last.steps[about]; known || len(last.steps) < maxSteps {
			last.steps[about] = e
		}
	}
}

// prune drops what [Journal.Runs] does not return for a tool and an app.
func (j *Journal) prune(of runKey) {
	runs := j.runs[of]
	if len(runs) == 0 {
		return
	}
	old, last := j.now().Add(-retention), runs[len(runs)-1]
	runs = slices.DeleteFunc(runs, func(r *runRecord) bool { return r.began.Time.Before(old) && (r.finished || r != last) })
	if n := len(runs) - maxRuns; n > 0 {
		runs = slices.Delete(runs, 0, n)
	}
	if j.runs[of] = runs; len(runs) == 0 {
		delete(j.runs, of)
	}
}

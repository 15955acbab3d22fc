package journal

import (
	"errors"
	"time"
)

// Condition must return nil for an approval to be used. It is called with the
// journal's lock.
type Condition func(j *Journal, e Entry) error

// Errors of conditions.
var (
	ErrLimit    = errors.New("journal: the rule's limit is reached")
	ErrDeclined = errors.New("journal: the plan was declined")
)

// AtMost returns a condition that fails with [ErrLimit] if the entry's rule has
// approved n times within a period, which may be two hours at most.
func AtMost(n int, within time.Duration) Condition {
	return func(j *Journal, e Entry) error {
		if j.countUses(e.By, j.now().Add(-within)) >= n {
			return ErrLimit
		}
		return nil
	}
}

// NotDeclinedSince returns a condition that fails with [ErrDeclined] if a person
// said no to the entry's plan at or after a time.
func NotDeclinedSince(at time.Time) Condition {
	return func(j *Journal, e Entry) error {
		if denial, ok := j.denials[planKey{e.Tool, e.App, e.Digest}]; ok && !denial.Time.Before(at) {
			return ErrDeclined
		}
		return nil
	}
}

// denialRetention is how long a no is remembered: longer than any approval that
// was requested before it can be used.
const denialRetention = 5 * time.Hour

// planKey identifies a plan.
type planKey struct{ tool, app, digest string }

// LastDenial returns the last no to a plan, at most five hours old. ok is false if
// there is none.
func (j *Journal) LastDenial(tool, app, digest string) (denial Entry, ok bool, err error) {
	err = j.withLock(func() error {
		denial, ok = j.denials[planKey{tool, app, digest}]
		ok = ok && j.now().Sub(denial.Time) < denialRetention
		return nil
	})
	return denial, ok, err
}

// indexDenial keeps a no in memory.
func (j *Journal) indexDenial(e Entry) {
	if e.Event != Declined {
		return
	}
	j.denials[planKey{e.Tool, e.App, e.Digest}] = e
	for key, denial := range j.denials {
		if j.now().Sub(denial.Time) > denialRetention {
			delete(j.denials, key)
		}
	}
}

package journal

import (
	"errors"
	"time"
)

// Condition is what must hold for an approval to be used up. It is checked under
// the journal's lock.
type Condition func(j *Journal, e Entry) error

// Errors of conditions.
var (
	ErrLimit    = errors.New("journal: the rule's limit is reached")
	ErrDeclined = errors.New("journal: the plan was declined")
)

// AtMost fails with [ErrLimit] if the rule that the entry names has approved n
// times within the last while, which is two hours at most.
func AtMost(n int, within time.Duration) Condition {
	return func(j *Journal, e Entry) error {
		if j.countUses(e.By, j.now().Add(-within)) >= n {
			return ErrLimit
		}
		return nil
	}
}

// NotDeclinedSince fails with [ErrDeclined] if a person said no to the entry's
// plan at a time or after it.
func NotDeclinedSince(at time.Time) Condition {
	return func(j *Journal, e Entry) error {
		if no, ok := j.denials[planKey{e.Tool, e.App, e.Digest}]; ok && !no.Time.Before(at) {
			return ErrDeclined
		}
		return nil
	}
}

// keepNoes is how long a no is remembered: longer than any approval counts that
// was asked for before it.
const denialRetention = 5 * time.Hour

// planned is what a no is about.
type planKey struct{ tool, app, digest string }

// LastNo is the last no to a plan, at most five hours old. ok is false if there
// is none.
func (j *Journal) LastNo(tool, app, digest string) (no Entry, ok bool, err error) {
	err = j.withLock(func() error {
		no, ok = j.denials[planKey{tool, app, digest}]
		ok = ok && j.now().Sub(no.Time) < denialRetention
		return nil
	})
	return no, ok, err
}

// takeNo keeps what an entry tells of a no.
func (j *Journal) indexDenial(e Entry) {
	if e.Event != Declined {
		return
	}
	j.denials[planKey{e.Tool, e.App, e.Digest}] = e
	for about, no := range j.denials {
		if j.now().Sub(no.Time) > denialRetention {
			delete(j.denials, about)
		}
	}
}

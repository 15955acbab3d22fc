package gate

import (
	"fmt"
	"time"
)

// Denial is a person's no to a plan. It holds for all callers, because the plan
// is the same no matter who asks for it.
type Denial struct {
	Tool, App, Digest string
	Caller            string // whose question or ticket was answered
	Reason            string // the person's words, if any
	At                time.Time
}

// declineLife is how long nobody is asked about a plan again after a no.
const declineLife = 10 * time.Minute

// DenialLife is how long a no must be remembered: longer than any approval that
// was requested before it can be used.
const DenialLife = RequestLife + clockSkew

// maxReason is how many bytes of a reason are kept.
const maxReason = 1000

// planKey identifies a plan among those of all callers.
type planKey struct{ tool, app, digest string }

func (r Request) planKey() planKey { return planKey{r.Tool, r.App, r.Digest} }

// deny records a no, and withdraws the requests in the folder for the same plan.
// If the ledger fails, this gate still remembers the no; the error is for the log.
func (g *Gate) deny(denial Denial) error {
	if len(denial.Reason) > maxReason {
		denial.Reason = denial.Reason[:maxReason]
	}
	denial.At = g.Now()
	g.mu.Lock()
	for key, old := range g.denials {
		if denial.At.Sub(old.At) > DenialLife {
			delete(g.denials, key)
		}
	}
	g.denials[planKey{denial.Tool, denial.App, denial.Digest}] = denial
	g.mu.Unlock()
	err := g.Ledger.Deny(denial)
	if g.Requests != nil {
		g.Requests.withdraw(denial.Tool, denial.App, denial.Digest)
	}
	return err
}

// ownDenial returns the last no to a plan that this gate itself received.
func (g *Gate) ownDenial(r Request) (Denial, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	denial, ok := g.denials[r.planKey()]
	return denial, ok
}

// lastDenial returns the last no to a plan, wherever it was given.
func (g *Gate) lastDenial(r Request) (Denial, bool, error) {
	last, found := g.ownDenial(r)
	recorded, ok, err := g.Ledger.LastDenial(r.Tool, r.App, r.Digest)
	if err != nil {
		return Denial{}, false, fmt.Errorf("read the declined plans: %w", err)
	}
	if ok && (!found || recorded.At.After(last.At)) {
		last, found = recorded, true
	}
	if g.Requests != nil {
		rejection, ok := g.Requests.lastRejection(r)
		if ok && (!found || rejection.At.After(last.At)) {
			last, found = rejection, true
		}
	}
	return last, found, nil
}

// findDenial returns the outcome for a plan that a person declined recently.
func (g *Gate) findDenial(r Request, now time.Time) (Outcome, bool) {
	denial, found, err := g.lastDenial(r)
	if err != nil {
		return Outcome{Code: Internal, Err: err}, true
	}
	until := denial.At.Add(declineLife)
	if !found || !now.Before(until) {
		return Outcome{}, false
	}
	out := Outcome{Code: Declined, Until: until}
	if denial.Caller == r.Caller {
		out.Reason = denial.Reason
	}
	return out, true
}

// checkNotWithdrawn returns [ErrWithdrawn] if a person said no to the plan at or
// after the time its approval was requested.
func (g *Gate) checkNotWithdrawn(r Request, requested time.Time) error {
	denial, found, err := g.lastDenial(r)
	if err == nil && found && !requested.After(denial.At) {
		return ErrWithdrawn
	}
	return err
}

package gate

import (
	"fmt"
	"time"
)

// Denial is a person's no to a plan. It holds for all callers: the plan is the
// same, no matter who asks for it.
type Denial struct {
	Tool, App, Digest string
	Caller            string // whose question, or ticket, it answers
	Reason            string // text from outside
	At                time.Time
}

// declineLife is how long after a no the same plan is not asked again.
const declineLife = 10 * time.Minute

// DenialLife is how long a no must be remembered: no approval that was asked for
// before it may outlive it.
const DenialLife = requestLife + clockSkew

// maxReason is how many bytes of a reason are kept.
const maxReason = 1000

// plan names a plan among those of all callers.
type planKey struct{ tool, app, digest string }

func (r Request) planKey() planKey { return planKey{r.Tool, r.App, r.Digest} }

// deny records a no, and withdraws what waits in the folder for the same plan.
// Should the ledger fail, this gate still remembers it; the error is for the log.
func (g *Gate) deny(no Denial) error {
	if len(no.Reason) > maxReason {
		no.Reason = no.Reason[:maxReason]
	}
	no.At = g.Now()
	g.mu.Lock()
	for p, have := range g.denials {
		if no.At.Sub(have.At) > DenialLife {
			delete(g.denials, p)
		}
	}
	g.denials[planKey{no.Tool, no.App, no.Digest}] = no
	g.mu.Unlock()
	err := g.Ledger.Deny(no)
	if g.Requests != nil {
		g.Requests.withdraw(no.Tool, no.App, no.Digest)
	}
	return err
}

// remembered is the last no to a plan that this gate itself has heard.
func (g *Gate) ownDenial(r Request) (Denial, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	no, ok := g.denials[r.planKey()]
	return no, ok
}

// lastNo is the last no to a plan, wherever it was given.
func (g *Gate) lastDenial(r Request) (Denial, bool, error) {
	last, said := g.ownDenial(r)
	no, ok, err := g.Ledger.Denied(r.Tool, r.App, r.Digest)
	if err != nil {
		return Denial{}, false, fmt.Errorf("read the declined plans: %w", err)
	}
	if ok && (!said || no.At.After(last.At)) {
		last, said = no, true
	}
	if g.Requests != nil {
		if no, ok := g.Requests.lastRejection(r); ok && (!said || no.At.After(last.At)) {
			last, said = no, true
		}
	}
	return last, said, nil
}

// declined is the outcome for a plan that a person said no to a short while ago.
func (g *Gate) findDenial(r Request, now time.Time) (Outcome, bool) {
	no, said, err := g.lastDenial(r)
	if err != nil {
		return Outcome{Code: Internal, Err: err}, true
	}
	until := no.At.Add(declineLife)
	if !said || !now.Before(until) {
		return Outcome{}, false
	}
	out := Outcome{Code: Declined, Until: until}
	if no.Caller == r.Caller {
		out.Reason = no.Reason
	}
	return out, true
}

// notWithdrawn returns [ErrWithdrawn] if a person said no to the plan at or after
// the time that its approval was asked for.
func (g *Gate) checkNotWithdrawn(r Request, asked time.Time) error {
	no, said, err := g.lastDenial(r)
	if err == nil && said && !asked.After(no.At) {
		return ErrWithdrawn
	}
	return err
}

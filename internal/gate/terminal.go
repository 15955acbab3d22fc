package gate

import (
	"errors"
	"slices"
	"time"
)

// toTerminal leaves an approval request for a person in a terminal.
func (g *Gate) toTerminal(r Request, channel Channel, code Code, now time.Time) Outcome {
	if !g.terminalAllowed(channel) || g.Requests == nil {
		return Outcome{Kind: Refuse, Code: orUnavailable(code)}
	}
	if len(g.Keys) == 0 {
		return Outcome{Kind: Refuse, Code: orUnavailable(code), NoKey: true}
	}
	req, err := g.Requests.put(r)
	if err != nil {
		return Outcome{Kind: Refuse, Code: Internal, Err: err}
	}
	return Outcome{Kind: NeedsTerminal, Code: code, Ticket: req.Ticket, Expires: req.Expires}
}

func orUnavailable(code Code) Code {
	if code == "" {
		return Unavailable
	}
	return code
}

// fromTerminal looks for an answer that a person gave in a terminal: a code
// that came with the call, or a file beside a request of this caller.
func (g *Gate) fromTerminal(r Request, now time.Time) (Outcome, bool) {
	if r.Code != "" {
		sig, err := ParseCode(r.Code)
		if err != nil {
			return Outcome{Code: InvalidInput, Reason: ErrBadCode.Error()}, true
		}
		return g.signed(r, sig, now), true
	}
	if g.Requests == nil {
		return Outcome{}, false
	}
	all, err := g.Requests.list()
	if err != nil {
		return Outcome{}, false
	}
	var stale *ApprovalRequest
	for _, req := range all {
		if req.Caller != r.Caller || req.Tool != r.Tool || req.App != r.App {
			continue
		}
		answer, ok := g.Requests.answer(req.Ticket)
		if !ok {
			continue
		}
		if !answer.Approved { // a person's no holds whatever has moved since
			g.Requests.remove(req.Ticket)
			return Outcome{Code: Declined, Reason: answer.Reason}, true
		}
		if req.Digest != r.Digest {
			stale = &req
			continue
		}
		sig, err := ParseCode(answer.Code)
		if err != nil {
			g.Requests.remove(req.Ticket)
			return Outcome{Code: InvalidInput, Reason: ErrBadCode.Error()}, true
		}
		return g.usingUp(req.Ticket, g.signed(r, sig, now)), true
	}
	if stale == nil {
		return Outcome{}, false
	}
	g.Requests.remove(stale.Ticket)
	out := g.toTerminal(r, ChannelTerminal, Stale, now)
	out.Changed = changed(stale.Facts, r.Facts)
	return out, true
}

// usingUp removes a request once its answer is of no further use: at once when
// it was refused, with the commit when it counts. A call that ends in between
// (another run is at work on the app) has used nothing up.
func (g *Gate) usingUp(ticket string, out Outcome) Outcome {
	if out.Kind != Proceed {
		g.Requests.remove(ticket)
		return out
	}
	commit := out.commit
	out.commit = func() (*Grant, error) {
		grant, err := commit()
		if err == nil || errors.Is(err, ErrReplayed) {
			g.Requests.remove(ticket)
		}
		return grant, err
	}
	return out
}

// signed judges a signature against the plan as it is now.
func (g *Gate) signed(r Request, sig Signature, now time.Time) Outcome {
	statement := Statement{r.Digest, r.Tool, r.App, r.Caller, sig.Nonce, sig.Expires}
	switch i := slices.IndexFunc(g.Keys, func(k PublicKey) bool { return k.ID() == sig.KeyID }); {
	case g.used(sig.Nonce, now):
		return Outcome{Code: Replayed}
	case !sig.Expires.After(now):
		return Outcome{Code: Expired}
	case i < 0:
		return Outcome{Code: InvalidInput, Reason: "signed with a key that this server does not know: " + sig.KeyID}
	case sig.Expires.After(now.Add(requestLife)), !g.Keys[i].verify(statement, sig.Sig):
		return Outcome{Code: Stale, Reason: "the signature is not for this plan as it stands now"}
	}
	return g.proceed(r, Approval{ChannelTerminal, sig.KeyID}, sig.Nonce, sig.Expires)
}

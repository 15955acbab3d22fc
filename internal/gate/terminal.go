package gate

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// sendToTerminal files an approval request for a person in a terminal, even if
// there is no key to approve with yet.
func (g *Gate) sendToTerminal(r Request, channel Channel, code Code, now time.Time) Outcome {
	if !g.terminalAllowed(channel) || g.Requests == nil {
		return Outcome{Kind: Refuse, Code: cmp.Or(code, Unavailable)}
	}
	req, err := g.Requests.put(r, g.Installation)
	switch {
	case errors.Is(err, errFull):
		return Outcome{Kind: Refuse, Code: Unavailable, Reason: err.Error()}
	case err != nil:
		return Outcome{Kind: Refuse, Code: Internal, Err: err}
	}
	return Outcome{
		Kind: NeedsTerminal, Code: code, Ticket: req.Ticket, Expires: req.Expires, NoKey: len(g.Keys()) == 0,
	}
}

// findRejection looks for a no in a terminal to this call, or to this plan of this
// caller. It is reported once, with its reason, and remembered like every no.
func (g *Gate) findRejection(r Request, now time.Time) (Outcome, bool) {
	if g.Requests == nil {
		return Outcome{}, false
	}
	all, err := g.Requests.sweep()
	if err != nil {
		return Outcome{}, false // nor can a yes be read from the folder
	}
	for _, req := range all {
		if !g.isFrom(req, r) || req.Call != r.Call && req.Digest != r.Digest {
			continue
		}
		answer, ok := g.Requests.answer(req.Ticket)
		if !ok || answer.Approved {
			continue
		}
		err := g.deny(req.denial(answer))
		g.Requests.remove(req.Ticket)
		return Outcome{Code: Declined, Reason: answer.Reason, Until: now.Add(declineLife), Err: err}, true
	}
	return Outcome{}, false
}

// isFrom reports whether this installation filed a request for this caller, tool
// and app.
func (g *Gate) isFrom(req ApprovalRequest, r Request) bool {
	return req.Installation == g.Installation && req.Caller == r.Caller && req.Tool == r.Tool && req.App == r.App
}

// findApproval looks for an approval from a terminal: a code that came with the
// call, or an answer to a request of this caller.
func (g *Gate) findApproval(r Request, now time.Time) (Outcome, bool) {
	if r.Code != "" {
		sig, err := ParseCode(r.Code)
		if err != nil {
			return Outcome{Code: InvalidInput, Reason: ErrBadCode.Error()}, true
		}
		out := g.judgeSignature(r, sig, now)
		if ticket := g.ticketOf(sig.Nonce); ticket != "" && out.Kind == Proceed {
			out = g.removeWhenUsed(ticket, out)
		}
		return out, true
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
		if !g.isFrom(req, r) {
			continue
		}
		answer, ok := g.Requests.answer(req.Ticket)
		if !ok || !answer.Approved {
			continue
		}
		if req.Digest != r.Digest {
			if req.Call == r.Call { // another call's approval is left alone
				stale = &req
			}
			continue
		}
		sig, err := ParseCode(answer.Code)
		if err != nil {
			g.Requests.remove(req.Ticket)
			return Outcome{Code: InvalidInput, Reason: ErrBadCode.Error()}, true
		}
		return g.removeWhenUsed(req.Ticket, g.judgeSignature(r, sig, now)), true
	}
	if stale == nil || g.wasReported(stale.Ticket, r.Digest) {
		return Outcome{}, false
	}
	out := g.sendToTerminal(r, ChannelTerminal, Stale, now)
	out.Changed = describeChanges(stale.Facts, r.Facts)
	return out, true
}

// ticketOf returns the ticket of the request with a nonce; empty if there is none.
func (g *Gate) ticketOf(nonce string) string {
	if g.Requests == nil {
		return ""
	}
	all, err := g.Requests.list()
	i := slices.IndexFunc(all, func(r ApprovalRequest) bool { return r.Nonce == nonce })
	if err != nil || i < 0 {
		return ""
	}
	return all[i].Ticket
}

// wasReported reports whether an approval was already reported as stale for a
// plan, and records that it is now. The approval stays: the app may return to its
// earlier state.
func (g *Gate) wasReported(ticket, digest string) bool {
	const maxReported = 1000
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.reported) >= maxReported {
		clear(g.reported)
	}
	before := g.reported[ticket+digest]
	g.reported[ticket+digest] = true
	return before
}

// removeWhenUsed removes a request once its answer is of no further use: at once
// if it was refused, with the commit if it counts. A call that ends in between
// (because another run is changing the app) has not used it.
func (g *Gate) removeWhenUsed(ticket string, out Outcome) Outcome {
	if out.Kind != Proceed {
		g.Requests.remove(ticket)
		return out
	}
	commit := out.commit
	out.commit = func() (*Grant, error) {
		grant, err := commit()
		switch {
		case err == nil, errors.Is(err, ErrReplayed), errors.Is(err, ErrWithdrawn), errors.Is(err, ErrExpired):
			g.Requests.remove(ticket)
		}
		return grant, err
	}
	return out
}

// judgeSignature judges a signature against the plan as it is now.
func (g *Gate) judgeSignature(r Request, sig Signature, now time.Time) Outcome {
	statement := Statement{
		Installation: g.Installation, Digest: r.Digest, Tool: r.Tool, App: r.App, Caller: r.Caller,
		Nonce: sig.Nonce, Expires: sig.Expires,
	}
	keys := g.Keys()
	switch i := slices.IndexFunc(keys, func(k PublicKey) bool { return k.ID() == sig.KeyID }); {
	case g.Ledger.IsBurnt(sig.Nonce):
		return Outcome{Code: Replayed}
	case !sig.Expires.After(now):
		return Outcome{Code: Expired}
	case i < 0:
		return Outcome{Code: InvalidInput, Reason: "this server does not have the key that signed it: " + sig.KeyID}
	case sig.Expires.After(now.Add(RequestLife)), !keys[i].verify(statement, sig.Sig):
		return Outcome{Code: Stale, Reason: "the signature is not valid for the current plan or for this server"}
	}
	requested := sig.Expires.Add(-RequestLife) // at the earliest
	switch err := g.checkNotWithdrawn(r, requested); {
	case errors.Is(err, ErrWithdrawn):
		return Outcome{Code: Declined}
	case err != nil:
		return Outcome{Code: Internal, Err: err}
	}
	return g.proceed(r, Use{
		Nonce: sig.Nonce, Expires: sig.Expires, Asked: requested, Approval: Approval{ChannelTerminal, sig.KeyID},
	}, sig.Expires)
}

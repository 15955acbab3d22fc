package gate

import (
	"errors"
	"slices"
	"time"
)

// toTerminal leaves an approval request for a person in a terminal, whether or
// not there is a key to approve with yet.
func (g *Gate) sendToTerminal(r Request, channel Channel, code Code, now time.Time) Outcome {
	if !g.terminalAllowed(channel) || g.Requests == nil {
		return Outcome{Kind: Refuse, Code: unavailableUnless(code)}
	}
	req, err := g.Requests.put(r, g.Installation)
	switch {
	case errors.Is(err, errFull):
		return Outcome{Kind: Refuse, Code: Unavailable, Reason: err.Error()}
	case err != nil:
		return Outcome{Kind: Refuse, Code: Internal, Err: err}
	}
	return Outcome{Kind: NeedsTerminal, Code: code, Ticket: req.Ticket, Expires: req.Expires, NoKey: len(g.Keys()) == 0}
}

func unavailableUnless(code Code) Code {
	if code == "" {
		return Unavailable
	}
	return code
}

// rejected looks for a no that a person gave in a terminal to this call, or to
// this plan of this caller. It is told once, with its reason; what was declined
// is remembered as every no is.
func (g *Gate) findRejection(r Request, now time.Time) (Outcome, bool) {
	if g.Requests == nil {
		return Outcome{}, false
	}
	all, err := g.Requests.sweep()
	if err != nil {
		return Outcome{}, false // without the folder nothing in it counts as a yes either
	}
	for _, req := range all {
		if !g.isOf(req, r) || req.Call != r.Call && req.Digest != r.Digest {
			continue
		}
		answer, ok := g.Requests.answer(req.Ticket)
		if !ok || answer.Approved {
			continue
		}
		err := g.deny(Denial{Tool: req.Tool, App: req.App, Digest: req.Digest, Caller: req.Caller, Reason: answer.Reason})
		g.Requests.remove(req.Ticket)
		return Outcome{Code: Declined, Reason: answer.Reason, Until: now.Add(declineLife), Err: err}, true
	}
	return Outcome{}, false
}

// isOf reports whether a request was left by this installation, for this caller
// and for this tool and app.
func (g *Gate) isOf(req ApprovalRequest, r Request) bool {
	return req.Installation == g.Installation && req.Caller == r.Caller && req.Tool == r.Tool && req.App == r.App
}

// fromTerminal looks for an approval that a person gave in a terminal: a code
// that came with the call, or a file beside a request of this caller.
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
		if !g.isOf(req, r) {
			continue
		}
		answer, ok := g.Requests.answer(req.Ticket)
		if !ok || !answer.Approved {
			continue
		}
		if req.Digest != r.Digest {
			if req.Call == r.Call { // another call's approval stays what it is
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

// ticketOf is the ticket of the request that waits with a nonce; empty if there is none.
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

// isTold reports whether a caller was told that an approval is stale for a plan,
// and notes that it is. The approval stays: the app may come back to what it was.
func (g *Gate) wasReported(ticket, digest string) bool {
	const most = 1000
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.reported) >= most {
		clear(g.reported)
	}
	told := g.reported[ticket+digest]
	g.reported[ticket+digest] = true
	return told
}

// usingUp removes a request once its answer is of no further use: at once when
// it was refused, with the commit when it counts. A call that ends in between
// (another run is at work on the app) has used nothing up.
func (g *Gate) removeWhenUsed(ticket string, out Outcome) Outcome {
	if out.Kind != Proceed {
		g.Requests.remove(ticket)
		return out
	}
	commit := out.commit
	out.commit = func() (*Grant, error) {
		grant, err := commit()
		if err == nil || errors.Is(err, ErrReplayed) || errors.Is(err, ErrWithdrawn) || errors.Is(err, ErrExpired) {
			g.Requests.remove(ticket)
		}
		return grant, err
	}
	return out
}

// signed judges a signature against the plan as it is now.
func (g *Gate) judgeSignature(r Request, sig Signature, now time.Time) Outcome {
	statement := Statement{
		Installation: g.Installation, Digest: r.Digest, Tool: r.Tool, App: r.App, Caller: r.Caller, Nonce: sig.Nonce, Expires: sig.Expires,
	}
	keys := g.Keys()
	switch i := slices.IndexFunc(keys, func(k PublicKey) bool { return k.ID() == sig.KeyID }); {
	case g.Ledger.Burnt(sig.Nonce):
		return Outcome{Code: Replayed}
	case !sig.Expires.After(now):
		return Outcome{Code: Expired}
	case i < 0:
		return Outcome{Code: InvalidInput, Reason: "signed with a key that this server does not have: " + sig.KeyID}
	case sig.Expires.After(now.Add(requestLife)), !keys[i].verify(statement, sig.Sig):
		return Outcome{Code: Stale, Reason: "the signature is not valid for the current plan or for this server"}
	}
	asked := sig.Expires.Add(-requestLife) // no request lives longer
	switch err := g.checkNotWithdrawn(r, asked); {
	case errors.Is(err, ErrWithdrawn):
		return Outcome{Code: Declined}
	case err != nil:
		return Outcome{Code: Internal, Err: err}
	}
	return g.proceed(r, Use{Nonce: sig.Nonce, Expires: sig.Expires, Asked: asked, Approval: Approval{ChannelTerminal, sig.KeyID}}, sig.Expires)
}

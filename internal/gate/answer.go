package gate

import (
	"strings"
	"time"
)

// Answer is a [Reply] judged by when it arrived. [Gate.Decide] judges what it
// means for a plan.
type Answer struct {
	reply   Reply
	state   state
	verdict verdict
	err     error // from the ledger; logged
}

// IsYes reports whether a person accepted in time; the plan may have changed since.
// A nil Answer is neither a yes nor a no.
func (a *Answer) IsYes() bool { return a != nil && a.verdict.kind == Proceed }

// IsNo reports whether a person said no.
func (a *Answer) IsNo() bool { return a != nil && a.verdict.code == Declined }

// IsUsed reports whether the question had been answered before.
func (a *Answer) IsUsed() bool { return a != nil && a.verdict.code == Replayed }

// delivery is a question on its way to the transport.
type delivery struct {
	done  chan struct{}
	at    time.Time // set before done is closed
	added time.Time
}

// deliveryWait is how long a reply waits for the time its question was sent: the
// two may arrive here in either order.
const deliveryWait = 5 * time.Second

// RecordSent records when a question was handed to the transport. A client cannot
// show it earlier, and a question may wait for long before it is written. A zero
// time is ignored.
func (g *Gate) RecordSent(sealed string, at time.Time) {
	st, err := g.Sealer.open(sealed)
	if err != nil || at.IsZero() {
		return
	}
	d := g.deliveryOf(st.Nonce)
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.at.IsZero() {
		d.at = at
		close(d.done)
	}
}

// deliveryOf returns the delivery of a question, which it adds if necessary.
func (g *Gate) deliveryOf(nonce string) *delivery {
	now := g.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, d := range g.deliveries {
		if now.Sub(d.added) > g.AnswerWithin+memory {
			delete(g.deliveries, n)
		}
	}
	d := g.deliveries[nonce]
	if d == nil {
		d = &delivery{done: make(chan struct{}), added: now}
		g.deliveries[nonce] = d
	}
	return d
}

// Receive judges a reply to a question by when it arrived. The question must be
// one that this tool, app and caller were asked; otherwise the error is
// [ErrBadState]. Call Receive before waiting for anything: an answer from a
// program, or a no, closes the question even if the call then fails.
func (g *Gate) Receive(tool, app, caller string, reply Reply) (*Answer, error) {
	st, err := g.open(tool, app, caller, reply.State)
	if err != nil {
		return nil, err
	}
	st = g.withTimes(st, reply)
	v := st.judge(reply, g.Ledger.IsBurnt(st.Nonce) || g.isClosed(st.Nonce, g.Now()))
	g.settle(st, v)
	answer := &Answer{reply: reply, state: st, verdict: v}
	if answer.IsNo() {
		answer.err = g.deny(st.denial())
	}
	return answer, nil
}

// Check returns nil if a state belongs to this tool, app and caller, and
// [ErrBadState] otherwise.
func (g *Gate) Check(tool, app, caller, sealed string) error {
	_, err := g.open(tool, app, caller, sealed)
	return err
}

func (g *Gate) open(tool, app, caller, sealed string) (state, error) {
	st, err := g.Sealer.open(sealed)
	if err != nil {
		return state{}, err
	}
	rule, _ := g.Policy.match(tool, app)
	if st.Tool != tool || st.App != app || st.Caller != caller || !g.elicitAllowed(Channel(rule.Channel)) {
		return state{}, ErrBadState
	}
	return st, nil
}

// withTimes sets the times by which a reply is judged. They count from when a
// person could see the question. If this gate asked it and does not learn when
// it was sent, no person can have seen it.
func (g *Gate) withTimes(st state, reply Reply) state {
	st.Seen = st.Issued
	if st.Gate == g.id {
		d := g.deliveryOf(st.Nonce)
		select {
		case <-d.done:
			st.Seen = d.at
		case <-time.After(deliveryWait):
			st.Seen = reply.Arrived
		}
	}
	st.Expires = st.Seen.Add(st.Expires.Sub(st.Issued))
	return st
}

// RecordLate judges an answer that came after its call ended. Nothing is applied: the
// next call reports a yes as too late; a no is recorded. The error is for the log.
func (g *Gate) RecordLate(r Request, reply Reply) error {
	st, err := g.open(r.Tool, r.App, r.Caller, reply.State)
	if err != nil {
		return err
	}
	st = g.withTimes(st, reply)
	switch v := st.judge(reply, g.Ledger.IsBurnt(st.Nonce)); {
	case v.code == Declined:
		return g.deny(st.denial())
	case v.kind == Proceed, v.code == Expired:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.late[r.key()] = g.Now()
	}
	return nil
}

// denial returns a no to the plan that the question showed.
func (st state) denial() Denial {
	return Denial{Tool: st.Tool, App: st.App, Digest: st.Digest, Caller: st.Caller}
}

// settle updates what the gate remembers of a question after a verdict.
func (g *Gate) settle(st state, v verdict) {
	if v.close {
		g.closeQuestion(st.Nonce, st.Expires)
	}
	if v.person {
		g.forgetUnanswered(Request{Tool: st.Tool, App: st.App, Caller: st.Caller}.key())
	}
}

// decideByAnswer decides on a plan by the answer alone.
func (g *Gate) decideByAnswer(r Request, channel Channel, answer *Answer, now time.Time) Outcome {
	v := answer.verdict
	if answer.IsYes() {
		v = answer.state.judgeFit(r, answer.reply)
		g.settle(answer.state, v)
	}
	switch v.kind {
	case Proceed:
		return g.proceed(r, Use{
			Nonce: answer.state.Nonce, Expires: answer.state.Expires, Asked: answer.state.Issued,
			Approval: Approval{Channel: ChannelElicitation},
		}, answer.reply.Arrived.Add(formLife))
	case Ask:
		again := Outcome{Changed: v.changed, Typed: v.typed}
		return g.ask(r, channel, v.code, again, v.code == NotConfirmed, now)
	case NeedsTerminal:
		out := g.sendToTerminal(r, channel, v.code, now)
		out.TooFast = v.code == Unavailable
		return out
	}
	return Outcome{Code: v.code, Typed: v.typed}
}

// verdict is what an answer means.
type verdict struct {
	kind    Kind // Proceed: a yes, in time
	code    Code
	changed []string
	typed   string
	close   bool // the question cannot be answered again
	person  bool // a person answered
}

// judge returns what a reply means by its action and time alone, whatever the
// plan. used says that the question was answered before.
func (st state) judge(reply Reply, used bool) verdict {
	switch {
	case used:
		return verdict{kind: Refuse, code: Replayed}
	case reply.Arrived.Sub(st.Seen) < tooFast:
		return verdict{kind: NeedsTerminal, code: Unavailable, close: true}
	case reply.Action == Decline:
		return verdict{kind: Refuse, code: Declined, close: true, person: true}
	case reply.Action != Accept:
		return verdict{kind: NeedsTerminal, code: NoAnswer, close: true}
	case !reply.Arrived.Before(st.Expires):
		return verdict{kind: Refuse, code: Expired, close: true, person: true}
	}
	return verdict{kind: Proceed, person: true}
}

// judgeFit judges a yes that came in time against the plan as it is now.
func (st state) judgeFit(r Request, reply Reply) verdict {
	switch {
	case st.Digest != r.Digest:
		changed := describeChanges(st.Facts, r.Facts)
		return verdict{kind: Ask, code: Stale, changed: changed, close: true, person: true}
	case r.Irreversible && strings.TrimSpace(reply.Typed) == r.App, !r.Irreversible && reply.Ticked:
		return verdict{kind: Proceed, person: true}
	case st.Reasked:
		return verdict{kind: Refuse, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
	}
	return verdict{kind: Ask, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
}

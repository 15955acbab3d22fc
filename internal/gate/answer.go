package gate

import (
	"strings"
	"time"
)

// Answer is a [Reply] that was judged by the moment it arrived. What it means
// for a plan is for [Gate.Decide] to say.
type Answer struct {
	reply   Reply
	state   state
	verdict verdict
	err     error // of the ledger, for the log
}

// Yes reports whether a person accepted in time. Whether that fits the plan is
// not said yet. A nil Answer is neither a yes nor a no.
func (a *Answer) Yes() bool { return a != nil && a.verdict.kind == Proceed }

// No reports whether a person said no.
func (a *Answer) No() bool { return a != nil && a.verdict.code == Declined }

// Used reports whether the question had been answered before.
func (a *Answer) Used() bool { return a != nil && a.verdict.code == Replayed }

// handing is a question on its way to the transport.
type delivery struct {
	done  chan struct{}
	at    time.Time // set before done is closed
	begun time.Time
}

// handedWait is how long a reply waits to be told when its question was sent: the
// two may cross in this program, though not on the way to the client.
const deliveryWait = 5 * time.Second

// Handed notes when a question had been handed to the transport, from when a
// client could show it: a question may wait for long before it is written. A zero
// time notes nothing.
func (g *Gate) Handed(sealed string, at time.Time) {
	st, err := g.Sealer.open(sealed)
	if err != nil || at.IsZero() {
		return
	}
	h := g.deliveryOf(st.Nonce)
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.at.IsZero() {
		h.at = at
		close(h.done)
	}
}

// handing is the one of a question.
func (g *Gate) deliveryOf(nonce string) *delivery {
	now := g.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, h := range g.deliveries {
		if now.Sub(h.begun) > g.AnswerWithin+memory {
			delete(g.deliveries, n)
		}
	}
	h := g.deliveries[nonce]
	if h == nil {
		h = &delivery{done: make(chan struct{}), begun: now}
		g.deliveries[nonce] = h
	}
	return h
}

// Receive judges a reply to a question of this tool and app to this caller by
// the moment that it arrived. Call it before anything is waited for: a question
// that is answered by a program, or with a no, is over then, whatever becomes of
// the call. The only error is [ErrBadState]: a reply that does not belong here.
func (g *Gate) Receive(tool, app, caller string, reply Reply) (*Answer, error) {
	st, err := g.open(tool, app, caller, reply.State)
	if err != nil {
		return nil, err
	}
	st = g.withTimes(st, reply)
	v := st.judge(reply, g.Ledger.Burnt(st.Nonce) || g.isClosed(st.Nonce, g.Now()))
	g.settle(st, v)
	answer := &Answer{reply: reply, state: st, verdict: v}
	if answer.No() {
		answer.err = g.deny(st.denial())
	}
	return answer, nil
}

// Check is nil if a state belongs to this tool, app and caller, and otherwise
// [ErrBadState].
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

// timed gives a state the times by which a reply to it is judged, which count
// from when the question could be seen. Where this gate asked and does not learn
// when the question was sent, no person can have seen it.
func (g *Gate) withTimes(st state, reply Reply) state {
	st.Seen = st.Issued
	if st.Gate == g.id {
		h := g.deliveryOf(st.Nonce)
		select {
		case <-h.done:
			st.Seen = h.at
		case <-time.After(deliveryWait):
			st.Seen = reply.Arrived
		}
	}
	st.Expires = st.Seen.Add(st.Expires.Sub(st.Issued))
	return st
}

// Late judges an answer that came after its call had ended: nothing is applied.
// A yes is told to the next call; a no is a no. The error is for the log.
func (g *Gate) Late(r Request, reply Reply) error {
	st, err := g.open(r.Tool, r.App, r.Caller, reply.State)
	if err != nil {
		return err
	}
	st = g.withTimes(st, reply)
	switch v := st.judge(reply, g.Ledger.Burnt(st.Nonce)); {
	case v.code == Declined:
		return g.deny(st.denial())
	case v.kind == Proceed, v.code == Expired:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.late[r.key()] = g.Now()
	}
	return nil
}

// denial is a no to the plan that a question showed.
func (st state) denial() Denial {
	return Denial{Tool: st.Tool, App: st.App, Digest: st.Digest, Caller: st.Caller}
}

// settle does to a question what a verdict says.
func (g *Gate) settle(st state, v verdict) {
	if v.close {
		g.closeQuestion(st.Nonce, st.Expires)
	}
	if v.person {
		g.forgetUnanswered(Request{Tool: st.Tool, App: st.App, Caller: st.Caller}.key())
	}
}

// answered decides on a plan by an answer, and by nothing else.
func (g *Gate) decideByAnswer(r Request, channel Channel, answer *Answer, now time.Time) Outcome {
	v := answer.verdict
	if answer.Yes() {
		v = answer.state.judgeFit(r, answer.reply)
		g.settle(answer.state, v)
	}
	switch v.kind {
	case Proceed:
		return g.proceed(r, Use{
			Nonce: answer.state.Nonce, Expires: answer.state.Expires, Asked: answer.state.Issued, Approval: Approval{Channel: ChannelElicitation},
		}, answer.reply.Arrived.Add(formLife))
	case Ask:
		return g.ask(r, channel, v.code, Outcome{Changed: v.changed, Typed: v.typed}, v.code == NotConfirmed, now)
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
	person  bool // a person was there
}

// judge is the pure heart of the gate: what does an answer that came then mean,
// whatever the plan? A question that was answered before is used.
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

// fits judges a yes that came in time against the plan as it is now.
func (st state) judgeFit(r Request, reply Reply) verdict {
	switch {
	case st.Digest != r.Digest:
		return verdict{kind: Ask, code: Stale, changed: describeChanges(st.Facts, r.Facts), close: true, person: true}
	case r.Irreversible && strings.TrimSpace(reply.Typed) == r.App, !r.Irreversible && reply.Ticked:
		return verdict{kind: Proceed, person: true}
	case st.Reasked:
		return verdict{kind: Refuse, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
	}
	return verdict{kind: Ask, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
}

package gate

import (
	"errors"
	"testing"
	"time"
)

// signedAndAsked is a plan that a person has approved in a terminal, and another
// person is then asked about in the client: the approval came in between.
func signedAndAsked(t *testing.T, change ...func(*Options)) (f *testGate, question Outcome, ticket string) {
	t.Helper()
	f = newTestGate(t, change...)
	question = f.ask(release())
	cannotAsk := release()
	cannotAsk.CanAsk = false
	out := f.decide(cannotAsk, nil)
	wants(t, out, NeedsTerminal, Unavailable)
	f.sign(out.Ticket, release().Digest)
	return f, question, out.Ticket
}

// A no in the form is a no, whatever was signed.
func TestDeclineWithdrawsTerminalApproval(t *testing.T) {
	f, question, ticket := signedAndAsked(t)
	code := f.code(ticket, release().Digest)
	wants(t, f.decide(release(), declineReply(question)), Refuse, Declined)
	for range 3 {
		out := f.decide(release(), nil)
		wants(t, out, Refuse, Declined)
		if !out.Until.Equal(f.clock.Now().Add(declineLife)) {
			t.Errorf("until %v", out.Until)
		}
	}
	pasted := release()
	pasted.Code = code
	wants(t, f.decide(pasted, nil), Refuse, Declined)
	f.clock.Advance(declineLife)
	wants(t, f.decide(pasted, nil), Refuse, Declined) // the code is from before the no
	again := f.decide(release(), nil)
	wants(t, again, Ask, "")
	f.nothingBurnt()
	if _, err := f.Requests.Load(ticket); err == nil {
		t.Error("the request is left")
	}
	f.clock.Advance(10 * time.Second)
	f.commit(f.decide(release(), acceptReply(release(), again)))
}

// Another caller's approval of the same plan is withdrawn too; of another plan, not.
func TestDeclineIsOfThePlan(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	theirs, other := release(), release()
	theirs.Caller, theirs.CanAsk = "http:bob", false
	other.Digest, other.Call, other.CanAsk = "one address only", "other arguments", false
	f.sign(f.decide(theirs, nil).Ticket, theirs.Digest)
	f.sign(f.decide(other, nil).Ticket, other.Digest)
	wants(t, f.decide(release(), declineReply(question)), Refuse, Declined)
	out := f.decide(theirs, nil)
	wants(t, out, Refuse, Declined)
	f.commit(f.decide(other, nil))
	f.clock.Advance(declineLife)
	wants(t, f.decide(theirs, nil), NeedsTerminal, Unavailable)
}

// Whatever else a reply is, no other channel's yes is looked for in its call.
func TestNoReplyFallsThrough(t *testing.T) {
	moved := release()
	moved.Digest = "other"
	covered := withPolicy(t,
		"[[rule]]\nname = \"r\"\ntools = [\"release_public_ips\"]\napps = [\"shop\"]\ndecision = \"auto\"\naccept "+
			"= [\"dedicated_v4_lost\"]\nlimit_per_hour = 9\n")
	tests := map[string]struct {
		reply  func(f *testGate, o Outcome) Reply
		with   Request
		change func(*Options)
		kind   Kind
		code   Code
	}{
		"cancel": {reply: func(_ *testGate, o Outcome) Reply {
			return Reply{State: o.State,
				Action: Cancel}
		}, with: release(), kind: NeedsTerminal, code: NoAnswer},
		"nonsense": {reply: func(_ *testGate, o Outcome) Reply {
			return Reply{State: o.State,
				Action: "maybe"}
		}, with: release(), kind: NeedsTerminal, code: NoAnswer},
		"unconfirmed": {reply: func(_ *testGate, o Outcome) Reply {
			return Reply{State: o.State,
				Action: Accept}
		}, with: release(), kind: Ask, code: NotConfirmed},
		"stale": {reply: func(_ *testGate, o Outcome) Reply { return *acceptReply(release(), o) },
			with: moved, kind: Ask, code: Stale},
		"late": {reply: func(f *testGate, o Outcome) Reply {
			f.clock.Advance(
				time.Hour)
			return *acceptReply(release(), o)
		}, with: release(), kind: Refuse, code: Expired},
		"decline": {reply: func(_ *testGate, o Outcome) Reply { return *declineReply(o) }, with: release(),
			kind: Refuse, code: Declined},
		"stale decline": {reply: func(_ *testGate, o Outcome) Reply { return *declineReply(o) }, with: moved,
			kind: Refuse, code: Declined},
		"too fast": {reply: func(f *testGate, o Outcome) Reply {
			r := *acceptReply(release(), o)
			r.Arrived = f.clock.Now().Add(-10*time.Second + tooFast - 1)
			return r
		}, with: release(), kind: NeedsTerminal, code: Unavailable},
	}
	for name, tt := range tests {
		t.Run(name+", a signed approval waits", func(t *testing.T) {
			f, question, _ := signedAndAsked(t)
			if tt.with.Digest != release().Digest {
				waits := tt.with
				waits.CanAsk = false
				f.sign(f.decide(waits, nil).Ticket, waits.Digest)
			}
			wants(t, f.decide(tt.with, new(tt.reply(f, question))), tt.kind, tt.code)
			f.nothingBurnt()
		})
		t.Run(name+", a code comes along", func(t *testing.T) {
			f, question, ticket := signedAndAsked(t)
			r := tt.with
			r.Code = f.code(ticket, r.Digest)
			wants(t, f.decide(r, new(tt.reply(f, question))), tt.kind, tt.code)
			f.nothingBurnt()
		})
		t.Run(name+", the policy would approve by now", func(t *testing.T) {
			asking := newTestGate(t, func(o *Options) { o.Sealer = fixedSealer(t, 7) })
			question := asking.ask(release())
			f := newTestGate(t, covered, func(o *Options) { o.Sealer = fixedSealer(t, 7); o.Ledger = asking.ledger })
			f.clock.Advance(10 * time.Second)
			wants(t, f.decide(tt.with, new(tt.reply(f, question))), tt.kind, tt.code)
		})
		t.Run(name+", no question is needed by now", func(t *testing.T) {
			f := newTestGate(t)
			question := f.ask(release())
			r := tt.with
			r.Gated = false
			reply := tt.reply(f, question)
			out := f.decide(r, &reply)
			if out.Kind == Proceed && (reply.Action != Accept || tt.code == Expired || tt.code == Unavailable) {
				t.Errorf("got %+v", out)
			}
		})
	}
	t.Run("a retried call without an answer", func(t *testing.T) {
		f, _, _ := signedAndAsked(t)
		r := release()
		r.Retried = true
		wants(t, f.decide(r, nil), NeedsTerminal, NoAnswer)
		f.nothingBurnt()
	})
}

// A no that comes between a decision and its use stops it, whatever decided.
func TestNoBeforeCommit(t *testing.T) {
	elsewhere := release()
	elsewhere.Caller = "http:bob"
	decisions := map[string]func(f *testGate) Outcome{
		"form": func(f *testGate) Outcome { return f.decide(release(), acceptReply(release(), f.ask(release()))) },
		"terminal": func(f *testGate) Outcome {
			r := release()
			r.CanAsk = false
			f.sign(f.decide(r, nil).Ticket, r.Digest)
			return f.decide(r, nil)
		},
	}
	for name, decide := range decisions {
		for where, say := range map[string]func(f *testGate, question Outcome){
			"another form": func(f *testGate, question Outcome) {
				wants(f.t, f.decide(elsewhere, declineReply(question)), Refuse, Declined)
			},
			"another server": func(f *testGate, _ Outcome) {
				f.t.Helper()
				_ = f.ledger.Deny(Denial{Tool: "release_public_ips", App: "shop", Digest: release().Digest})
			},
		} {
			t.Run(name+", a no in "+where, func(t *testing.T) {
				f := newTestGate(t)
				question := f.ask(elsewhere)
				out := decide(f)
				wants(t, out, Proceed, "")
				say(f, question)
				if grant, err := out.Commit(); grant != nil || !errors.Is(err, ErrWithdrawn) {
					t.Errorf("got %v, %v, want ErrWithdrawn", grant, err)
				}
				f.nothingBurnt()
			})
		}
	}
}

// A no in the terminal counts for every caller at once, and against what is signed.
func TestTerminalRejectionWithdraws(t *testing.T) {
	f := newTerminal(t)
	theirs := release()
	theirs.Caller = "http:bob"
	mine, signed := f.atTerminal(release()), f.atTerminal(theirs)
	code := f.code(signed, theirs.Digest)
	f.sign(signed, theirs.Digest)
	if err := f.Requests.Answer(mine, ApprovalAnswer{Reason: "not today", At: f.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := f.Requests.Answer(mine, ApprovalAnswer{Approved: true, Code: code,
		At: f.clock.Now()}); !errors.Is(err, ErrRejected) {
		t.Errorf("a yes after the no: got %v, want ErrRejected", err)
	}
	out := f.decide(theirs, nil)
	wants(t, out, Refuse, Declined)
	if out.Reason != "" {
		t.Errorf("another caller got the reason %q", out.Reason)
	}
	theirs.Code = code
	wants(t, f.decide(theirs, nil), Refuse, Declined)
	if out := f.decide(release(), nil); out.Code != Declined || out.Reason != "not today" {
		t.Errorf("got %+v", out)
	}
	f.clock.Advance(declineLife)
	wants(t, f.decide(theirs, nil), Refuse, Declined) // the code is from before the no
	wants(t, f.decide(release(), nil), NeedsTerminal, "")
	f.nothingBurnt()
}

// A gate whose ledger cannot be written remembers a no itself.
func TestNoWithoutLedger(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	f.ledger.fail(errDisk)
	out := f.decide(release(), declineReply(question))
	wants(t, out, Refuse, Declined)
	if !errors.Is(out.Err, errDisk) {
		t.Errorf("the log gets %v", out.Err)
	}
	f.ledger.fail(nil)
	wants(t, f.decide(release(), nil), Refuse, Declined)
}

// A no that comes after its call has ended still withdraws the ticket that the
// call was given; a program's does not.
func TestLateNo(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	ticket := f.CloseUnanswered(release(), question.State).Ticket
	f.sign(ticket, release().Digest)
	instant := *declineReply(question)
	instant.Arrived = f.clock.Now().Add(-9 * time.Second)
	if err := f.RecordLate(release(), instant); err != nil {
		t.Fatal(err)
	}
	wants(t, f.decide(release(), nil), Proceed, "")
	late := *declineReply(question)
	late.Arrived = f.clock.Now()
	if err := f.RecordLate(release(), late); err != nil {
		t.Fatal(err)
	}
	wants(t, f.decide(release(), nil), Refuse, Declined)
	f.nothingBurnt()
}

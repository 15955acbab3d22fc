package gate

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAcceptGrantsOnce(t *testing.T) {
	for _, r := range []Request{release(), deploy()} {
		t.Run(r.Tool, func(t *testing.T) {
			f := newTestGate(t)
			question := f.ask(r)
			if want := f.clock.Now().Add(5*time.Minute - 10*time.Second); !question.Expires.Equal(want) {
				t.Errorf("expires %v, want %v", question.Expires, want)
			}
			out := f.decide(r, acceptReply(r, question))
			f.nothingBurnt() // deciding uses nothing up
			grant := f.commit(out)
			if got := grant.Approval(); got != (Approval{Channel: ChannelElicitation}) {
				t.Errorf("approved by %+v", got)
			}
			for _, step := range r.Steps {
				if err := grant.Spend(step.Verb, step.App, step.Target); err != nil {
					t.Error(err)
				}
			}
			use := f.ledger.uses[0]
			if use.Tool != r.Tool || use.App != r.App || use.Caller != r.Caller || use.Digest != r.Digest ||
				!use.Expires.Equal(question.Expires) {
				t.Errorf("recorded %+v", use)
			}
			if again, err := out.Commit(); again != nil || !errors.Is(err, ErrReplayed) {
				t.Errorf("second Commit: got %v, %v, want ErrReplayed", again, err)
			}
		})
	}
}

// An answer counts once, whatever it was.
func TestReplay(t *testing.T) {
	moved := release()
	moved.Digest = "other"
	tests := []struct {
		name  string
		first func(Outcome) *Reply
		with  Request
		kind  Kind
		code  Code
	}{
		{"after a yes", func(o Outcome) *Reply { return acceptReply(release(), o) }, release(), Proceed, ""},
		{"after a no", func(o Outcome) *Reply { return &Reply{State: o.State, Action: Decline} }, release(),
			Refuse, Declined},
		{"after a cancel", func(o Outcome) *Reply { return &Reply{State: o.State, Action: Cancel} }, release(),
			NeedsTerminal, NoAnswer},
		{"after a wrong name", func(o Outcome) *Reply {
			return &Reply{State: o.State, Action: Accept,
				Typed: "x"}
		}, release(), Ask, NotConfirmed},
		{"after a stale yes", func(o Outcome) *Reply { return acceptReply(release(), o) }, moved, Ask, Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTestGate(t)
			question := f.ask(release())
			out := f.decide(tt.with, tt.first(question))
			wants(t, out, tt.kind, tt.code)
			if tt.kind == Proceed {
				f.commit(out)
			}
			wants(t, f.decide(release(), acceptReply(release(), question)), Refuse, Replayed)
			f.clock.Advance(time.Hour)
			again := f.decide(release(), acceptReply(release(), question))
			if again.Kind == Proceed {
				t.Error("an hour later it counts again")
			}
		})
	}
}

func TestReplayAfterTooFast(t *testing.T) {
	f := newTestGate(t)
	question := f.decide(release(), nil)
	f.clock.Advance(tooFast - 1)
	wants(t, f.decide(release(), acceptReply(release(), question)), NeedsTerminal, Unavailable)
	f.clock.Advance(time.Minute) // the program waits and tries again
	wants(t, f.decide(release(), acceptReply(release(), question)), Refuse, Replayed)
	f.nothingBurnt()
}

func TestAskedOnceMore(t *testing.T) {
	f := newTestGate(t)
	first := f.ask(release())
	second := f.decide(release(), &Reply{State: first.State, Action: Accept, Typed: "shp"})
	wants(t, second, Ask, NotConfirmed)
	if second.Typed != "shp" {
		t.Errorf("typed %q", second.Typed)
	}
	f.clock.Advance(10 * time.Second)
	third := f.decide(release(), &Reply{State: second.State, Action: Accept, Typed: "shpo"})
	wants(t, third, Refuse, NotConfirmed)
	if third.Typed != "shpo" {
		t.Errorf("typed %q", third.Typed)
	}
	f.nothingBurnt()

	// The second question may be answered rightly.
	first = f.ask(release())
	second = f.decide(release(), &Reply{State: first.State, Action: Accept})
	f.clock.Advance(10 * time.Second)
	f.commit(f.decide(release(), acceptReply(release(), second)))
}

func TestStaleAsksAnew(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	moved := release()
	moved.Digest, moved.Facts = "other", moved.Facts[:1]
	again := f.decide(moved, acceptReply(moved, question))
	wants(t, again, Ask, Stale)
	if want := []string{"address/137.66.1.1 is gone"}; !slices.Equal(again.Changed, want) {
		t.Errorf("changed %q, want %q", again.Changed, want)
	}
	f.clock.Advance(10 * time.Second)
	f.commit(f.decide(moved, acceptReply(moved, again)))
	if got := f.ledger.uses[0].Digest; got != "other" {
		t.Errorf("approved digest %q, want the plan as it is now", got)
	}
}

// A state is for one tool, app and caller; elsewhere it is an error, and not used up.
func TestForeignState(t *testing.T) {
	changes := map[string]func(*Request){
		"tool":   func(r *Request) { r.Tool = "deploy" },
		"app":    func(r *Request) { r.App = "shop2" },
		"caller": func(r *Request) { r.Caller = "other" },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			f := newTestGate(t)
			question := f.ask(release())
			r := release()
			change(&r)
			for _, action := range []Action{Accept, Decline, Cancel} {
				reply := Reply{State: question.State, Action: action, Typed: r.App, Ticked: true, Arrived: f.clock.Now()}
				answer, err := f.Receive(r.Tool, r.App, r.Caller, reply)
				if !errors.Is(err, ErrBadState) || answer != nil {
					t.Fatalf("%s: got %+v, %v, want ErrBadState", action, answer, err)
				}
			}
			f.nothingBurnt()
			f.commit(f.decide(release(), acceptReply(release(), question)))
		})
	}
}

func TestForgedState(t *testing.T) {
	f := newTestGate(t)
	other := newTestGate(t)
	foreign := other.ask(release())
	question := f.ask(release())
	for name, sealed := range map[string]string{
		"empty": "", "nonsense": "yes", "truncated": question.State[:len(question.State)-2],
		"tampered": question.State[:20] + "A" + question.State[21:], "another server's": foreign.State,
	} {
		if sealed == question.State {
			sealed = question.State[:20] + "B" + question.State[21:]
		}
		r := release()
		_, err := f.Receive(r.Tool, r.App, r.Caller, Reply{State: sealed, Action: Accept, Typed: "shop",
			Arrived: f.clock.Now()})
		if !errors.Is(err, ErrBadState) {
			t.Errorf("%s: got %v, want ErrBadState", name, err)
		}
		if err := f.Check(r.Tool, r.App, r.Caller, sealed); !errors.Is(err, ErrBadState) {
			t.Errorf("%s: Check: got %v, want ErrBadState", name, err)
		}
	}
	f.nothingBurnt()
}

func TestSharedKey(t *testing.T) {
	one := newTestGate(t, func(o *Options) { o.Sealer = fixedSealer(t, 7) })
	question := one.ask(release())
	two := newTestGate(t, func(o *Options) { o.Sealer = fixedSealer(t, 7); o.Ledger = one.ledger })
	two.clock.Advance(10 * time.Second)
	two.commit(two.decide(release(), acceptReply(release(), question)))
	wants(t, one.decide(release(), acceptReply(release(), question)), Refuse, Replayed)
}

func TestModes(t *testing.T) {
	cannotAsk := release()
	cannotAsk.CanAsk = false
	tooLong := release()
	tooLong.TooLong = "it has 40 lines"
	tests := []struct {
		name   string
		change []func(*Options)
		r      Request
		kind   Kind
		code   Code
		noKey  bool
	}{
		{"auto asks", nil, release(), Ask, "", false},
		{"auto, a client that cannot ask", nil, cannotAsk, NeedsTerminal, Unavailable, false},
		{"auto, neither client nor key", []func(*Options){withoutKeys}, cannotAsk, NeedsTerminal, Unavailable, true},
		{"auto, neither client nor folder", []func(*Options){withoutRequests}, cannotAsk, Refuse, Unavailable, false},
		{"auto, too long for a form", nil, tooLong, NeedsTerminal, Unavailable, false},
		{"elicit asks", []func(*Options){withMode(ModeElicit)}, release(), Ask, "", false},
		{"elicit, a client that cannot ask", []func(*Options){withMode(ModeElicit)}, cannotAsk, Refuse, Unavailable, false},
		{"elicit, too long for a form", []func(*Options){withMode(ModeElicit)}, tooLong, Refuse, Unavailable, false},
		{"terminal", []func(*Options){withMode(ModeTerminal)}, release(), NeedsTerminal, "", false},
		{"terminal, no key", []func(*Options){withMode(ModeTerminal), withoutKeys}, release(), NeedsTerminal, "", true},
		{"deny", []func(*Options){withMode(ModeDeny)}, release(), Refuse, Blocked, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTestGate(t, tt.change...)
			out := f.decide(tt.r, nil)
			wants(t, out, tt.kind, tt.code)
			if out.NoKey != tt.noKey {
				t.Errorf("no key: %v, want %v", out.NoKey, tt.noKey)
			}
			f.nothingBurnt()
		})
	}
}

// Where the client may not be asked, its answer is no answer either.
func TestReplyWhereNobodyIsAsked(t *testing.T) {
	asking := newTestGate(t, func(o *Options) { o.Sealer = fixedSealer(t, 7) })
	question := asking.ask(deploy())
	f := newTestGate(t, withMode(ModeTerminal), func(o *Options) { o.Sealer = fixedSealer(t, 7) })
	f.clock.Advance(10 * time.Second)
	if _, err := f.Receive("deploy", "shop", "local", *acceptReply(deploy(), question)); !errors.Is(err, ErrBadState) {
		t.Errorf("got %v, want ErrBadState", err)
	}
	f = newTestGate(t, withMode(ModeDeny), func(o *Options) { o.Sealer = fixedSealer(t, 7) })
	f.clock.Advance(10 * time.Second)
	wants(t, f.decide(deploy(), acceptReply(deploy(), question)), Refuse, Blocked)
}

func TestUnanswered(t *testing.T) {
	f := newTestGate(t)
	other := release()
	other.App = "shop2"
	f.ask(release())
	out := f.decide(release(), nil)
	wants(t, out, NeedsTerminal, NoAnswer)
	f.ask(other) // another plan has its own count
	f.clock.Advance(memory + 1)
	f.ask(release()) // forgotten

	f = newTestGate(t) // a person who answers is there
	question := f.ask(release())
	wants(t, f.decide(release(), declineReply(question)), Refuse, Declined)
	f.clock.Advance(declineLife)
	f.ask(release())

	f = newTestGate(t) // a client that cancels is not
	question = f.ask(release())
	wants(t, f.decide(release(), &Reply{State: question.State, Action: Cancel}), NeedsTerminal, NoAnswer)
	wants(t, f.decide(release(), nil), NeedsTerminal, NoAnswer)
}

func TestTimedOut(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	out := f.CloseUnanswered(release(), question.State)
	wants(t, out, NeedsTerminal, NoAnswer)
	wants(t, f.decide(release(), acceptReply(release(), question)), Refuse, Replayed)
	f.nothingBurnt()

	f = newTestGate(t, withMode(ModeElicit))
	wants(t, f.CloseUnanswered(release(), f.ask(release()).State), Refuse, NoAnswer)
	wants(t, f.CloseUnanswered(release(), "nonsense"), Refuse, NoAnswer)
}

func TestLateYesIsToldOnce(t *testing.T) {
	f := newTestGate(t)
	// late is a yes that arrives after its call has ended.
	late := func(question Outcome) {
		t.Helper()
		reply := *acceptReply(release(), question)
		reply.Arrived = f.clock.Now()
		if err := f.RecordLate(release(), reply); err != nil {
			t.Fatal(err)
		}
	}
	question := f.ask(release())
	f.CloseUnanswered(release(), question.State)
	late(question)
	other := release()
	other.App = "shop2"
	if f.decide(other, nil).Late {
		t.Error("told to a call for another app")
	}
	if !f.decide(release(), nil).Late {
		t.Error("the next answer does not say so")
	}
	if f.decide(release(), nil).Late {
		t.Error("told twice")
	}

	late(question)
	f.clock.Advance(memory)
	if f.decide(release(), nil).Late {
		t.Error("told an hour later")
	}

	// Once the plan went through, there is nothing left to tell.
	f = newTestGate(t)
	question = f.ask(release())
	late(question)
	f.commit(f.decide(release(), acceptReply(release(), question)))
	if f.decide(release(), nil).Late {
		t.Error("told after an approval")
	}
}

// No record, no grant.
func TestCommitBurnsFirst(t *testing.T) {
	f := newTestGate(t)
	out := f.decide(release(), acceptReply(release(), f.ask(release())))
	f.ledger.fail(errDisk)
	if grant, err := out.Commit(); grant != nil || !errors.Is(err, errDisk) {
		t.Fatalf("got %v, %v, want no grant and the ledger's error", grant, err)
	}
	f.ledger.fail(nil)
	f.commit(out) // nothing had been used up
}

func TestUngatedNeedsNoLedger(t *testing.T) {
	f := newTestGate(t)
	f.ledger.fail(errDisk)
	r := deploy()
	r.Gated = false
	grant := f.commit(f.decide(r, nil))
	if got := grant.Approval(); got != (Approval{Channel: ChannelNone}) {
		t.Errorf("approved by %+v", got)
	}
	f.nothingBurnt()
}

func TestZeroOutcomeGrantsNothing(t *testing.T) {
	for _, out := range []Outcome{{}, {Kind: Proceed}, {Kind: Ask},
		{Kind: Refuse, commit: func() (*Grant, error) { return &Grant{}, nil }}} {
		if grant, err := out.Commit(); grant != nil || !errors.Is(err, ErrNotGranted) {
			t.Errorf("%+v: got %v, %v", out, grant, err)
		}
	}
}

// One answer, sent many times at once: one grant.
func TestCommitConcurrently(t *testing.T) {
	f := newTestGate(t)
	question := f.ask(release())
	raceToCommit(f, func() Outcome { return f.decide(release(), acceptReply(release(), question)) })
}

func raceToCommit(f *testGate, decide func() Outcome) {
	f.t.Helper()
	const n = 16
	var granted atomic.Int32
	var wg, decided sync.WaitGroup
	decided.Add(n)
	for range n {
		wg.Go(func() {
			out := decide()
			decided.Done()
			decided.Wait() // all have decided before any commits
			if out.Kind != Proceed {
				f.t.Errorf("got %+v, want Proceed", out)
				return
			}
			switch grant, err := out.Commit(); {
			case err == nil && grant != nil:
				granted.Add(1)
			case grant != nil || !errors.Is(err, ErrReplayed):
				f.t.Errorf("got %v, %v, want ErrReplayed", grant, err)
			}
		})
	}
	wg.Wait()
	if granted.Load() != 1 || len(f.ledger.uses) != 1 {
		f.t.Errorf("%d granted, %d recorded, want 1", granted.Load(), len(f.ledger.uses))
	}
}

package gate

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// An answer is judged by when it arrived, whenever its turn comes.
func TestArrivalDecides(t *testing.T) {
	actions := map[string]func(Outcome) *Reply{
		"accept":  func(o Outcome) *Reply { return acceptReply(release(), o) },
		"decline": declineReply,
		"cancel":  func(o Outcome) *Reply { return &Reply{State: o.State, Action: Cancel} },
	}
	for name, answer := range actions {
		t.Run("an instant "+name, func(t *testing.T) {
			f := newTestGate(t)
			question := f.decide(release(), nil)
			f.clock.Advance(tooFast - 1)
			received := f.receive(release(), *answer(question))
			f.clock.Advance(time.Minute) // the app is taken, the plan is made again
			out := f.Decide(release(), received)
			wants(t, out, NeedsTerminal, Unavailable)
			if !out.TooFast {
				t.Error("the outcome does not say why")
			}
			f.nothingBurnt()
			if _, declined, _ := f.lastDenial(release()); declined {
				t.Error("a program's no was recorded")
			}
			wants(t, f.decide(release(), answer(question)), Refuse, Replayed) // the program waits and tries again
		})
	}
	t.Run("in time, and decided late", func(t *testing.T) {
		f := newTestGate(t)
		question := f.decide(release(), nil)
		f.clock.Advance(5*time.Minute - 1)
		received := f.receive(release(), *acceptReply(release(), question))
		f.clock.Advance(formLife - 1)
		f.commit(f.Decide(release(), received))
	})
	t.Run("in time, and used too late", func(t *testing.T) {
		f := newTestGate(t)
		received := f.receive(release(), *acceptReply(release(), f.ask(release())))
		out := f.Decide(release(), received)
		f.clock.Advance(formLife)
		if grant, err := out.Commit(); grant != nil || !errors.Is(err, ErrExpired) {
			t.Errorf("got %v, %v, want ErrExpired", grant, err)
		}
		f.nothingBurnt()
	})
	t.Run("without a time of arrival", func(t *testing.T) {
		f := newTestGate(t)
		r := release()
		answer, err := f.Receive(r.Tool, r.App, r.Caller, *acceptReply(r, f.ask(r)))
		if err != nil {
			t.Fatal(err)
		}
		wants(t, f.Decide(r, answer), NeedsTerminal, Unavailable)
	})
}

// The time that a person has begins when the question was sent.
func TestQuestionThatWaitedToBeWritten(t *testing.T) {
	f := newTestGate(t)
	question := f.Decide(release(), nil)
	f.clock.Advance(4 * time.Minute) // for a slot, or for a client that does not read
	f.RecordSent(question.State, f.clock.Now())
	f.clock.Advance(time.Second)
	wants(t, f.decide(release(), acceptReply(release(), question)), NeedsTerminal, Unavailable)

	f = newTestGate(t)
	question = f.Decide(release(), nil)
	f.clock.Advance(4 * time.Minute)
	f.RecordSent(question.State, f.clock.Now())
	f.clock.Advance(5*time.Minute - 1) // as long as if it had been written at once
	f.commit(f.decide(release(), acceptReply(release(), question)))
}

// A question that was not sent, as far as this gate knows, was not read.
func TestQuestionThatWasNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestGate(t)
		question := f.Decide(release(), nil)
		f.clock.Advance(time.Minute)
		wants(t, f.decide(release(), acceptReply(release(), question)), NeedsTerminal, Unavailable)
	})
	// The note that it was sent may come after the answer.
	synctest.Test(t, func(t *testing.T) {
		f := newTestGate(t)
		question, sent := f.Decide(release(), nil), f.clock.Now()
		f.clock.Advance(time.Minute)
		go func() {
			time.Sleep(time.Second)
			f.RecordSent(question.State, sent)
		}()
		f.commit(f.decide(release(), acceptReply(release(), question)))
	})
}

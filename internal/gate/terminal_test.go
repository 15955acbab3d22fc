package gate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// atTerminal decides a plan that goes to the terminal, and gives the ticket.
func (f *testGate) atTerminal(r Request) string {
	f.t.Helper()
	out := f.decide(r, nil)
	if out.Kind != NeedsTerminal {
		f.t.Fatalf("got kind %d code %q, want a ticket", out.Kind, out.Code)
	}
	f.clock.Advance(time.Minute)
	return out.Ticket
}

func newTerminal(t *testing.T, change ...func(*Options)) *testGate {
	return newTestGate(t, append([]func(*Options){withMode(ModeTerminal)}, change...)...)
}

func TestTerminalApproves(t *testing.T) {
	f := newTerminal(t)
	ticket := f.atTerminal(release())
	if again := f.atTerminal(release()); again != ticket {
		t.Errorf("the identical call got ticket %s, want %s", again, ticket)
	}
	f.sign(ticket, release().Digest)
	grant := f.commit(f.decide(release(), nil))
	if got := grant.Approval(); got != (Approval{ChannelTerminal, f.key.Public().ID()}) {
		t.Errorf("approved by %+v", got)
	}
	if left := files(t, f.Requests.dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if again := f.atTerminal(release()); again == ticket {
		t.Error("a used ticket was given out again")
	}
}

// An approval outlives a call that ends before it begins.
func TestTerminalApprovalIsUsedUpByCommitOnly(t *testing.T) {
	f := newTerminal(t)
	f.sign(f.atTerminal(release()), release().Digest)
	wants(t, f.decide(release(), nil), Proceed, "") // the app is busy: nobody commits
	f.ledger.fail(errDisk)
	if grant, err := f.decide(release(), nil).Commit(); grant != nil || !errors.Is(err, errDisk) {
		t.Fatalf("got %v, %v, want no grant and the ledger's error", grant, err)
	}
	f.ledger.fail(nil)
	f.commit(f.decide(release(), nil))
}

func TestTerminalRejects(t *testing.T) {
	moved := release()
	moved.Digest = "other"
	for name, r := range map[string]Request{"the same plan": release(), "a plan that moved": moved} {
		t.Run(name, func(t *testing.T) {
			f := newTerminal(t)
			ticket := f.atTerminal(release())
			if err := f.Requests.Answer(ticket, ApprovalAnswer{Reason: "not on a Friday",
				Code: f.code(ticket, r.Digest)}); err != nil {
				t.Fatal(err)
			}
			out := f.decide(r, nil)
			wants(t, out, Refuse, Declined)
			if out.Reason != "not on a Friday" {
				t.Errorf("reason %q", out.Reason)
			}
			f.nothingBurnt()
			f.clock.Advance(declineLife)
			if again := f.atTerminal(release()); again == ticket { // told; the ticket is gone
				t.Error("the rejected ticket was given out again")
			}
		})
	}
}

func TestTerminalStale(t *testing.T) {
	f := newTerminal(t)
	ticket := f.atTerminal(release())
	f.sign(ticket, release().Digest)
	moved := release()
	moved.Digest, moved.Facts = "other", append(slices.Clone(moved.Facts[:1]), Fact{"address/fdaa::1", "flycast"})
	out := f.decide(moved, nil)
	wants(t, out, NeedsTerminal, Stale)
	if want := []string{"address/137.66.1.1 is gone", "address/fdaa::1 is new"}; !slices.Equal(out.Changed, want) {
		t.Errorf("changed %q, want %q", out.Changed, want)
	}
	if out.Ticket == ticket {
		t.Error("the old ticket was given out for the new plan")
	}
	f.nothingBurnt()
	again := f.decide(moved, nil)
	wants(t, again, NeedsTerminal, "") // told once
	if again.Ticket != out.Ticket {
		t.Errorf("got ticket %s, want %s again", again.Ticket, out.Ticket)
	}
	f.sign(out.Ticket, "other")
	f.commit(f.decide(moved, nil))
}

func TestTerminalExpires(t *testing.T) {
	f := newTerminal(t)
	ticket := f.atTerminal(release())
	code := f.code(ticket, release().Digest)
	f.sign(ticket, release().Digest)
	f.clock.Advance(RequestLife)
	if again := f.atTerminal(release()); again == ticket {
		t.Error("an expired ticket was given out again")
	}
	r := release()
	r.Code = code
	wants(t, f.decide(r, nil), Refuse, Expired)
	f.nothingBurnt()
}

func TestApprovalCode(t *testing.T) {
	f := newTerminal(t)
	ticket := f.atTerminal(release())
	r := release()
	r.Code = f.code(ticket, release().Digest)
	f.commit(f.decide(r, nil))
	wants(t, f.decide(r, nil), Refuse, Replayed)
}

// An approval is for the installation that asked for it, whatever else is the same.
func TestApprovalElsewhere(t *testing.T) {
	here := newTerminal(t)
	there := newTerminal(t, func(o *Options) { o.Installation, o.Keys = "there", FixedKeys(here.key.Public()) })
	r := release()
	ticket := here.atTerminal(r)
	r.Code = here.code(ticket, r.Digest)
	out := there.decide(r, nil)
	wants(t, out, Refuse, Stale)
	there.nothingBurnt()
	here.commit(here.decide(r, nil))

	// Two that share the folder, too: the platform may be another one.
	shared := newTerminal(t, func(o *Options) {
		o.Installation, o.Keys, o.Requests = "there", FixedKeys(here.key.Public()), here.Requests
	})
	again := here.atTerminal(release())
	here.sign(again, release().Digest)
	out = shared.decide(release(), nil)
	wants(t, out, NeedsTerminal, "")
	if out.Ticket == again {
		t.Error("another installation's ticket was given out")
	}
	here.commit(here.decide(release(), nil))
}

// Keys count as they are when an approval is used.
func TestKeysAreReadWhenNeeded(t *testing.T) {
	var keys []PublicKey
	f := newTerminal(t, func(o *Options) { o.Keys = func() []PublicKey { return keys } })
	out := f.decide(release(), nil)
	wants(t, out, NeedsTerminal, "")
	if !out.NoKey {
		t.Error("the outcome does not say that there is no key")
	}
	f.sign(out.Ticket, release().Digest)
	wants(t, f.decide(release(), nil), Refuse, InvalidInput) // nobody's signature
	keys = []PublicKey{f.key.Public()}
	out = f.decide(release(), nil)
	if out.NoKey || out.Kind != NeedsTerminal {
		t.Errorf("got %+v", out)
	}
	f.sign(out.Ticket, release().Digest)
	f.commit(f.decide(release(), nil))

	old := f.key
	f.key = newKey(t)
	keys = []PublicKey{f.key.Public()} // replaced
	ticket := f.atTerminal(release())
	req, err := f.Requests.Load(ticket)
	if err != nil {
		t.Fatal(err)
	}
	r := release()
	if r.Code, err = old.Sign(req.Statement(r.Digest)).Code(); err != nil {
		t.Fatal(err)
	}
	wants(t, f.decide(r, nil), Refuse, InvalidInput)
	f.sign(ticket, release().Digest)
	f.commit(f.decide(release(), nil))
}

// An approval of one call is not used up, or called stale, by another call.
func TestAnotherCallLeavesAnApproval(t *testing.T) {
	f := newTerminal(t)
	one, other := release(), release()
	one.Call, other.Call, other.Digest = "ips=a", "ips=b", "0b0b"
	f.sign(f.atTerminal(one), one.Digest)
	wants(t, f.decide(other, nil), NeedsTerminal, "")
	f.commit(f.decide(one, nil))
}

// A code is for one plan, one caller, and one key that the server knows.
func TestApprovalCodeElsewhere(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Request)
		code   Code
	}{
		{"digest", func(r *Request) { r.Digest = "other" }, Stale},
		{"tool", func(r *Request) { r.Tool = "deploy" }, Stale},
		{"app", func(r *Request) { r.App = "shop2" }, Stale},
		{"caller", func(r *Request) { r.Caller = "other" }, Stale},
		{"not a code", func(r *Request) { r.Code = "yes" }, InvalidInput},
		{"a ticket", func(r *Request) { r.Code = "RK4M-7Q2P" }, InvalidInput},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTerminal(t)
			r := release()
			r.Code = f.code(f.atTerminal(release()), release().Digest)
			tt.change(&r)
			wants(t, f.decide(r, nil), Refuse, tt.code)
			f.nothingBurnt()
		})
	}
	t.Run("unknown key", func(t *testing.T) {
		f := newTerminal(t)
		ticket := f.atTerminal(release())
		f.key = newKey(t)
		r := release()
		r.Code = f.code(ticket, release().Digest)
		out := f.decide(r, nil)
		wants(t, out, Refuse, InvalidInput)
		if !strings.Contains(out.Reason, f.key.Public().ID()) {
			t.Errorf("reason %q does not name the key", out.Reason)
		}
	})
	t.Run("a known key's id on another's signature", func(t *testing.T) {
		f := newTerminal(t)
		req, err := f.Requests.Load(f.atTerminal(release()))
		if err != nil {
			t.Fatal(err)
		}
		sig := newKey(t).Sign(req.Statement(release().Digest))
		sig.KeyID = f.key.Public().ID()
		r := release()
		if r.Code, err = sig.Code(); err != nil {
			t.Fatal(err)
		}
		wants(t, f.decide(r, nil), Refuse, Stale)
	})
	t.Run("for longer than approvals last", func(t *testing.T) {
		f := newTerminal(t)
		for _, tt := range []struct {
			life time.Duration
			kind Kind
			code Code
		}{{RequestLife + time.Second, Refuse, Stale}, {RequestLife, Proceed, ""}, {0, Refuse, Expired},
			{-time.Hour, Refuse, Expired}} {
			st := Statement{"here", release().Digest, "release_public_ips", "shop", "local", newNonce(),
				f.clock.Now().Add(tt.life).Truncate(time.Second)}
			if tt.life > RequestLife {
				st.Expires = st.Expires.Add(time.Second)
			}
			r := release()
			var err error
			if r.Code, err = f.key.Sign(st).Code(); err != nil {
				t.Fatal(err)
			}
			wants(t, f.decide(r, nil), tt.kind, tt.code)
		}
	})
	t.Run("where terminals do not count", func(t *testing.T) {
		f := newTerminal(t)
		r := release()
		r.Code = f.code(f.atTerminal(release()), release().Digest)
		f.Mode = ModeElicit
		wants(t, f.decide(r, nil), Ask, "")
		f.Mode = ModeDeny
		wants(t, f.decide(r, nil), Refuse, Blocked)
		f.nothingBurnt()
	})
}

// A terminal's answer is for the caller whose request it answers.
func TestTerminalAnswerOfAnotherCaller(t *testing.T) {
	f := newTerminal(t)
	f.sign(f.atTerminal(release()), release().Digest)
	other := release()
	other.Caller = "other"
	wants(t, f.decide(other, nil), NeedsTerminal, "")
	f.nothingBurnt()
	f.commit(f.decide(release(), nil))
}

// Who can write into the folder can make a person sign what he was shown, and
// nothing else: that fits no plan of the server.
func TestForgedRequestFile(t *testing.T) {
	forge := func(f *testGate, change func(*ApprovalRequest)) string {
		req, err := f.Requests.Load(f.atTerminal(release()))
		if err != nil {
			f.t.Fatal(err)
		}
		change(&req)
		if err := f.Requests.write(req.Ticket+".json", req); err != nil {
			f.t.Fatal(err)
		}
		return req.Ticket
	}
	t.Run("a harmless plan is shown", func(t *testing.T) {
		f := newTerminal(t)
		ticket := forge(f, func(r *ApprovalRequest) { r.Plan = []byte(`{"tool":"allocate_flycast"}`) })
		f.sign(ticket, "the digest of what was shown")
		wants(t, f.decide(release(), nil), Refuse, Stale)
		f.nothingBurnt()
	})
	t.Run("another caller's request under this caller's name", func(t *testing.T) {
		f := newTerminal(t)
		ticket := forge(f, func(r *ApprovalRequest) { r.Caller = "thief" })
		f.sign(ticket, release().Digest)
		wants(t, f.decide(release(), nil), NeedsTerminal, "") // the thief's, not this caller's
		thief := release()
		thief.Caller = "thief"
		f.commit(f.decide(thief, nil)) // the person saw that the thief asks, and signed
	})
	t.Run("valid for ten years", func(t *testing.T) {
		f := newTerminal(t)
		ticket := forge(f, func(r *ApprovalRequest) { r.Expires = r.Expires.AddDate(10, 0, 0) })
		f.sign(ticket, release().Digest)
		wants(t, f.decide(release(), nil), Refuse, Stale)
		f.nothingBurnt()
	})
	t.Run("a nonce that was used", func(t *testing.T) {
		f := newTerminal(t)
		r := release()
		first := f.atTerminal(r)
		f.sign(first, r.Digest)
		f.commit(f.decide(r, nil))
		ticket := forge(f, func(q *ApprovalRequest) { q.Nonce = f.ledger.uses[0].Nonce })
		f.sign(ticket, r.Digest)
		wants(t, f.decide(r, nil), Refuse, Replayed)
	})
	t.Run("an answer without a signature", func(t *testing.T) {
		for _, answer := range []string{`{"approved":true}`, `{"approved":true,"code":"yes"}`} {
			f := newTerminal(t)
			ticket := f.atTerminal(release())
			writeFile(t, filepath.Join(f.Requests.dir, ticket+".answer.json"), []byte(answer), 0o600)
			wants(t, f.decide(release(), nil), Refuse, InvalidInput)
			f.nothingBurnt()
		}
	})
	t.Run("an answer that is none", func(t *testing.T) {
		f := newTerminal(t)
		ticket := f.atTerminal(release())
		answer := filepath.Join(f.Requests.dir, ticket+".answer.json")
		writeFile(t, answer, []byte("garbage"), 0o600)
		wants(t, f.decide(release(), nil), NeedsTerminal, "")
		if err := os.Remove(answer); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(f.Requests.dir, ticket+".json"), answer); err != nil {
			t.Fatal(err)
		}
		wants(t, f.decide(release(), nil), NeedsTerminal, "")
		f.nothingBurnt()
	})
}

func TestTerminalCommitConcurrently(t *testing.T) {
	f := newTerminal(t)
	f.sign(f.atTerminal(release()), release().Digest)
	raceToCommit(f, func() Outcome { return f.decide(release(), nil) })
}

// A terminal's approval counts although the client could be asked.
func TestTerminalBeforeQuestion(t *testing.T) {
	f := newTestGate(t)
	f.ask(release())
	out := f.decide(release(), nil)
	wants(t, out, NeedsTerminal, NoAnswer)
	f.sign(out.Ticket, release().Digest)
	f.commit(f.decide(release(), nil))
}

// TestTerminalNoBeforeCommit: a no in the terminal withdraws a yes that was decided on and
// not used yet, wherever the yes was given.
func TestTerminalNoBeforeCommit(t *testing.T) {
	for name, ready := range map[string]func(f *testGate, ticket string) Outcome{
		"form": func(f *testGate, _ string) Outcome {
			r := release()
			r.Retried = true
			out := f.ask(r)
			return f.decide(r, acceptReply(r, out))
		},
		"code": func(f *testGate, ticket string) Outcome {
			r := release()
			r.Code = f.code(ticket, r.Digest)
			return f.decide(r, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestGate(t)
			first := release()
			first.CanAsk = false
			ticket := f.atTerminal(first)
			out := ready(f, ticket)
			wants(t, out, Proceed, "")
			f.clock.Advance(time.Second)
			if err := f.Requests.Answer(ticket, ApprovalAnswer{At: f.clock.Now()}); err != nil {
				t.Fatal(err)
			}
			if grant, err := out.Commit(); grant != nil || !errors.Is(err, ErrWithdrawn) {
				t.Errorf("got %v, %v, want ErrWithdrawn", grant, err)
			}
			f.nothingBurnt()
		})
	}
}

package gate

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

func newClock() *flytest.Clock {
	return flytest.NewClock(time.Date(2026, 8, 3, 9, 30, 0, 123456789, time.UTC))
}

// ledger remembers in memory; with err set it cannot remember anything.
type ledger struct {
	mu    sync.Mutex
	now   func() time.Time
	uses  []Use
	times []time.Time
	noes  map[planKey]Denial
	err   error
}

func (l *ledger) Burn(u Use) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, have := range l.uses {
		if have.Nonce == u.Nonce {
			return ErrReplayed
		}
	}
	if no, ok := l.noes[planKey{u.Tool, u.App, u.Digest}]; ok && !u.Asked.After(no.At) {
		return ErrWithdrawn
	}
	if u.Limit > 0 && l.count(u.Approval.By, l.now().Add(-time.Hour)) >= u.Limit {
		return ErrCapReached
	}
	l.uses, l.times = append(l.uses, u), append(l.times, l.now())
	return nil
}

func (l *ledger) Deny(no Denial) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.noes == nil {
		l.noes = map[planKey]Denial{}
	}
	no.At = l.now()
	l.noes[planKey{no.Tool, no.App, no.Digest}] = no
	return nil
}

func (l *ledger) LastDenial(tool, app, digest string) (Denial, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	no, ok := l.noes[planKey{tool, app, digest}]
	return no, ok, nil
}

func (l *ledger) IsBurnt(nonce string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, have := range l.uses {
		if have.Nonce == nonce {
			return true
		}
	}
	return false
}

func (l *ledger) CountUses(rule string, since time.Time) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count(rule, since), l.err
}

func (l *ledger) count(rule string, since time.Time) (n int) {
	for i, have := range l.uses {
		if have.Approval == (Approval{ChannelPolicy, rule}) && l.times[i].After(since) {
			n++
		}
	}
	return n
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

var errDisk = errors.New("the disk is full")

// fixture is a gate with everything it can have: a client that asks, a folder
// of requests, an approver's key, a ledger.
type testGate struct {
	*Gate
	t      *testing.T
	clock  *flytest.Clock
	ledger *ledger
	key    SigningKey
}

func newTestGate(t *testing.T, change ...func(*Options)) *testGate {
	t.Helper()
	f := &testGate{t: t, clock: newClock()}
	f.ledger = &ledger{now: f.clock.Now}
	var err error
	if f.key, err = NewSigningKey(); err != nil {
		t.Fatal(err)
	}
	requests, err := NewRequests(t.TempDir(), f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Mode: ModeAuto, Keys: FixedKeys(f.key.Public()), Installation: "here", Requests: requests, Ledger: f.ledger,
		AnswerWithin: 5 * time.Minute, Now: f.clock.Now,
	}
	for _, c := range change {
		c(&o)
	}
	f.Gate = New(o)
	return f
}

func withMode(m Mode) func(*Options) { return func(o *Options) { o.Mode = m } }

func withoutKeys(o *Options) { o.Keys = nil }

func withoutRequests(o *Options) { o.Requests = nil }

func withPolicy(t *testing.T, text string) func(*Options) {
	t.Helper()
	p, err := ParsePolicy([]byte(text), testVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { o.Policy = p }
}

// release is a plan that cannot be undone, with two steps.
func release() Request {
	return Request{
		Tool: "release_public_ips", App: "shop", Caller: "local", Asker: "the local user", From: "stdio",
		Digest:  "0f0f",
		Facts:   []Fact{{"address/66.241.124.11", "shared_v4"}, {"address/137.66.1.1", "dedicated_v4"}},
		Steps:   []Step{{ReleaseAddress, "shop", "66.241.124.11"}, {ReleaseAddress, "shop", "137.66.1.1"}},
		Hazards: []string{"dedicated_v4_lost"}, Gated: true, Irreversible: true,
		Plan: json.RawMessage(`{"tool":"release_public_ips"}`), CanAsk: true,
	}
}

// deploy is a plan that can be undone.
func deploy() Request {
	r := release()
	r.Tool, r.Digest, r.Hazards, r.Irreversible = "deploy", "d0d0", []string{"restart"}, false
	r.Steps = []Step{{UpdateMachine, "shop", "148e1@aa"}}
	return r
}

// decide is a Decide with the reply, if there is one, as it arrives now. Neither
// may end in an error.
func (f *testGate) decide(r Request, reply *Reply) Outcome {
	f.t.Helper()
	if reply == nil {
		return f.shown(f.Decide(r, nil))
	}
	return f.shown(f.Decide(r, f.receive(r, *reply)))
}

// shown hands a question to the client, which shows it at once.
func (f *testGate) shown(out Outcome) Outcome {
	f.RecordSent(out.State, f.clock.Now())
	return out
}

// receive is a Receive of a reply that arrives now unless it says when.
func (f *testGate) receive(r Request, reply Reply) *Answer {
	f.t.Helper()
	if reply.Arrived.IsZero() {
		reply.Arrived = f.clock.Now()
	}
	answer, err := f.Receive(r.Tool, r.App, r.Caller, reply)
	if err != nil {
		f.t.Fatalf("Receive: %v", err)
	}
	return answer
}

// ask decides without an answer, must get a question, and lets a person read it.
func (f *testGate) ask(r Request) Outcome {
	f.t.Helper()
	out := f.decide(r, nil)
	wants(f.t, out, Ask, "")
	f.clock.Advance(10 * time.Second)
	return out
}

// yes is the right answer of a person to a question.
func acceptReply(r Request, o Outcome) *Reply {
	if r.Irreversible {
		return &Reply{State: o.State, Action: Accept, Typed: r.App}
	}
	return &Reply{State: o.State, Action: Accept, Ticked: true}
}

// no is a person's no to a question.
func declineReply(o Outcome) *Reply { return &Reply{State: o.State, Action: Decline} }

// wants checks an outcome's kind and code, and that nothing but Proceed grants.
func wants(t *testing.T, got Outcome, kind Kind, code Code) {
	t.Helper()
	if got.Kind != kind || got.Code != code {
		t.Fatalf("got kind %d code %q (reason %q), want kind %d code %q", got.Kind, got.Code, got.Reason, kind, code)
	}
	if kind == Proceed {
		return
	}
	if grant, err := got.Commit(); grant != nil || !errors.Is(err, ErrNotGranted) {
		t.Fatalf("Commit of what is no Proceed gave %v, %v", grant, err)
	}
	if (got.State != "") != (kind == Ask) || (got.Ticket != "") != (kind == NeedsTerminal) {
		t.Fatalf("kind %d with state %q and ticket %q", kind, got.State, got.Ticket)
	}
}

// commit must grant.
func (f *testGate) commit(o Outcome) *Grant {
	f.t.Helper()
	wants(f.t, o, Proceed, "")
	grant, err := o.Commit()
	if err != nil {
		f.t.Fatalf("Commit: %v", err)
	}
	return grant
}

// nothingBurnt checks that no approval was used up.
func (f *testGate) nothingBurnt() {
	f.t.Helper()
	if n := len(f.ledger.uses); n != 0 {
		f.t.Fatalf("%d approvals burnt, want none", n)
	}
}

// sign answers a ticket as the terminal does: with the digest of what it showed.
func (f *testGate) sign(ticket, digest string) {
	f.t.Helper()
	if err := f.Requests.Answer(ticket, ApprovalAnswer{Approved: true, Code: f.code(ticket, digest),
		At: f.clock.Now()}); err != nil {
		f.t.Fatal(err)
	}
}

// code is the approval of a ticket as one word.
func (f *testGate) code(ticket, digest string) string {
	f.t.Helper()
	req, err := f.Requests.Load(ticket)
	if err != nil {
		f.t.Fatal(err)
	}
	code, err := f.key.Sign(req.Statement(digest)).Code()
	if err != nil {
		f.t.Fatal(err)
	}
	return code
}

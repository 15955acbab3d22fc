// Package gate decides whether a planned change may happen, and who must be
// asked first. It knows strings and digests: nothing of Fly, nothing of MCP.
//
// A tool brings a [Request] (its plan) to [Gate.Decide] and gets an [Outcome]:
// proceed, ask this question, or refuse with a code. An answer comes back as a
// [Reply] to a further Decide with the plan as it is then. [Outcome.Commit]
// burns the approval in the ledger, durably, and only then hands out the
// [Grant] without which no client method changes anything.
//
//	plan → Decide → Ask ─ answer ─ plan again → Decide → Proceed → Commit → Grant
//	                 └─ terminal: a ticket, a signed answer, and the same call again
//
// What never counts as approval: an argument the model could have invented, an
// answer that came faster than a person reads, an answer to a plan that has
// changed since, an answer that was used before.
package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Mode is how questions may be answered (--approval).
type Mode string

// The modes. Auto asks in the client, else in a terminal.
const (
	ModeAuto     Mode = "auto"
	ModeElicit   Mode = "elicit"
	ModeTerminal Mode = "terminal"
	ModeDeny     Mode = "deny"
)

// ParseMode reads a --approval value.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case ModeAuto, ModeElicit, ModeTerminal, ModeDeny:
		return m, nil
	}
	return "", fmt.Errorf("approval %q is none of auto, elicit, terminal, deny", s)
}

const (
	// tooFast is what no person needs to read a question: a quicker answer came
	// from a program (client hooks, auto-approval modes, clients without a UI).
	tooFast = 2 * time.Second
	// maxUnanswered questions, then the terminal is offered instead.
	maxUnanswered = 2
	// memory is how long unanswered questions, late and closed ones are remembered.
	memory = time.Hour
)

// Request is one plan at the gate.
type Request struct {
	Tool, App    string
	Caller       string // who asks, as approvals are bound to; never a secret
	Asker, From  string // the same and the server, for the person who reads
	Digest       string // of the plan
	Facts        []Fact
	Steps        []Step   // what the Grant will hold
	Hazards      []string // what a policy must accept
	Gated        bool     // a question is needed
	Irreversible bool     // the answer is the app's name, not a tick
	TooLong      bool     // a form cannot show the plan: nobody approves what they were not shown
	Plan         json.RawMessage
	CanAsk       bool   // the client declared that it can ask its person
	Code         string // an approval code that came with the call
}

func (r Request) key() string { return strings.Join([]string{r.Caller, r.Tool, r.App}, "\x00") }

// Action is what the person did with a form, in MCP's words.
type Action string

// The three actions.
const (
	Accept  Action = "accept"
	Decline Action = "decline"
	Cancel  Action = "cancel"
)

// Reply is an answer to a question that [Gate.Decide] gave out.
type Reply struct {
	State  string // as it was given out
	Action Action
	Ticked bool   // the box, for what can be undone
	Typed  string // the app's name, for what cannot
}

// Kind is what an [Outcome] asks for.
type Kind int

// The kinds. NeedsTerminal is a refusal that a person can lift in a terminal.
const (
	Refuse Kind = iota
	NeedsTerminal
	Ask
	Proceed
)

// Outcome is the gate's answer.
type Outcome struct {
	Kind    Kind
	Code    Code      // why not, for Refuse and NeedsTerminal; Stale or NotConfirmed when asking again
	State   string    // Ask: sealed; comes back in Reply.State
	Ticket  string    // NeedsTerminal
	Expires time.Time // of the question or of the ticket
	Changed []string  // what moved since the plan that was shown
	Typed   string    // what was typed instead of the app's name
	Reason  string    // of a rejection, or which rule blocked: text from outside
	TooFast bool      // the answer came before a person could have read the question
	TooLong bool      // a form cannot show the plan whole
	NoKey   bool      // a terminal could be used if an approver's key existed
	Err     error     // Internal: what failed, for the log
	Late    bool      // an earlier yes came after its limit and was not used

	commit func() (*Grant, error)
}

// ErrReplayed means that the approval had been used when it was to be burnt.
var ErrReplayed = errors.New("approval was used before")

// ErrCapReached means that other plans used up a policy rule's limit per hour
// between the decision and its commit.
var ErrCapReached = errors.New("the policy rule's limit per hour is reached")

// Commit uses the approval up, durably, and hands out the grant. It may be
// called once, and only for Proceed. [ErrReplayed], [ErrCapReached] and every
// other error mean that nothing may be changed.
func (o Outcome) Commit() (*Grant, error) {
	if o.Kind != Proceed || o.commit == nil {
		return nil, fmt.Errorf("commit: %w", ErrNotGranted)
	}
	return o.commit()
}

// Use is one approval being used up.
type Use struct {
	Nonce    string
	Expires  time.Time // until then the nonce must be remembered
	Tool     string
	App      string
	Caller   string
	Digest   string
	Approval Approval
}

// Ledger remembers durably which approvals were used.
type Ledger interface {
	// Burn records a use, synced to disk, before it returns. fresh is false if
	// the nonce was burnt before; then nothing is recorded.
	Burn(use Use) (fresh bool, err error)
	// Burnt reports whether a nonce was used.
	Burnt(nonce string) bool
	// Uses counts what a policy rule approved since a time.
	Uses(rule string, since time.Time) (int, error)
}

// Options make a [Gate].
type Options struct {
	Mode         Mode
	Policy       Policy
	Keys         []PublicKey
	Sealer       *Sealer   // nil: a random key that dies with the process
	Requests     *Requests // nil: no terminal
	Ledger       Ledger
	AnswerWithin time.Duration // how long an answer in the client counts
	Now          func() time.Time
}

// Gate is safe for concurrent use.
type Gate struct {
	Options
	mu         sync.Mutex
	unanswered map[string]tally     // questions without an answer, by request key
	late       map[string]time.Time // a yes that came too late
	closed     map[string]time.Time // nonces of questions that were answered otherwise
	capped     sync.Mutex           // counting a rule's uses and adding one are one act
}

type tally struct {
	n    int
	last time.Time
}

// New makes a gate.
func New(o Options) *Gate {
	if o.Sealer == nil {
		o.Sealer = NewRandomSealer()
	}
	return &Gate{Options: o, unanswered: map[string]tally{}, late: map[string]time.Time{}, closed: map[string]time.Time{}}
}

// Decide is the state machine. reply is nil when no answer came with the call.
// The only error is [ErrBadState]: a reply that does not belong to this call.
func (g *Gate) Decide(r Request, reply *Reply) (Outcome, error) {
	now := g.Now()
	rule, ruled := g.Policy.match(r.Tool, r.App)
	out, err := g.decide(r, reply, rule, ruled, now)
	if err == nil {
		out.Late = g.takeLate(r.key(), now)
	}
	return out, err
}

func (g *Gate) decide(r Request, reply *Reply, rule Rule, ruled bool, now time.Time) (Outcome, error) {
	if ruled && rule.Decision == "block" {
		return Outcome{Code: Blocked, Reason: rule.Name}, nil
	}
	if !r.Gated {
		return g.proceed(r, Approval{Channel: ChannelNone}, newNonce(), now.Add(memory)), nil
	}
	if ruled && rule.Decision == "auto" && g.Policy.covers(rule, r) {
		if rule.LimitPerHour > 0 {
			switch err := g.roomUnderCap(rule); {
			case errors.Is(err, ErrCapReached):
				return Outcome{Code: Blocked, Reason: fmt.Sprintf("%s: %d per hour", rule.Name, rule.LimitPerHour)}, nil
			case err != nil:
				return Outcome{Code: Internal, Err: err}, nil
			}
		}
		return g.underCap(rule, g.proceed(r, Approval{ChannelPolicy, rule.Name}, newNonce(), now.Add(memory))), nil
	}
	if g.Mode == ModeDeny {
		return Outcome{Code: Blocked, Reason: "this server was started with --approval deny"}, nil
	}
	channel := Channel(rule.Channel)
	if g.terminalAllowed(channel) {
		if out, done := g.fromTerminal(r, now); done {
			return out, nil
		}
	}
	if reply == nil {
		return g.ask(r, channel, "", Outcome{}, false, now), nil
	}
	return g.answered(r, channel, *reply, now)
}

func (g *Gate) terminalAllowed(channel Channel) bool {
	return g.Mode != ModeElicit && channel != ChannelElicitation
}

func (g *Gate) elicitAllowed(channel Channel) bool {
	return g.Mode != ModeTerminal && channel != ChannelTerminal
}

// answered judges a reply.
func (g *Gate) answered(r Request, channel Channel, reply Reply, now time.Time) (Outcome, error) {
	st, err := g.Sealer.open(reply.State)
	if err != nil {
		return Outcome{}, err
	}
	if st.Tool != r.Tool || st.App != r.App || st.Caller != r.Caller || !g.elicitAllowed(channel) {
		return Outcome{}, ErrBadState
	}
	v := judge(st, r, reply, g.used(st.Nonce, now), now)
	if v.close {
		g.close(st.Nonce, st.Expires)
	}
	if v.person {
		g.answer(r.key())
	}
	switch v.kind {
	case Proceed:
		return g.proceed(r, Approval{Channel: ChannelElicitation}, st.Nonce, st.Expires), nil
	case Ask:
		return g.ask(r, channel, v.code, Outcome{Changed: v.changed, Typed: v.typed}, v.code == NotConfirmed, now), nil
	case NeedsTerminal:
		out := g.toTerminal(r, channel, v.code, now)
		out.TooFast = v.code == Unavailable
		return out, nil
	}
	return Outcome{Code: v.code, Typed: v.typed}, nil
}

// verdict is what an answer means.
type verdict struct {
	kind    Kind
	code    Code
	changed []string
	typed   string
	close   bool // the question cannot be answered again
	person  bool // a person was there
}

// judge is the pure heart of the gate: what does this answer to that question
// mean for this plan, now?
func judge(st state, r Request, reply Reply, used bool, now time.Time) verdict {
	switch {
	case used:
		return verdict{kind: Refuse, code: Replayed}
	case now.Sub(st.Issued) < tooFast:
		return verdict{kind: NeedsTerminal, code: Unavailable, close: true}
	case reply.Action == Decline:
		return verdict{kind: Refuse, code: Declined, close: true, person: true}
	case reply.Action != Accept:
		return verdict{kind: NeedsTerminal, code: NoAnswer, close: true}
	case !now.Before(st.Expires):
		return verdict{kind: Refuse, code: Expired, close: true, person: true}
	case st.Digest != r.Digest:
		return verdict{kind: Ask, code: Stale, changed: changed(st.Facts, r.Facts), close: true, person: true}
	case r.Irreversible && strings.TrimSpace(reply.Typed) == r.App, !r.Irreversible && reply.Ticked:
		return verdict{kind: Proceed, person: true}
	case st.Reasked:
		return verdict{kind: Refuse, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
	}
	return verdict{kind: Ask, code: NotConfirmed, typed: reply.Typed, close: true, person: true}
}

// ask gives out a question, or sends to the terminal where none can be asked.
func (g *Gate) ask(r Request, channel Channel, code Code, out Outcome, reasked bool, now time.Time) Outcome {
	switch {
	case !g.elicitAllowed(channel):
		return g.toTerminal(r, channel, code, now)
	case !r.CanAsk:
		return g.toTerminal(r, channel, Unavailable, now)
	case r.TooLong:
		out := g.toTerminal(r, channel, Unavailable, now)
		out.TooLong = true
		return out
	case g.asked(r.key(), now) >= maxUnanswered:
		return g.toTerminal(r, channel, NoAnswer, now)
	}
	st := state{
		Version: 1, Tool: r.Tool, App: r.App, Caller: r.Caller, Digest: r.Digest, Nonce: newNonce(),
		Issued: now, Expires: now.Add(g.AnswerWithin), Reasked: reasked, Facts: sums(r.Facts),
	}
	sealed, err := g.Sealer.seal(st)
	if err != nil {
		return Outcome{Code: Internal, Err: err}
	}
	g.count(r.key(), now)
	out.Kind, out.Code, out.State, out.Expires = Ask, code, sealed, st.Expires
	return out
}

func (g *Gate) proceed(r Request, by Approval, nonce string, expires time.Time) Outcome {
	use := Use{Nonce: nonce, Expires: expires, Tool: r.Tool, App: r.App, Caller: r.Caller, Digest: r.Digest, Approval: by}
	return Outcome{Kind: Proceed, commit: func() (*Grant, error) {
		if r.Gated {
			fresh, err := g.Ledger.Burn(use)
			if err != nil {
				return nil, fmt.Errorf("record the approval: %w", err)
			}
			if !fresh {
				return nil, ErrReplayed
			}
		}
		return newGrant(r.Steps, by), nil
	}}
}

// TimedOut tells the gate that a question asked inside a call got no answer in
// time, and gives the outcome: the terminal, with what could not be asked.
func (g *Gate) TimedOut(r Request, state string) Outcome {
	now := g.Now()
	if st, err := g.Sealer.open(state); err == nil {
		g.close(st.Nonce, now.Add(memory))
	}
	rule, _ := g.Policy.match(r.Tool, r.App)
	return g.toTerminal(r, Channel(rule.Channel), NoAnswer, now)
}

// CameLate notes that a yes arrived after its limit: the next outcome for the
// same call says so.
func (g *Gate) CameLate(r Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late[r.key()] = g.Now()
}

func (g *Gate) takeLate(key string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.late[key]
	delete(g.late, key)
	return ok && now.Sub(at) < memory
}

// count notes a question that was given out; asked tells how many are open.
func (g *Gate) count(key string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.unanswered[key]
	g.unanswered[key] = tally{t.n + 1, now}
}

func (g *Gate) asked(key string, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, t := range g.unanswered {
		if now.Sub(t.last) > memory {
			delete(g.unanswered, k)
		}
	}
	return g.unanswered[key].n
}

func (g *Gate) answer(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.unanswered, key)
}

// close makes a question unanswerable for as long as an answer could count.
func (g *Gate) close(nonce string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[nonce] = until.Add(memory)
}

func (g *Gate) used(nonce string, now time.Time) bool {
	if g.Ledger.Burnt(nonce) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, until := range g.closed {
		if now.After(until) {
			delete(g.closed, n)
		}
	}
	_, ok := g.closed[nonce]
	return ok
}

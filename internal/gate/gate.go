// Package gate decides whether a planned change may happen, and who must be
// asked first. It knows strings and digests: nothing of Fly, nothing of MCP.
//
// A tool brings a [Request] (its plan) to [Gate.Decide] and gets an [Outcome]:
// proceed, ask this question, or refuse with a code. An answer comes back as a
// [Reply], which [Gate.Receive] judges by the moment it arrived, before anything
// is waited for; a yes then goes to a further Decide with the plan as it is by
// then. [Outcome.Commit] burns the approval in the ledger, durably, and only then
// hands out the [Grant] without which no client method changes anything.
//
//	plan → Decide → Ask ─ Receive ─ plan again → Decide → Proceed → Commit → Grant
//	                 └─ terminal: a ticket, a signed answer, and the same call again
//
// What never counts as approval: an argument the model could have invented, an
// answer that came faster than a person reads, an answer to a plan that has
// changed since, an answer that was used before, an answer to a question that is
// older than a no to the same plan.
package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	return "", fmt.Errorf("approval %q must be one of auto, elicit, terminal, deny", s)
}

const (
	// tooFast is what no person needs to read a question: a quicker answer came
	// from a program (client hooks, auto-approval modes, clients without a UI).
	tooFast = 2 * time.Second
	// formLife is how long a yes in a form counts after it arrived.
	formLife = 5 * time.Minute
	// maxUnanswered questions, then the terminal is offered instead.
	maxUnanswered = 2
	// memory is how long unanswered questions, late and closed ones are remembered.
	memory = time.Hour
)

// Request is one plan at the gate.
type Request struct {
	Tool, App    string
	Call         string // what was called; plans of different calls are not versions of each other
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
	Retried      bool   // the call repeats an asked one without an answer: ask again, look for no yes elsewhere
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
	State   string // as it was given out
	Action  Action
	Ticked  bool      // the box, for what can be undone
	Typed   string    // the app's name, for what cannot
	Arrived time.Time // when its bytes were read; an answer without this time counts as a program's
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
	Until   time.Time // Declined: the same plan is not asked again before
	TooFast bool      // the answer came before a person could have read the question
	TooLong bool      // a form cannot show the plan whole
	NoKey   bool      // a terminal could be used if an approver's key existed
	Err     error     // what failed, for the log
	Late    bool      // an earlier yes came after its limit and was not used

	commit func() (*Grant, error)
}

// Errors of [Outcome.Commit].
var (
	// ErrReplayed means that the approval had been used when it was to be burnt.
	ErrReplayed = errors.New("approval was used before")
	// ErrCapReached means that other plans used up a policy rule's limit per hour
	// between the decision and its commit.
	ErrCapReached = errors.New("the policy rule's limit per hour is reached")
	// ErrWithdrawn means that a person said no to the plan after its approval had
	// been asked for.
	ErrWithdrawn = errors.New("a person said no to the plan")
)

// Commit uses the approval up, durably, and hands out the grant. It may be
// called once, and only for Proceed. [ErrReplayed], [ErrCapReached],
// [ErrWithdrawn], [ErrExpired] and every other error mean that nothing may be
// changed.
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
	Asked    time.Time // when it was asked for: a no to the plan since then withdraws it
	Limit    int       // how often the rule Approval.By may approve in an hour; 0: no limit
	Tool     string
	App      string
	Caller   string
	Digest   string
	Approval Approval
}

// Ledger remembers durably which approvals were used and which plans were
// declined, for all processes that share it.
type Ledger interface {
	// Burn records a use, synced to disk, before it returns. Checking and
	// recording are one act among all processes: [ErrReplayed] if the nonce was
	// burnt before, [ErrCapReached] if Limit uses of the rule are recorded within
	// the last hour, [ErrWithdrawn] if the plan was declined at or after Asked. On
	// an error nothing is recorded.
	Burn(use Use) error
	// Burnt reports whether a nonce was used.
	Burnt(nonce string) bool
	// Uses counts what a policy rule approved since a time.
	Uses(rule string, since time.Time) (int, error)
	// Deny records a person's no. It sets the time.
	Deny(no Denial) error
	// Denied gives the last no to a plan, for as long as an approval that is
	// older could still be used. ok is false if there is none.
	Denied(tool, app, digest string) (no Denial, ok bool, err error)
}

// Options make a [Gate].
type Options struct {
	Mode   Mode
	Policy Policy
	// Keys gives the approvers' public keys as they are now; nil: there are none.
	Keys     func() []PublicKey
	Sealer   *Sealer   // nil: a random key that dies with the process
	Requests *Requests // nil: no terminal
	Ledger   Ledger
	// Installation names this installation in signatures: one that a person made
	// for another fits nothing here.
	Installation string
	AnswerWithin time.Duration // how long an answer in the client counts
	Now          func() time.Time
}

// FixedKeys are keys that never change.
func FixedKeys(keys ...PublicKey) func() []PublicKey {
	return func() []PublicKey { return slices.Clone(keys) }
}

// Gate is safe for concurrent use.
type Gate struct {
	Options
	id         string // of this gate, in the states that it seals
	mu         sync.Mutex
	unanswered map[string]tally     // questions without an answer, by request key
	late       map[string]time.Time // a yes that came too late
	closed     map[string]time.Time // nonces of questions that were answered otherwise
	deliveries map[string]*delivery // questions and when they were handed to the transport, by nonce
	denials    map[planKey]Denial   // the last no to each plan, should the ledger fail
	reported   map[string]bool      // tickets with the digests for which they were called stale
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
	if o.Keys == nil {
		o.Keys = FixedKeys()
	}
	return &Gate{
		Options: o, id: newNonce(),
		unanswered: map[string]tally{}, late: map[string]time.Time{}, closed: map[string]time.Time{},
		deliveries: map[string]*delivery{}, denials: map[planKey]Denial{}, reported: map[string]bool{},
	}
}

// Decide is the state machine. answer is nil when none came with the call.
//
// An answer is all that counts in the call it came with: whatever it is, no
// other channel's yes is looked for.
func (g *Gate) Decide(r Request, answer *Answer) Outcome {
	now := g.Now()
	out := g.decide(r, answer, now)
	out.Late = g.takeLate(r.key(), now)
	return out
}

func (g *Gate) decide(r Request, answer *Answer, now time.Time) Outcome {
	rule, ruled := g.Policy.match(r.Tool, r.App)
	channel := Channel(rule.Channel)
	switch {
	case answer.Used():
		return Outcome{Code: Replayed}
	case answer.No():
		return Outcome{Code: Declined, Until: now.Add(declineLife), Err: answer.err}
	case ruled && rule.Decision == "block":
		return Outcome{Code: Blocked, Reason: rule.Name}
	case !r.Gated && (answer == nil || answer.Yes()):
		return g.proceed(r, Use{Nonce: newNonce(), Expires: now.Add(memory), Asked: now, Approval: Approval{Channel: ChannelNone}}, time.Time{})
	}
	if out, no := g.findRejection(r, now); no {
		return out
	}
	if out, no := g.findDenial(r, now); no {
		return out
	}
	if answer == nil && ruled && rule.Decision == "auto" && g.Policy.covers(rule, r) {
		return g.approveByRule(r, rule, now)
	}
	if g.Mode == ModeDeny {
		return Outcome{Code: Blocked, Reason: "this server was started with --approval deny"}
	}
	if answer != nil {
		return g.decideByAnswer(r, channel, answer, now)
	}
	if !r.Retried && g.terminalAllowed(channel) {
		if out, done := g.findApproval(r, now); done {
			return out
		}
	}
	return g.ask(r, channel, "", Outcome{}, false, now)
}

// byRule approves by a rule of the policy, within its limit.
func (g *Gate) approveByRule(r Request, rule Rule, now time.Time) Outcome {
	if rule.LimitPerHour > 0 {
		n, err := g.Ledger.Uses(rule.Name, now.Add(-time.Hour))
		if err != nil {
			return Outcome{Code: Internal, Err: fmt.Errorf("count the uses of a policy rule: %w", err)}
		}
		if n >= rule.LimitPerHour {
			return Outcome{Code: Blocked, Reason: fmt.Sprintf("%s: %d per hour", rule.Name, rule.LimitPerHour)}
		}
	}
	return g.proceed(r, Use{
		Nonce: newNonce(), Expires: now.Add(memory), Asked: now, Limit: rule.LimitPerHour, Approval: Approval{ChannelPolicy, rule.Name},
	}, time.Time{})
}

func (g *Gate) terminalAllowed(channel Channel) bool {
	return g.Mode != ModeElicit && channel != ChannelElicitation
}

func (g *Gate) elicitAllowed(channel Channel) bool {
	return g.Mode != ModeTerminal && channel != ChannelTerminal
}

// ask gives out a question, or sends to the terminal where none can be asked.
func (g *Gate) ask(r Request, channel Channel, code Code, out Outcome, reasked bool, now time.Time) Outcome {
	switch {
	case !g.elicitAllowed(channel):
		return g.sendToTerminal(r, channel, code, now)
	case !r.CanAsk:
		return g.sendToTerminal(r, channel, Unavailable, now)
	case r.TooLong:
		out := g.sendToTerminal(r, channel, Unavailable, now)
		out.TooLong = true
		return out
	case g.countUnanswered(r.key(), now) >= maxUnanswered:
		return g.sendToTerminal(r, channel, NoAnswer, now)
	}
	st := state{
		Version: 1, Gate: g.id, Tool: r.Tool, App: r.App, Caller: r.Caller, Digest: r.Digest, Nonce: newNonce(),
		Issued: now, Expires: now.Add(g.AnswerWithin), Reasked: reasked, Facts: sumFacts(r.Facts),
	}
	sealed, err := g.Sealer.seal(st)
	if err != nil {
		return Outcome{Code: Internal, Err: err}
	}
	g.noteQuestion(r.key(), now)
	out.Kind, out.Code, out.State, out.Expires = Ask, code, sealed, st.Expires
	return out
}

// proceed lets a plan through, once, and until a time; zero: without a limit.
func (g *Gate) proceed(r Request, use Use, until time.Time) Outcome {
	use.Tool, use.App, use.Caller, use.Digest = r.Tool, r.App, r.Caller, r.Digest
	return Outcome{Kind: Proceed, commit: func() (*Grant, error) {
		if r.Gated {
			if !until.IsZero() && !g.Now().Before(until) {
				return nil, ErrExpired
			}
			// A no in the terminal may have come since the decision; the ledger does
			// not have it yet.
			if err := g.checkNotWithdrawn(r, use.Asked); err != nil {
				return nil, err
			}
			if err := g.Ledger.Burn(use); err != nil {
				return nil, fmt.Errorf("record the approval: %w", err)
			}
		}
		return newGrant(r.Steps, use.Approval), nil
	}}
}

// TimedOut tells the gate that a question asked inside a call got no answer in
// time, and gives the outcome: the terminal, with what could not be asked.
func (g *Gate) TimedOut(r Request, sealed string) Outcome {
	now := g.Now()
	if st, err := g.Sealer.open(sealed); err == nil {
		g.closeQuestion(st.Nonce, now.Add(memory))
	}
	if out, no := g.findDenial(r, now); no { // in another call
		return out
	}
	rule, _ := g.Policy.match(r.Tool, r.App)
	return g.sendToTerminal(r, Channel(rule.Channel), NoAnswer, now)
}

func (g *Gate) takeLate(key string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.late[key]
	delete(g.late, key)
	return ok && now.Sub(at) < memory
}

// count notes a question that was given out; asked tells how many are open.
func (g *Gate) noteQuestion(key string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.unanswered[key]
	g.unanswered[key] = tally{t.n + 1, now}
}

func (g *Gate) countUnanswered(key string, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, t := range g.unanswered {
		if now.Sub(t.last) > memory {
			delete(g.unanswered, k)
		}
	}
	return g.unanswered[key].n
}

func (g *Gate) forgetUnanswered(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.unanswered, key)
}

// close makes a question unanswerable for as long as an answer could count.
func (g *Gate) closeQuestion(nonce string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[nonce] = until.Add(memory)
}

// isClosed reports whether a question was answered already, or given up.
func (g *Gate) isClosed(nonce string, now time.Time) bool {
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

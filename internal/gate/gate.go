// Package gate decides whether a planned change may happen, and who must be
// asked first. It knows strings and digests: nothing of Fly, nothing of MCP.
//
// A tool gives a [Request] (its plan) to [Gate.Decide] and gets an [Outcome]:
// proceed, ask this question, or refuse with a code. An answer comes back as a
// [Reply]. [Gate.Receive] judges it by when it arrived; a yes goes to Decide again,
// with the plan as it is then. [Outcome.Commit] records the approval as used in
// the ledger, durably, and only then returns the [Grant] that every client method
// needs to change anything.
//
//	plan → Decide → Ask ─ Receive ─ plan again → Decide → Proceed → Commit → Grant
//	                 └─ terminal: a ticket, a signed answer, and the same call again
//
// These never count as approval: an argument that the model could have invented,
// an answer that came faster than a person can read, an answer to a plan that has
// changed since, an answer that was already used, and an answer to a question
// that was asked before a person said no to the same plan.
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

// Mode says how questions may be answered (--approval).
type Mode string

// The modes. ModeAuto asks in the client if it can, otherwise in a terminal.
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
	// tooFast is less than any person needs to read a question: a faster answer came
	// from a program (client hooks, auto-approval modes, clients without a UI).
	tooFast = 2 * time.Second
	// formLife is how long a yes in a form counts after it arrives.
	formLife = 5 * time.Minute
	// maxUnanswered is how many questions may stay unanswered before the terminal is
	// offered instead.
	maxUnanswered = 1
	// memory is how long unanswered, late and closed questions are remembered.
	memory = time.Hour
)

// Request is one plan that needs a decision.
type Request struct {
	Tool, App    string
	Call         string // identifies the call: plans of different calls are unrelated
	Caller       string // who asks; approvals are bound to it; never a secret
	Asker, From  string // the caller and the server, as shown to the person
	Digest       string // of the plan
	Facts        []Fact
	Steps        []Step   // what the Grant will hold
	Hazards      []string // what a policy must accept
	Gated        bool     // the plan needs an approval
	Irreversible bool     // the person types the app's name instead of ticking a box
	TooLong      string   // why a form cannot show the whole plan, so that no form may approve it; empty if one can
	Plan         json.RawMessage
	CanAsk       bool   // the client can ask a person
	Code         string // an approval code that came with the call
	Retried      bool   // the call repeats one whose question was not answered: ask again
}

func (r Request) key() string { return strings.Join([]string{r.Caller, r.Tool, r.App}, "\x00") }

// Action is what the person did with a form, as MCP names it.
type Action string

// The three actions.
const (
	Accept  Action = "accept"
	Decline Action = "decline"
	Cancel  Action = "cancel"
)

// Reply is an answer to a question that [Gate.Decide] returned.
type Reply struct {
	State   string // Outcome.State of the question
	Action  Action
	Ticked  bool      // the box, if the plan can be undone
	Typed   string    // the app's name, if it cannot
	Arrived time.Time // when its bytes were read; zero counts as a program's answer
}

// Kind is what the caller has to do with an [Outcome].
type Kind int

// The kinds. NeedsTerminal refuses until a person approves in a terminal.
const (
	Refuse Kind = iota
	NeedsTerminal
	Ask
	Proceed
)

// Outcome is the gate's answer.
type Outcome struct {
	Kind    Kind
	Code    Code      // Refuse, NeedsTerminal: why; Ask: Stale or NotConfirmed if asking again
	State   string    // Ask: sealed; comes back in Reply.State
	Ticket  string    // NeedsTerminal
	Expires time.Time // when the question or the ticket expires
	Changed []string  // what changed since the plan that was shown
	Typed   string    // what was typed instead of the app's name
	Reason  string    // why a person rejected the plan, or which rule blocked it; untrusted text
	Until   time.Time // Declined: nobody is asked about the plan before this time
	TooFast bool      // the answer came before a person could have read the question
	TooLong string    // why a form cannot show the whole plan; empty if one can
	NoKey   bool      // a terminal could be used if there were an approver's key
	Err     error     // what failed, for the log
	Late    bool      // an earlier yes came too late and was not used

	commit func() (*Grant, error)
}

// Errors of [Outcome.Commit].
var (
	// ErrReplayed means that the approval was already used.
	ErrReplayed = errors.New("the approval was already used")
	// ErrCapReached means that other plans reached a policy rule's limit per hour
	// between the decision and its commit.
	ErrCapReached = errors.New("the policy rule's limit per hour is reached")
	// ErrWithdrawn means that a person said no to the plan after the approval was
	// requested.
	ErrWithdrawn = errors.New("a person said no to the plan")
)

// Commit records the approval as used, durably, and returns the grant. Call it
// once, and only for Proceed. After any error, such as [ErrReplayed],
// [ErrCapReached], [ErrWithdrawn] or [ErrExpired], nothing may be changed.
func (o Outcome) Commit() (*Grant, error) {
	if o.Kind != Proceed || o.commit == nil {
		return nil, fmt.Errorf("commit: %w", ErrNotGranted)
	}
	return o.commit()
}

// Use is the use of one approval.
type Use struct {
	Nonce    string
	Expires  time.Time // the nonce must be remembered until then
	Asked    time.Time // when the approval was requested: a later no withdraws it
	Limit    int       // how often the rule Approval.By may approve per hour; 0: no limit
	Tool     string
	App      string
	Caller   string
	Digest   string
	Approval Approval
}

// Ledger remembers durably which approvals were used and which plans were
// declined, for all processes that share it.
type Ledger interface {
	// Burn records a use, synced to disk, before it returns. It checks and records
	// in one step that no other process can interrupt: [ErrReplayed] if the nonce was
	// already used, [ErrCapReached] if the rule was used Limit times within the last
	// hour, [ErrWithdrawn] if the plan was declined at or after Asked. After an error
	// nothing is recorded.
	Burn(use Use) error
	// IsBurnt reports whether a nonce was used.
	IsBurnt(nonce string) bool
	// CountUses counts what a policy rule approved since a time.
	CountUses(rule string, since time.Time) (int, error)
	// Deny records a person's no, at the current time.
	Deny(denial Denial) error
	// LastDenial returns the last no to a plan, for as long as an older approval could
	// still be used. ok is false if there is none.
	LastDenial(tool, app, digest string) (denial Denial, ok bool, err error)
}

// Options configure a [Gate].
type Options struct {
	Mode   Mode
	Policy Policy
	// Keys returns the approvers' public keys as they are now; nil: there are none.
	Keys     func() []PublicKey
	Sealer   *Sealer   // nil: a random key for this process
	Requests *Requests // nil: no approval in a terminal
	Ledger   Ledger
	// Installation identifies this installation in signatures: a signature for
	// another one is not valid here.
	Installation string
	AnswerWithin time.Duration // how long a person has to answer in the client
	Now          func() time.Time
}

// FixedKeys returns a function for [Options.Keys] with keys that never change.
func FixedKeys(keys ...PublicKey) func() []PublicKey {
	return func() []PublicKey { return slices.Clone(keys) }
}

// Gate decides on plans. It is safe for concurrent use.
type Gate struct {
	Options
	id         string // in the states that this gate seals
	mu         sync.Mutex
	unanswered map[string]tally     // questions without an answer, by request key
	late       map[string]time.Time // when a yes came too late, by request key
	closed     map[string]time.Time // nonces of questions that can no longer be answered
	deliveries map[string]*delivery // when questions were handed to the transport, by nonce
	denials    map[planKey]Denial   // the last no to each plan, in case the ledger fails
	reported   map[string]bool      // ticket + digest of approvals reported as stale
}

type tally struct {
	n    int
	last time.Time
}

// New returns a gate.
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

// Decide decides on a plan. answer is nil if none came with the call. If one did,
// it alone counts: a yes through another channel is not looked for.
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
	case answer.IsUsed():
		return Outcome{Code: Replayed}
	case answer.IsNo():
		return Outcome{Code: Declined, Until: now.Add(declineLife), Err: answer.err}
	case ruled && rule.Decision == "block":
		return Outcome{Code: Blocked, Reason: rule.Name}
	case !r.Gated && (answer == nil || answer.IsYes()):
		return g.proceed(r, Use{
			Nonce: newNonce(), Expires: now.Add(memory), Asked: now, Approval: Approval{Channel: ChannelNone},
		}, time.Time{})
	}
	if out, rejected := g.findRejection(r, now); rejected {
		return out
	}
	if out, declined := g.findDenial(r, now); declined {
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
		if out, found := g.findApproval(r, now); found {
			return out
		}
	}
	return g.ask(r, channel, "", Outcome{}, false, now)
}

// approveByRule approves a plan by a rule of the policy, within its limit.
func (g *Gate) approveByRule(r Request, rule Rule, now time.Time) Outcome {
	if rule.LimitPerHour > 0 {
		n, err := g.Ledger.CountUses(rule.Name, now.Add(-time.Hour))
		if err != nil {
			return Outcome{Code: Internal, Err: fmt.Errorf("count the uses of a policy rule: %w", err)}
		}
		if n >= rule.LimitPerHour {
			return Outcome{Code: Blocked, Reason: fmt.Sprintf("%s: %d per hour", rule.Name, rule.LimitPerHour)}
		}
	}
	return g.proceed(r, Use{
		Nonce: newNonce(), Expires: now.Add(memory), Asked: now, Limit: rule.LimitPerHour,
		Approval: Approval{ChannelPolicy, rule.Name},
	}, time.Time{})
}

func (g *Gate) terminalAllowed(channel Channel) bool {
	return g.Mode != ModeElicit && channel != ChannelElicitation
}

func (g *Gate) elicitAllowed(channel Channel) bool {
	return g.Mode != ModeTerminal && channel != ChannelTerminal
}

// ask returns a question, or the terminal if the client cannot be asked.
func (g *Gate) ask(r Request, channel Channel, code Code, out Outcome, reasked bool, now time.Time) Outcome {
	switch {
	case !g.elicitAllowed(channel):
		return g.sendToTerminal(r, channel, code, now)
	case !r.CanAsk:
		return g.sendToTerminal(r, channel, Unavailable, now)
	case r.TooLong != "":
		out := g.sendToTerminal(r, channel, Unavailable, now)
		out.TooLong = r.TooLong
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

// proceed returns an outcome that lets a plan through once, until a time; zero
// means without a limit.
func (g *Gate) proceed(r Request, use Use, until time.Time) Outcome {
	use.Tool, use.App, use.Caller, use.Digest = r.Tool, r.App, r.Caller, r.Digest
	return Outcome{Kind: Proceed, commit: func() (*Grant, error) {
		if r.Gated {
			if !until.IsZero() && !g.Now().Before(until) {
				return nil, ErrExpired
			}
			// A no in the terminal may have come since the decision; the ledger does not
			// know it yet.
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

// CloseUnanswered closes a question that got no answer within its call. The outcome is
// the terminal, or a refusal if the plan was declined in the meantime.
func (g *Gate) CloseUnanswered(r Request, sealed string) Outcome {
	now := g.Now()
	if st, err := g.Sealer.open(sealed); err == nil {
		g.closeQuestion(st.Nonce, now.Add(memory))
	}
	if out, declined := g.findDenial(r, now); declined { // in another call
		return out
	}
	rule, _ := g.Policy.match(r.Tool, r.App)
	return g.sendToTerminal(r, Channel(rule.Channel), NoAnswer, now)
}

// takeLate reports, once, whether a yes came too late.
func (g *Gate) takeLate(key string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.late[key]
	delete(g.late, key)
	return ok && now.Sub(at) < memory
}

// noteQuestion counts a question that was asked.
func (g *Gate) noteQuestion(key string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.unanswered[key]
	g.unanswered[key] = tally{t.n + 1, now}
}

// countUnanswered returns how many questions were not answered.
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

// forgetUnanswered starts the count again after a person answered.
func (g *Gate) forgetUnanswered(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.unanswered, key)
}

// closeQuestion makes a question unanswerable for as long as an answer could count.
func (g *Gate) closeQuestion(nonce string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[nonce] = until.Add(memory)
}

// isClosed reports whether a question was already answered, or timed out.
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

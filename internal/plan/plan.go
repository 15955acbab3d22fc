// Package plan holds the values of plan, approve, apply, verify: what a tool wants to do and
// why ([Plan]), what a person is asked ([Question]), and what happened ([Result]). It does
// nothing itself. Hazards, verbs and other words are explained in tables (words.go); the
// package that makes a plan has the rest of its question (a [Wording]).
//
// A Plan's [Plan.Digest] covers everything that Apply uses and everything that the question is
// rendered from: what is approved is what is shown and what is done. It leaves out what may
// change while a person reads: run states, checks, leases, times, prices, sentences, order.
package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Plan is everything that one call would change.
type Plan struct {
	Tool    string      `json:"tool"`
	App     string      `json:"app"`
	AppID   string      `json:"app_id"`
	Steps   []Step      `json:"steps"`
	Facts   []gate.Fact `json:"facts"`   // what makes the steps right
	Hazards []Hazard    `json:"hazards"` // what can go wrong for somebody
	Unknown []Unknown   `json:"unknown"` // what could not be checked
	Impact  Impact      `json:"impact"`

	Blockers []Blocker `json:"-"` // why it must not happen as things are; not digested: a blocked plan is never approved
	Gated    bool      `json:"-"` // a question is needed
	Wording  Wording   `json:"-"` // what a person is told, besides what the rest says; that of the tool
}

// Step is one change: a verb, the target that a grant names, and the
// parameters that describe it to a person.
type Step struct {
	Verb    gate.Verb `json:"verb"`
	Target  string    `json:"target"`
	Params  []Param   `json:"params,omitempty"`
	Changes []Change  `json:"changes,omitempty"` // of a Machine's configuration
}

// Param is a named parameter of a step.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Names of parameters.
const (
	ParamKind    = "kind"    // of an address
	ParamGroup   = "group"   // process group of a Machine
	ParamRegion  = "region"  // of a Machine
	ParamMachine = "machine" // id of a Machine
	ParamNetwork = "network" // a Flycast address's network
	ParamOrg     = "org"     // and its organization
	ParamApp     = "app"     // that is created
	ParamReach   = "reach"   // what a WireGuard peer sends to
	ParamUntil   = "until"   // what ends a Machine that is created for a while only
	ParamProve   = "prove"   // why a Machine that has its configuration already is proved
	ParamUndoes  = "undoes"  // the run whose Flycast address is released, in an undo
	ParamEnd     = "end"     // why a Machine that is there now is destroyed
)

// Get returns the first value of a parameter; empty if there is none.
func (s Step) Get(name string) string {
	for _, p := range s.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Shown reports whether the step is an object of the question. What only serves the change of
// a Machine (its lease, a start to test it), what happens only after a failure, and the record
// of a release are said in sentences. A changed configuration is shown whatever the verb.
func (s Step) Shown() bool {
	if len(s.Changes) > 0 {
		return true
	}
	switch s.Verb {
	case gate.AllocateAddress, gate.ReleaseAddress, gate.UpdateMachine, gate.CreateVolume,
		gate.WriteFile, gate.MakeDraft, gate.CreateApp, gate.AddPeer:
		return true
	case gate.CreateMachine:
		return s.Get(ParamUntil) == ""
	case gate.LeaseMachine:
		return s.Get(ParamProve) != ""
	case gate.DestroyMachine:
		return s.Get(ParamEnd) != ""
	}
	return s.Undo() == "" // what is not known is not hidden
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Has reports whether the plan has a hazard.
func (p Plan) Has(h Hazard) bool { return slices.Contains(p.Hazards, h) }

// Fact adds something that makes the steps right.
func (p *Plan) Fact(key, value string) { p.Facts = append(p.Facts, gate.Fact{Key: key, Value: value}) }

// Hazard adds a hazard once.
func (p *Plan) Hazard(h Hazard) {
	if !p.Has(h) {
		p.Hazards = append(p.Hazards, h)
	}
}

// Irreversible reports whether a step cannot be undone, or only partly: the person then types
// the app's name.
func (p Plan) Irreversible() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Shown() && s.Undo() != UndoYes }) ||
		slices.ContainsFunc(p.Hazards, Hazard.Irreversible)
}

// checkHazards returns an error if the plan does something irreversible, or ends access to the
// app, and has no hazard that says so: a policy judges by hazards alone.
func (p Plan) checkHazards() error {
	for _, s := range p.Steps {
		if !s.Shown() || s.Undo() == UndoYes {
			continue
		}
		if h := s.Hazard(); h == "" || !p.Has(h) {
			return fmt.Errorf("plan: no hazard says what %s of %s does", s.Verb, Quote(s.Target))
		}
	}
	switch {
	case p.Impact == ImpactPublicAccessEnds && !p.Has(PublicAccessEnds),
		p.Impact == ImpactUnreachable && !p.Has(AppUnreachable):
		return fmt.Errorf("plan: no hazard says what the impact %s does", p.Impact)
	}
	return nil
}

// encodingVersion begins every canonical encoding. It changes when the meaning of a field
// changes.
const encodingVersion = "flycast-mcp plan v2"

// Digest returns the SHA-256 of the canonical encoding, in hex.
func (p Plan) Digest() string {
	c := p
	// Never nil: null and [] must not make two digests of one plan.
	c.Steps, c.Facts = append([]Step{}, p.Steps...), append([]gate.Fact{}, p.Facts...)
	c.Hazards, c.Unknown = append([]Hazard{}, p.Hazards...), append([]Unknown{}, p.Unknown...)
	slices.SortFunc(c.Facts, func(a, b gate.Fact) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(c.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Target, b.Target),
			slices.CompareFunc(a.Params, b.Params, func(x, y Param) int {
				return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
			}), slices.CompareFunc(a.Changes, b.Changes,
				func(x, y Change) int { return cmp.Compare(x.key(), y.key()) }))
	})
	slices.Sort(c.Hazards)
	slices.Sort(c.Unknown)
	body, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("plan: %v", err)) // strings and slices of strings always marshal
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s", encodingVersion, body)
	return hex.EncodeToString(h.Sum(nil))
}

// Grants returns the plan's steps as a grant holds them.
func (p Plan) Grants() []gate.Step {
	out := make([]gate.Step, len(p.Steps))
	for i, s := range p.Steps {
		out[i] = gate.Step{Verb: s.Verb, App: p.App, Target: s.Target}
	}
	return out
}

// Request returns the plan and its question as they come to the gate, without the caller's
// part. A plan that does not state what it does is an error.
func (p Plan) Request(q Question) (gate.Request, error) {
	if err := p.checkHazards(); err != nil {
		return gate.Request{}, err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return gate.Request{}, fmt.Errorf("plan: %w", err)
	}
	hazards := make([]string, len(p.Hazards))
	for i, h := range p.Hazards {
		hazards[i] = string(h)
	}
	return gate.Request{
		Tool: p.Tool, App: p.App, Digest: p.Digest(), Facts: p.Facts, Steps: p.Grants(), Hazards: hazards,
		Gated: p.Gated, Irreversible: p.Irreversible(), TooLong: q.TooLong(), Plan: body,
	}, nil
}

// Parse reads a plan that a server left for a terminal, with the wording of its tool. Words
// that this version does not know are refused: they could not be shown.
func Parse(data []byte, wordings Wordings) (Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	for _, h := range p.Hazards {
		if h.Sentence() == "" {
			return Plan{}, fmt.Errorf("plan: unknown hazard %q", h)
		}
	}
	for _, u := range p.Unknown {
		if u.Sentence() == "" {
			return Plan{}, fmt.Errorf("plan: unknown word %q among what was not checked", u)
		}
	}
	for _, s := range p.Steps {
		if s.Undo() == "" {
			return Plan{}, fmt.Errorf("plan: unknown verb %q", s.Verb)
		}
	}
	if p.Impact.Sentence(p.App) == "" {
		return Plan{}, fmt.Errorf("plan: unknown impact %q", p.Impact)
	}
	p.Gated, p.Wording = true, wordings[p.Tool]
	return p, nil
}

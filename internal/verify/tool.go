package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Input says what to prove of an app.
type Input struct {
	App    string
	File   *flytoml.File // what the Machines should have; nil: unknown
	Claims []Claim       // empty: all but sleeps
}

// wants reports whether a claim is to be proved.
func (in Input) wants(c Claim) bool {
	if len(in.Claims) == 0 {
		return c != Sleeps
	}
	return slices.Contains(in.Claims, c)
}

// needsInside reports whether a claim needs a place inside the network.
func (in Input) needsInside() bool {
	return in.wants(Resolves) || in.wants(Answers) || in.wants(Wakes) || in.wants(NoRedirect)
}

// Result is what the tool answers.
type Result struct {
	plan.Result
	Vantage string  `json:"vantage,omitempty" jsonschema:"where requests came from"`
	Claims  []Proof `json:"claims,omitempty"`
}

// Work is a planned check.
type Work struct {
	in     Input
	app    rules.Snapshot
	target Target
	before Report
}

// Proposal is a check that may be carried out.
type Proposal = plan.Proposal[Work, Result]

// Plan proves what needs no peer. If that is all that can be proved, the plan is empty and the
// result is in its Out.
func (v *Verifier) Plan(ctx context.Context, in Input) (Proposal, error) {
	var out Proposal
	s, err := v.Read(ctx, in.App)
	if err != nil {
		return out, err
	}
	out.Plan = plan.Plan{Tool: Tool, App: in.App, AppID: s.Addresses.App.ID, Impact: plan.ImpactNone, Wording: Wording{}}
	rules.AddressFacts(&out.Plan, s.Addresses.List)
	before := v.Configured(ctx, s, in.File)
	target := v.TargetOf(s, OwnNetwork(s))
	if in.needsInside() && target.ok {
		v.AddSteps(&out.Plan, target)
		out.Summary = fmt.Sprintf("Would check %s from inside its private network.", in.App)
		out.Work = Work{in: in, app: s, target: target, before: before}
		return out, nil
	}
	if in.needsInside() {
		before.Join(Unproven(s, v.why(s)))
	}
	out.Out = v.result(ctx, in, s, before)
	out.Nothing, out.Next = out.Out.Summary, out.Out.Next
	return out, nil
}

// why says why no peer can be added.
func (v *Verifier) why(s rules.Snapshot) string {
	_, has := flycastFor(s)
	switch {
	case !has:
		return "the app has no Flycast address"
	case v.Peers == nil:
		return "this server is read-only and adds no WireGuard peer"
	case v.Mode == Never:
		return "this server was started with --verify never"
	case v.Mode == Unapproved:
		return "no person approved a WireGuard peer"
	case len(rules.PlainTargets(s)) == 0:
		return "no service has a port without TLS"
	}
	return "the address is on a network of another organization"
}

// Apply proves the rest from inside the network.
func (v *Verifier) Apply(ctx context.Context, w Work, grant *gate.Grant, report plan.Report) (Result, error) {
	report(plan.Progress{Of: 1, Doing: "joining the private network and asking the app"})
	all := w.before
	all.Join(v.Ask(ctx, grant, w.target, w.app))
	if w.before.Is(Listens) == NotVerified { // the request may have started the first Machine that can be looked into
		if now, err := v.Read(ctx, w.in.App); err == nil {
			all.Proofs = append(all.Proofs, listens(now))
		}
	}
	return v.result(ctx, w.in, w.app, all), nil
}

// result ends a check.
func (v *Verifier) result(ctx context.Context, in Input, s rules.Snapshot, r Report) Result {
	if in.wants(GoneOutside) {
		r.Join(v.Outside(ctx, in.App, nil))
	}
	r = r.Settled()
	r.Proofs = slices.DeleteFunc(r.Proofs, func(p Proof) bool { return !in.wants(p.Claim) })
	out := Result{Vantage: r.Vantage, Claims: r.Proofs}
	out.App, out.Status, out.Reach = in.App, plan.Applied, plan.Shortened(s.Reach())
	r.Fill(&out.Result)
	out.Summary = summary(in.App, r)
	out.Next = next(s, r)
	return out
}

// summary says what was proved, in one sentence.
func summary(app string, r Report) string {
	count := func(v Verdict) (n int, names []string) {
		for _, p := range r.Proofs {
			if p.Verdict == v {
				names = append(names, string(p.Claim))
			}
		}
		return len(names), names
	}
	var parts []string
	if n, names := count(Refuted); n > 0 {
		parts = append(parts, "REFUTED: "+strings.Join(names, ", "))
	}
	if n, names := count(Verified); n > 0 {
		parts = append(parts, "verified: "+strings.Join(names, ", "))
	}
	if n, names := count(NotVerified); n > 0 {
		parts = append(parts, "not verified: "+strings.Join(names, ", "))
	}
	return app + ": " + strings.Join(parts, "; ") + "."
}

// next returns what to do about what is not proved.
func next(s rules.Snapshot, r Report) []plan.Next {
	if len(r.Lines(Refuted)) > 0 {
		if steps := s.Next(); len(steps) > 0 {
			return steps
		}
		return []plan.Next{{Who: "person", Command: "fly logs -a " + s.Addresses.App.Name + " --no-tail",
			Why: "shows why the app does not answer as it should"}}
	}
	var out []plan.Next
	for _, command := range r.Commands {
		out = append(out, plan.Next{Who: "person", Command: command, Why: "checks by hand what was not verified"})
	}
	return out
}

// Wording is what a person is told about a check: a [plan.Wording].
type Wording struct{}

// Title says what is checked.
func (Wording) Title(p plan.Plan) string {
	return fmt.Sprintf("Join the private network of %s to check whether it answers?", plan.Line(p.App))
}

// Effect says what the peer could reach, and what it does.
func (Wording) Effect(p plan.Plan, d plan.Detail) []string {
	return append([]string{p.ImpactSentence()}, append(p.HazardSentences(d), Effects()...)...)
}

// Effects returns what a person must know about a temporary peer, besides its step.
func Effects() []string {
	return []string{"Fly would let such a peer reach everything on that network; this one sends GET / to the app, and takes " +
		"answers from the app and the resolver alone"}
}

// NotDone says that nothing of the app changes.
func (Wording) NotDone(plan.Plan, plan.Detail) []string {
	return []string{"no Machine is stopped; no address and no configuration changes"}
}

// Undo says that the peer is removed.
func (Wording) Undo(plan.Plan) []string {
	return []string{"the peer is removed after the check; if that fails, the result has the command"}
}

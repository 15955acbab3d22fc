package private

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// Plan finds out what is left to do, from what Fly says now. Nothing is changed.
func (m *Maker) Plan(ctx context.Context, in Input) (Proposal, error) {
	if err := in.check(); err != nil {
		return Proposal{}, err
	}
	s, err := rules.Read(ctx, m.Client, in.App)
	if err != nil {
		return Proposal{}, err
	}
	if !s.MachinesKnown {
		return Proposal{}, &plan.Problem{
			Code: gate.Unauthorized, Message: "this token is not allowed to read the app's Machines",
			Hint: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", in.App),
		}
	}
	s.Listening = rules.ReadListening(ctx, m.Client, s)
	if p, stops := stopFirst(in, s); stops {
		return p, nil
	}
	p, err := m.parts(ctx, in, s)
	if err != nil {
		return Proposal{}, err
	}
	out := p.proposal()
	if out.Plan.Empty() || len(out.Plan.Blockers) > 0 {
		return out, nil
	}
	out.Out.Callers = m.Callers.find(ctx, m.Client, s, p.hostnames())
	out.Work.result.Callers = out.Out.Callers
	return out, nil
}

// parts are the plans of the stages.
type parts struct {
	in       Input
	app      rules.Snapshot
	allocate address.AllocateProposal
	edit     patch.Proposal
	deploy   deploy.Proposal
	release  address.ReleaseProposal
	proof    plan.Plan // the steps of the check
	target   verify.Target
	order    []stage
	silent   bool // nothing reaches the app from the release to the end of the deploy
}

// parts plans each stage as if those before it were done.
func (m *Maker) parts(ctx context.Context, in Input, s rules.Snapshot) (p parts, err error) {
	p.in, p.app = in, s
	p.allocate, err = m.Allocator.PlanFrom(ctx, s, address.AllocateInput{App: in.App, Network: in.Network})
	if err != nil {
		return p, err
	}
	editor := *m.Editor
	editor.Client = frozen{editor.Client, s}
	p.edit, err = editor.Plan(ctx, patch.Input{App: in.App, Path: in.Path, Content: in.Content, Autostop: in.autostop(),
		MinMachines: in.minimum()})
	if err != nil {
		return p, err
	}
	file, base, err := p.edit.Work.Files()
	if err != nil {
		return p, err
	}
	p.deploy, err = m.Deployer.PlanFrom(ctx, s, deploy.Input{App: in.App, File: file, Base: base, Path: in.Path})
	if err != nil {
		return p, err
	}
	first := in.Order == ReleaseFirst || !s.HasServices() && s.Exposed() == rules.No
	before := p.deploy.Work.After()
	if first {
		before = s
	}
	before.Addresses.List = slices.Clone(before.Addresses.List)
	if !p.allocate.Plan.Empty() {
		before.Addresses.List = append(before.Addresses.List, p.allocate.Work.Planned())
		before.ForeignApproved = before.ForeignApproved || in.Network != ""
	}
	before.Listening = s.Listening
	p.release, err = m.Releaser.PlanFrom(ctx, before, address.ReleaseInput{App: in.App, AllowUnreachable: first})
	if err != nil {
		return p, err
	}
	then := p.deploy.Work.After()
	then.Addresses.List, then.ForeignApproved = before.Addresses.List, before.ForeignApproved
	p.target = m.Verifier.TargetOf(then, verify.OwnNetwork(s))
	m.Verifier.AddSteps(&p.proof, p.target)
	p.silent = first && p.release.Plan.Has(plan.AppUnreachable)
	p.order = []stage{allocating, writing, deploying, proving, releasing}
	if first {
		p.order = []stage{allocating, releasing, writing, deploying, proving}
	}
	p.order = slices.DeleteFunc(p.order, func(s stage) bool { return len(p.steps(s)) == 0 })
	if slices.Equal(p.order, []stage{proving}) {
		p.order = nil // verify_private does that
	}
	return p, nil
}

// steps returns the steps of a stage.
func (p parts) steps(s stage) []plan.Step {
	switch s {
	case allocating:
		return p.allocate.Plan.Steps
	case writing:
		if p.in.Path == "" {
			return nil // the edited text is only deployed
		}
		return p.edit.Plan.Steps
	case deploying:
		return p.deploy.Plan.Steps
	case proving:
		return p.proof.Steps
	case releasing:
		return p.release.Plan.Steps
	}
	return nil
}

// proposal puts the parts together.
func (p parts) proposal() Proposal {
	var out Proposal
	out.Plan = p.plan()
	out.Out = p.planned()
	out.Nothing, out.Next = p.nothing()
	if len(out.Plan.Blockers) > 0 {
		out.Next = decide(p.app, out.Plan.Blockers)
	}
	out.Summary = fmt.Sprintf("Would make %s private: %s.", p.in.App, joined(p.order))
	if p.silent {
		out.Summary += " NOTHING REACHES IT from the release until the deploy is done"
		if p.deploy.Out.Expected != "" {
			out.Summary += ": " + p.deploy.Out.Expected
		}
		out.Summary += "."
	}
	if !out.Plan.Question().Fits() && slices.Contains(p.order, releasing) && !p.silent {
		out = p.withoutRelease(out)
	}
	out.Before = p.saved
	out.Work = Work{
		in: p.in, stages: p.order, parts: p, edit: p.edit, result: out.Out,
		release: address.ReleaseInput{App: p.in.App, AllowUnreachable: p.silent},
	}
	return out
}

// withoutRelease returns the first half of a journey whose question is too long for a form: the
// release is a call, and a question, of its own.
func (p *parts) withoutRelease(was Proposal) Proposal {
	p.order = slices.DeleteFunc(p.order, func(s stage) bool { return s == releasing })
	if len(p.order) == 0 {
		return was
	}
	p.release = address.ReleaseProposal{}
	out := p.proposal()
	out.Summary += " The release is asked separately afterwards: one form cannot hold both."
	return out
}

// plan returns the plans of the stages as one.
func (p parts) plan() plan.Plan {
	all := plan.Plan{Tool: MakeTool, App: p.in.App, AppID: p.app.Addresses.App.ID, Gated: true, Wording: Wording{},
		Impact: p.deploy.Plan.Impact}
	if impact := p.release.Plan.Impact; impact != "" && impact != plan.ImpactNone {
		all.Impact = impact
	}
	if len(p.deploy.Plan.Steps) == 0 && (all.Impact == plan.ImpactRestart || all.Impact == plan.ImpactBriefOutage) {
		all.Impact = plan.ImpactNone
	}
	var findings plan.Findings
	for _, s := range p.order {
		all.Steps = append(all.Steps, p.steps(s)...)
	}
	for _, part := range []plan.Plan{p.allocate.Plan, p.edit.Plan, p.deploy.Plan, p.release.Plan, p.proof} {
		for _, f := range part.Facts {
			if !slices.Contains(all.Facts, f) {
				all.Facts = append(all.Facts, f)
			}
		}
		for _, u := range part.Unknown {
			if !slices.Contains(all.Unknown, u) {
				all.Unknown = append(all.Unknown, u)
			}
		}
		findings.Add(plan.Findings{Hazards: part.Hazards, Blockers: part.Blockers})
	}
	if after := p.deploy.Work.After(); !after.HasRouted() && !findings.Blocked(plan.NoServices) {
		findings.Block(plan.Blocker{
			ID: plan.NoServices, What: "the file has no service that Fly Proxy routes to: after its deploy nothing would reach the app",
			Fix: fmt.Sprintf("ask the user which port the app listens on; then patch_services {app: %q, create: \"http\", "+
				"internal_port: …} adds a service to the file", p.in.App),
		})
	}
	all.Hazards, all.Blockers = findings.Hazards, findings.Blockers
	if slices.Contains(p.order, proving) {
		all.Unknown = slices.DeleteFunc(all.Unknown, func(u plan.Unknown) bool { return u == plan.FlycastUnproven })
	}
	all.Fact("order", joined(p.order))
	return all
}

// planned returns the parts' own results.
func (p parts) planned() Result {
	out := Result{
		Diff: p.edit.Out.Diff, Content: p.edit.Out.Content, Changes: p.deploy.Out.Changes,
		Expected: p.deploy.Out.Expected, Machines: p.deploy.Out.Machines, Remaining: p.release.Out.Remaining,
		Verdict: rules.Judge(p.app.Addresses.List),
	}
	for _, s := range p.order {
		out.Order = append(out.Order, string(s))
	}
	for _, r := range p.edit.Out.Remarks {
		out.Remarks = append(out.Remarks, strings.TrimSuffix(fmt.Sprintf("%s: %s → %s", r.Code, r.What, r.Fix), " → "))
	}
	out.Remarks = plan.Shortened(append(out.Remarks, p.deploy.Out.Remarks...))
	if !p.allocate.Plan.Empty() {
		return out
	}
	out.Address = p.allocate.Out.Address
	return out
}

// hostnames returns the custom hostnames that the release found.
func (p parts) hostnames() []string { return p.release.Plan.FactNames(plan.FactCertificate) }

// nothing says that nothing is left to do.
func (p parts) nothing() (string, []plan.Next) {
	return fmt.Sprintf("%s is private already: it has no public address, and its Machines have the file's services. "+
		"%s Nothing was changed.", p.in.App, p.app.ReachSentence()), p.app.Next()
}

// stopFirst returns the answer to a call that a person must decide about before anything is
// planned; stops is false if there is none.
func stopFirst(in Input, s rules.Snapshot) (p Proposal, stops bool) {
	p.Plan = plan.Plan{Tool: MakeTool, App: in.App, AppID: s.Addresses.App.ID, Gated: true, Impact: plan.ImpactNone}
	for _, b := range s.Blockers() {
		switch b.ID {
		case plan.UDPService, plan.BindLoopback, plan.MachineUnread:
			p.Plan.Blockers = append(p.Plan.Blockers, b)
		}
	}
	if len(p.Plan.Blockers) == 0 && in.Network == "" {
		if own := s.OwnNetwork(); s.AsksCallers() {
			p.Plan.Blockers = []plan.Blocker{{
				ID:   plan.CallersUnclear,
				What: fmt.Sprintf("%s is on its own network %s: apps on other networks cannot reach it there", in.App, plan.Quote(own)),
				Fix: fmt.Sprintf("ask the user which network the callers are on, and pass it as network: %q for the app's own, %q "+
					"for the organization's default network", own, fly.DefaultNetwork),
			}}
		}
	}
	if len(p.Plan.Blockers) == 0 {
		return p, false
	}
	p.Next = decide(s, p.Plan.Blockers)
	return p, true
}

// decide returns what to do about blockers: a question for a person, if one of them needs a
// decision, and no other step.
func decide(s rules.Snapshot, blockers []plan.Blocker) []plan.Next {
	for _, b := range blockers {
		switch b.ID {
		case plan.UDPService, plan.BindLoopback, plan.CallersUnclear, plan.NoServices:
			return []plan.Next{{Who: "person", Blocking: true, Why: b.What + ": " + b.Fix}}
		}
	}
	if next := s.Next(); len(next) > 0 {
		return next
	}
	return []plan.Next{{Who: "person", Blocking: true, Why: blockers[0].What + ": " + blockers[0].Fix}}
}

// saved returns what the stages change, as it is before them.
func (p parts) saved() plan.Snapshot {
	out := p.app.Saved()
	for _, s := range p.order {
		switch s {
		case writing:
			out = out.Merge(p.edit.Work.Saved())
		case deploying:
			out = out.Merge(p.deploy.Work.Saved())
		}
	}
	return out
}

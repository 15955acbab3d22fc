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
)

// PublicTool is the name of the tool that makes an app public.
const PublicTool = "make_public"

// PublicInput says which app to put on the internet.
type PublicInput struct {
	App         string
	Path        string
	Content     string
	DedicatedV4 bool // an IPv4 address of its own, which costs money
}

// PublicResult is what the tool answers.
type PublicResult struct {
	plan.Result
	Allocated []string       `json:"allocated,omitempty"`
	Diff      string         `json:"diff,omitempty"`
	Content   string         `json:"content,omitempty"`
	Machines  *deploy.Counts `json:"machines,omitempty"`
	Verdict   rules.Verdict  `json:"verdict,omitempty"`
}

// PublicWork is a planned publication.
type PublicWork struct {
	in     PublicInput
	kinds  []fly.Kind
	edit   patch.Proposal
	deploy deploy.Proposal
	result PublicResult
}

// PublicProposal is a publication that may be applied.
type PublicProposal = plan.Proposal[PublicWork, PublicResult]

// PlanPublic plans to allocate the public addresses that are missing, to turn force_https on again,
// and to deploy that.
func (m *Maker) PlanPublic(ctx context.Context, in PublicInput) (PublicProposal, error) {
	var out PublicProposal
	if in.Path != "" && in.Content != "" {
		return out, plan.Invalid("give path or content, not both")
	}
	s, err := rules.Read(ctx, m.Client, in.App)
	if err != nil {
		return out, err
	}
	w := PublicWork{in: in, kinds: address.Missing(s, in.DedicatedV4)}
	editor := *m.Editor
	editor.Client = frozen{editor.Client, s}
	w.edit, err = editor.Plan(ctx, patch.Input{App: in.App, Path: in.Path, Content: in.Content, Public: true})
	if err != nil {
		return out, err
	}
	file, base, err := w.edit.Work.Files()
	if err != nil {
		return out, err
	}
	then := s
	then.Addresses.List = slices.Clone(s.Addresses.List)
	for _, kind := range w.kinds {
		then.Addresses.List = append(then.Addresses.List, address.PlannedPublic(kind))
	}
	w.deploy, err = m.Deployer.PlanFrom(ctx, then, deploy.Input{App: in.App, File: file, Base: base, Path: in.Path})
	if err != nil {
		return out, err
	}
	out.Plan = w.plan(s)
	out.Out = PublicResult{Diff: w.edit.Out.Diff, Content: w.edit.Out.Content, Machines: w.deploy.Out.Machines,
		Verdict: rules.Judge(s.Addresses.List)}
	out.Nothing = fmt.Sprintf("%s is public already, and its ports redirect to https. %s Nothing was changed.", in.App,
		s.ReachSentence())
	out.Summary = fmt.Sprintf("Would make %s public: %s.", in.App, strings.Join(w.parts(), ", "))
	if len(out.Plan.Blockers) > 0 {
		out.Next = w.deploy.Next
	}
	w.result, out.Work = out.Out, w
	return out, nil
}

// parts says what is to be done.
func (w PublicWork) parts() []string {
	var out []string
	for _, kind := range w.kinds {
		out = append(out, "allocate a "+plan.KindName(string(kind))+" address")
	}
	if w.writes() {
		out = append(out, "edit the file")
	}
	if !w.deploy.Plan.Empty() {
		out = append(out, "deploy")
	}
	return out
}

// writes reports whether a person's file is edited.
func (w PublicWork) writes() bool { return w.in.Path != "" && len(w.edit.Plan.Steps) > 0 }

// plan returns the plan of a publication.
func (w PublicWork) plan(s rules.Snapshot) plan.Plan {
	p := plan.Plan{Tool: PublicTool, App: w.in.App, AppID: s.Addresses.App.ID, Gated: true, Impact: w.deploy.Plan.Impact,
		Wording: PublicWording{}}
	rules.AddressFacts(&p, s.Addresses.List)
	p.Steps = address.PublishSteps(w.kinds)
	if w.writes() {
		p.Steps = append(p.Steps, w.edit.Plan.Steps...)
	}
	p.Steps = append(p.Steps, w.deploy.Plan.Steps...)
	if len(w.kinds) > 0 && len(rules.PublicIPs(s.Addresses.List)) == 0 {
		p.Hazard(plan.MadePublic)
	}
	for _, part := range []plan.Plan{w.edit.Plan, w.deploy.Plan} {
		for _, f := range part.Facts {
			if !strings.HasPrefix(f.Key, "address/") && !slices.Contains(p.Facts, f) {
				p.Facts = append(p.Facts, f)
			}
		}
		for _, h := range part.Hazards {
			p.Hazard(h)
		}
		p.Unknown = append(p.Unknown, part.Unknown...)
	}
	p.Blockers = w.deploy.Plan.Blockers
	if p.Impact == "" {
		p.Impact = plan.ImpactNone
	}
	return p
}

// ApplyPublic allocates, edits and deploys, and stops at the first failure.
func (m *Maker) ApplyPublic(ctx context.Context, w PublicWork, publisher *address.Publisher, caller string,
	grant *gate.Grant, report plan.Report) (PublicResult, error) {
	out := w.result
	out.App = w.in.App
	added, steps, err := publisher.Publish(ctx, grant, w.in.App, w.kinds, report)
	out.Steps = steps
	for _, a := range added {
		out.Allocated = append(out.Allocated, a.IP.String())
		out.Undo = append(out.Undo, fmt.Sprintf("fly ips release %s -a %s, or make_private for the whole app", a.IP, w.in.App))
	}
	if err == nil && w.writes() {
		var written patch.Result
		written, err = m.Editor.Apply(w.edit.Work, grant, caller)
		out.Steps = append(out.Steps, written.Steps...)
		out.Undo = append(out.Undo, written.Undo...)
	}
	if err != nil {
		if len(added) == 0 {
			return PublicResult{}, err
		}
		ended := m.failed(ctx, err)
		out.Reason, out.Next = ended.Reason, ended.Next
		out.unfinished(w, ended.Summary)
		return out, nil
	}
	if !w.deploy.Plan.Empty() {
		deployed, err := m.Deployer.Apply(ctx, w.deploy.Work, grant, report)
		if err != nil {
			deployed.Result = m.failed(ctx, err)
		}
		out.Steps, out.Machines = append(out.Steps, deployed.Steps...), deployed.Machines
		out.Verified, out.Undo = append(out.Verified, deployed.Verified...), append(out.Undo, deployed.Undo...)
		if deployed.Status != plan.Applied {
			out.Reason, out.Next = deployed.Reason, deployed.Next
			out.unfinished(w, deployed.Summary)
			return out, nil
		}
	}
	m.concludePublic(ctx, w, &out)
	return out, nil
}

// unfinished ends a publication that did not get to its end.
func (out *PublicResult) unfinished(w PublicWork, why string) {
	out.Status = plan.Partial
	out.Summary = fmt.Sprintf("%s was not made public completely: %s.", w.in.App, strings.TrimSuffix(why, "."))
	if len(out.Allocated) > 0 {
		out.Summary += fmt.Sprintf(" Allocated: %s.", strings.Join(out.Allocated, ", "))
		out.Left = append(out.Left, "public addresses "+strings.Join(out.Allocated, ", ")+"; see undo")
	}
	out.Next = append([]plan.Next{{Who: "agent", Tool: PublicTool,
		Arguments: &plan.Arguments{App: w.in.App, Path: w.in.Path}, Why: w.again()}}, out.Next...)
}

// again says what the same call does.
func (w PublicWork) again() string {
	if w.in.Content != "" {
		return "with the same content, does what is left; asks a person again"
	}
	return "does what is left; asks a person again"
}

// concludePublic reads the app once more and says what is true now.
func (m *Maker) concludePublic(ctx context.Context, w PublicWork, out *PublicResult) {
	out.Status = plan.Applied
	now, err := rules.Read(ctx, m.Client, w.in.App)
	if err != nil {
		out.Summary = fmt.Sprintf("%s was made public, but could not be read afterwards.", w.in.App)
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.in.App}, Why: "reads it again"}}
		return
	}
	out.Verdict, out.Reach = rules.Judge(now.Addresses.List), now.Reach()
	var fresh []string
	for _, a := range now.Addresses.List {
		if slices.Contains(out.Allocated, a.IP.String()) {
			fresh = append(fresh, fmt.Sprintf("%s (%s)", a.IP, plan.KindName(string(a.Kind))))
		}
	}
	out.Summary = fmt.Sprintf("%s is public.", w.in.App)
	if len(fresh) > 0 {
		out.Verified = append(out.Verified, "the list of addresses has "+strings.Join(fresh, ", "))
		out.Summary += fmt.Sprintf(" New addresses: %s; addresses that were released before do not come back.",
			strings.Join(fresh, ", "))
	}
	out.Summary += " " + now.ReachSentence()
	out.Assumed = []string{w.in.App + ".fly.dev resolves within minutes; this was not checked"}
}

// PublicWording is what a person is told about a publication: a [plan.Wording].
type PublicWording struct{ deploy deploy.Wording }

// Title counts what happens.
func (PublicWording) Title(p plan.Plan) string {
	n := 0
	for _, s := range p.ShownSteps() {
		if s.Verb == gate.AllocateAddress {
			n++
		}
	}
	if n == 0 {
		return fmt.Sprintf("Turn force_https on for %s again?", plan.Line(p.App))
	}
	return fmt.Sprintf("Make %s PUBLIC with %s?", plan.Line(p.App), plan.Count(n, "new address", "new addresses"))
}

// Effect says what the addresses and the deploy do.
func (w PublicWording) Effect(p plan.Plan, d plan.Detail) []string {
	if hasMachines(p) {
		return w.deploy.Effect(p, d)
	}
	return append([]string{p.ImpactSentence()}, p.HazardSentences(d)...)
}

// NotDone says what stays.
func (PublicWording) NotDone(plan.Plan, plan.Detail) []string {
	return []string{"no build; no release_command is run; Flycast and egress addresses, certificates and DNS records are left alone"}
}

// Undo says how the app becomes private again.
func (PublicWording) Undo(plan.Plan) []string {
	return []string{"make_private takes it off the internet again"}
}

package private

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// CreateTool is the name of the tool that creates a private app.
const CreateTool = "create_private_app"

// Defaults of a new app.
const (
	defaultOrg    = "personal"
	defaultRegion = "iad"
)

// CreateInput describes a new app.
type CreateInput struct {
	App          string
	Image        string
	InternalPort int
	Org          string // slug; empty: personal
	Network      string // empty: the organization's default one
	Region       string // empty: iad
	Protocol     string // [plan.CreateHTTP] or [plan.CreateTCP]; empty: http
	Path         string // of the fly.toml to write, which must not exist; empty: the result has the text
}

// CreateResult is what the tool answers.
type CreateResult struct {
	plan.Result
	Address  string         `json:"address,omitempty"`
	Content  string         `json:"content,omitempty"`
	Machines *deploy.Counts `json:"machines,omitempty"`
	Vantage  string         `json:"vantage,omitempty"`
	Claims   []verify.Proof `json:"claims,omitempty"`
}

// CreateClient is what creating an app needs of Fly, besides its parts.
type CreateClient interface {
	Client
	Organization(ctx context.Context, slug string) (fly.Organization, error)
	CreateApp(ctx context.Context, grant *gate.Grant, app string, network fly.Network) error
}

// Creator creates private apps.
type Creator struct {
	*Maker
	Fly    CreateClient
	Roots  *roots.Roots
	Record func(journal.Entry)
}

// CreateWork is a planned creation.
type CreateWork struct {
	in       CreateInput
	network  fly.Network
	exists   bool // the app does, without Machines
	writes   bool // the file does not exist yet
	text     []byte
	allocate address.AllocateProposal
	deploy   deploy.Proposal
	target   verify.Target
	result   CreateResult
}

// CreateProposal is a creation that may be applied.
type CreateProposal = plan.Proposal[CreateWork, CreateResult]

// file returns the fly.toml of the new app.
func (in CreateInput) file() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "app = %q\nprimary_region = %q\n\n[build]\n  image = %q\n\n", in.App, cmp.Or(in.Region, defaultRegion), in.Image)
	const sleeps = "  auto_stop_machines = \"stop\"\n  auto_start_machines = true\n  min_machines_running = 0\n"
	if in.Protocol == plan.CreateTCP {
		fmt.Fprintf(&b, "[[services]]\n  protocol = \"tcp\"\n  internal_port = %d\n%s\n  [[services.ports]]\n    port = %d\n",
			in.InternalPort, sleeps, in.InternalPort)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "[http_service]\n  internal_port = %d\n  force_https = false\n%s", in.InternalPort, sleeps)
	return b.Bytes()
}

// PlanCreate plans a new app that is never public: the app, a Flycast address before anything else,
// its file, and its first Machine. An app that exists without Machines gets what it lacks.
func (c *Creator) PlanCreate(ctx context.Context, in CreateInput) (CreateProposal, error) {
	var out CreateProposal
	if in.Image == "" || strings.ContainsFunc(in.Image, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return out, plan.Invalid("%s is not the name of an image", plan.Quote(in.Image))
	}
	if in.Region != "" && strings.Trim(in.Region, "abcdefghijklmnopqrstuvwxyz") != "" {
		return out, plan.Invalid("%s is not the code of a region, such as iad", plan.Quote(in.Region))
	}
	w := CreateWork{in: in, text: in.file()}
	var err error
	if w.writes, err = c.mustWrite(in.Path, w.text); err != nil {
		return out, err
	}
	s, err := c.snapshot(ctx, &w)
	if err != nil {
		return out, err
	}
	if len(s.Machines) > 0 {
		return out, &plan.Problem{
			Code: gate.Precondition, Message: fmt.Sprintf("the app %s exists and has %s", in.App, plan.Machines(len(s.Machines))),
			Next: []plan.Next{{Who: "agent", Tool: MakeTool, Arguments: &plan.Arguments{App: in.App},
				Why: "makes an existing app private; or choose another name"}},
		}
	}
	if public := rules.PublicIPs(s.Addresses.List); len(public) > 0 {
		return out, &plan.Problem{
			Code: gate.Precondition, Message: fmt.Sprintf("the app %s exists and has the public addresses %s", in.App, plan.Few(public)),
			Next: []plan.Next{{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: in.App},
				Why: "first: nothing answers there yet"}},
		}
	}
	if w.allocate, err = c.Allocator.PlanFrom(ctx, s, address.AllocateInput{App: in.App}); err != nil {
		return out, err
	}
	then := s
	then.Addresses.List = slices.Clone(s.Addresses.List)
	if !w.allocate.Plan.Empty() {
		then.Addresses.List = append(then.Addresses.List, w.allocate.Work.Planned())
	}
	file, err := flytoml.Parse("fly.toml", w.text)
	if err != nil {
		return out, err
	}
	w.deploy, err = c.Deployer.PlanFrom(ctx, then, deploy.Input{App: in.App, File: file, Image: in.Image})
	if err != nil {
		return out, err
	}
	after := w.deploy.Work.After()
	after.Addresses.List = then.Addresses.List
	w.target = c.Verifier.TargetOf(after, w.network)
	out.Plan = w.plan(c, s)
	out.Out = CreateResult{Machines: w.deploy.Out.Machines, Content: string(w.text)}
	out.Summary = fmt.Sprintf("Would create %s in organization %s, private from the start.", in.App, w.network.Organization.Slug)
	if len(out.Plan.Blockers) > 0 {
		out.Next = []plan.Next{{Who: "person", Why: out.Plan.Blockers[0].What + ": " + out.Plan.Blockers[0].Fix}}
	}
	w.result, out.Work = out.Out, w
	return out, nil
}

// mustWrite reports whether the file has to be written. It fails if the path cannot be written, or
// has another file already.
func (c *Creator) mustWrite(path string, text []byte) (bool, error) {
	if path == "" {
		return false, nil
	}
	exists, err := c.Roots.CheckNew(path)
	if err != nil || !exists {
		return !exists, err
	}
	if f, err := c.Roots.Read(path); err != nil || !bytes.Equal(f.Data, text) {
		return false, plan.Invalid("%s exists and is another file: name a new one, or deploy the existing one", plan.Quote(path))
	}
	return false, nil
}

// snapshot reads the app, or returns the one that will be created.
func (c *Creator) snapshot(ctx context.Context, w *CreateWork) (rules.Snapshot, error) {
	s, err := rules.Read(ctx, c.Fly, w.in.App)
	switch {
	case err == nil && !s.MachinesKnown:
		return s, &plan.Problem{Code: gate.Unauthorized, Message: "this token is not allowed to read the app's Machines",
			Hint: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", w.in.App)}
	case err == nil:
		w.exists, w.network = true, verify.OwnNetwork(s)
		org, network := w.network.Organization, cmp.Or(w.network.Name, fly.DefaultNetwork)
		if w.in.Org != "" && !org.HasSlug(w.in.Org) || w.in.Network != "" && w.in.Network != network {
			return s, plan.Invalid("the app %s exists, in organization %s on network %s: leave out org and network, or choose "+
				"another name", w.in.App, plan.Quote(org.Slug), plan.Quote(network))
		}
		return s, nil
	case fly.Missing(err) != fly.AnApp:
		return s, err
	}
	organization, err := c.Fly.Organization(ctx, cmp.Or(w.in.Org, defaultOrg))
	if err != nil {
		return s, err
	}
	w.network = fly.Network{Organization: organization, Name: cmp.Or(w.in.Network, fly.DefaultNetwork)}
	s = rules.Snapshot{MachinesKnown: true}
	s.Addresses.App = fly.App{Name: w.in.App, Network: w.network.Name, Organization: organization}
	s.Addresses.EgressKnown = true
	return s, nil
}

// plan returns the plan of a creation.
func (w CreateWork) plan(c *Creator, s rules.Snapshot) plan.Plan {
	p := plan.Plan{Tool: CreateTool, App: w.in.App, AppID: s.Addresses.App.ID, Gated: true, Impact: plan.ImpactNone,
		Wording: CreateWording{}}
	if !w.exists {
		p.Steps = append(p.Steps, plan.Step{Verb: gate.CreateApp, Target: w.network.Target(), Params: []plan.Param{
			{Name: plan.ParamApp, Value: w.in.App}, {Name: plan.ParamOrg, Value: w.network.Organization.Slug},
			{Name: plan.ParamNetwork, Value: w.network.Name}}})
	}
	p.Steps = append(p.Steps, w.allocate.Plan.Steps...)
	if w.writes {
		p.Steps = append(p.Steps, plan.Step{Verb: gate.WriteFile, Target: w.in.Path})
	}
	p.Steps = append(p.Steps, w.deploy.Plan.Steps...)
	p.Facts = append(p.Facts, w.deploy.Plan.Facts...)
	p.Fact("file", string(w.text))
	p.Fact("image", w.in.Image)
	for _, h := range w.deploy.Plan.Hazards {
		if h != plan.ImageChange { // there is no other image yet
			p.Hazard(h)
		}
	}
	p.Hazard(plan.MachineCreated)
	p.Unknown = w.deploy.Plan.Unknown
	p.Blockers = w.deploy.Plan.Blockers
	c.Verifier.AddSteps(&p, w.target)
	return p
}

// ApplyCreate carries the creation out and stops at the first failure; the same call does the rest.
func (c *Creator) ApplyCreate(ctx context.Context, w CreateWork, grant *gate.Grant, report plan.Report) (CreateResult, error) {
	out := w.result
	out.App = w.in.App
	if !w.exists {
		report(plan.Progress{Of: 4, Doing: "creating the app"})
		if err := c.create(ctx, w, grant); err != nil {
			return CreateResult{}, err
		}
		out.Steps = append(out.Steps, plan.Record{Do: gate.CreateApp, Target: w.network.Target(), State: plan.Done, Undo: plan.UndoYes})
		out.Undo = append(out.Undo, "fly apps destroy "+w.in.App)
		c.Record(journal.Entry{Event: journal.Step, App: w.in.App, Tool: CreateTool, Verb: string(gate.CreateApp),
			Target: w.network.Target()})
	}
	if !w.allocate.Plan.Empty() {
		r, err := c.Allocator.Apply(ctx, w.allocate.Work, grant, report)
		if err != nil {
			r.Result = c.failed(ctx, err)
		}
		out.Address = r.Address
		out.Steps, out.Verified = append(out.Steps, r.Steps...), append(out.Verified, r.Verified...)
		if r.Status != plan.Applied {
			out.stop(w, r.Result)
			return out, nil
		}
	}
	if w.in.Path != "" {
		out.Content = ""
	}
	if w.writes {
		if err := c.write(w, grant); err != nil {
			out.stop(w, c.failed(ctx, err))
			return out, nil
		}
		out.Steps = append(out.Steps, plan.Record{Do: gate.WriteFile, Target: w.in.Path, State: plan.Done, Undo: plan.UndoYes})
	}
	r, err := c.Deployer.Apply(ctx, w.deploy.Work, grant, report)
	if err != nil {
		r.Result = c.failed(ctx, err)
	}
	out.Steps, out.Machines = append(out.Steps, r.Steps...), r.Machines
	out.Verified = append(out.Verified, r.Verified...)
	if r.Status != plan.Applied {
		out.stop(w, r.Result)
		return out, nil
	}
	c.conclude(ctx, w, grant, report, &out)
	return out, nil
}

// create creates the app. A lost answer is settled by reading.
func (c *Creator) create(ctx context.Context, w CreateWork, grant *gate.Grant) error {
	err := c.Fly.CreateApp(ctx, grant, w.in.App, w.network)
	if err == nil {
		return nil
	}
	var lost *fly.Ambiguous
	switch {
	case errors.As(err, &lost):
	case strings.Contains(strings.ToLower(err.Error()), "taken"):
		return &plan.Problem{Code: gate.InvalidInput,
			Message: fmt.Sprintf("the name %s is taken by an app that this token does not show", w.in.App), Hint: "choose another name", Err: err}
	default:
		return err
	}
	if _, readErr := c.Fly.Addresses(ctx, w.in.App); readErr == nil {
		return nil
	}
	return err
}

// write writes the file, which does not exist yet.
func (c *Creator) write(w CreateWork, grant *gate.Grant) error {
	if err := grant.Spend(gate.WriteFile, w.in.App, w.in.Path); err != nil {
		return err
	}
	return c.Roots.Create(w.in.Path, w.text)
}

// stop ends a creation whose step did not succeed.
func (out *CreateResult) stop(w CreateWork, ended plan.Result) {
	out.Reason, out.Blockers = ended.Reason, ended.Blockers
	out.Status = plan.Partial
	out.Summary = fmt.Sprintf("%s was not created completely: %s. No public address was allocated.", w.in.App,
		strings.TrimSuffix(ended.Summary, "."))
	if !w.exists {
		out.Left = append(out.Left, fmt.Sprintf("the app %s; fly apps destroy %s removes it", w.in.App, w.in.App))
	}
	out.Next = []plan.Next{{Who: "agent", Tool: CreateTool, Arguments: &plan.Arguments{
		App: w.in.App, Image: w.in.Image, InternalPort: w.in.InternalPort, Org: w.in.Org, Network: w.in.Network,
		Region: w.in.Region, Protocol: w.in.Protocol, Path: w.in.Path,
	}, Why: "does what is left, from what Fly says then; asks again"}}
}

// conclude proves the new app and says what is true now.
func (c *Creator) conclude(ctx context.Context, w CreateWork, grant *gate.Grant, report plan.Report, out *CreateResult) {
	report(plan.Progress{Done: 3, Of: 4, Doing: "checking the app from inside its private network"})
	out.Status = plan.Applied
	now, err := c.Verifier.Read(ctx, w.in.App)
	if err != nil {
		out.Summary = fmt.Sprintf("%s was created, but could not be read afterwards.", w.in.App)
		out.Next = []plan.Next{{Who: "agent", Tool: verify.Tool, Arguments: &plan.Arguments{App: w.in.App}, Why: "checks it"}}
		return
	}
	r := verify.Configuration(now, nil, 0)
	r.Proofs = slices.DeleteFunc(r.Proofs, func(p verify.Proof) bool { return p.Claim == verify.Services })
	r.Join(c.Verifier.Ask(ctx, grant, w.target, now))
	r.Join(c.Verifier.Outside(ctx, w.in.App, nil))
	r = r.Settled()
	out.Vantage, out.Claims, out.Reach = r.Vantage, r.Proofs, now.Reach()
	r.Fill(&out.Result)
	out.Summary = fmt.Sprintf("%s was created and is private. %s", w.in.App, now.ReachSentence())
	if refuted := r.Lines(verify.Refuted); len(refuted) > 0 {
		out.Set(plan.Partial, gate.VerifyFailed)
		out.Summary = fmt.Sprintf("%s was created and has no public address, but a check failed: %s.", w.in.App, refuted[0])
		out.Next = []plan.Next{{Who: "person", Command: "fly logs -a " + w.in.App + " --no-tail", Why: "shows why it does not answer"}}
		return
	}
	out.Next = now.Next()
}

// CreateWording is what a person is told about a creation: a [plan.Wording].
type CreateWording struct{}

// Title names the app.
func (CreateWording) Title(p plan.Plan) string {
	return fmt.Sprintf("Create %s as a private app?", plan.Line(p.App))
}

// Effect says what is created, and what it costs.
func (CreateWording) Effect(p plan.Plan, d plan.Detail) []string {
	return append([]string{"the app is never public: its Flycast address comes first", "image: " + plan.Quote(p.FactValue("image")),
		plan.MachinePrice()}, p.HazardSentences(d)...)
}

// NotDone says what is not made.
func (CreateWording) NotDone(plan.Plan, plan.Detail) []string {
	return []string{"no public address is allocated, nothing is built, no volume and no secret is created"}
}

// Undo says how the app is removed.
func (CreateWording) Undo(p plan.Plan) []string {
	for _, s := range p.Steps {
		if s.Verb == gate.CreateApp {
			return []string{"fly apps destroy " + plan.Clean(p.App)}
		}
	}
	return []string{"the Machine can be destroyed, and the address released"}
}

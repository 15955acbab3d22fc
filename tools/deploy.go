package tools

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// deployName is the tool's, which others name.
const deployName = "deploy"

type deployInput struct {
	App            string  `json:"app" jsonschema:"name of the Fly app"`
	Draft          string  `json:"draft,omitempty" jsonschema:"handle from patch_services"`
	Path           string  `json:"path,omitempty" jsonschema:"fly.toml, fly.json or fly.yaml, instead of draft"`
	Content        string  `json:"content,omitempty" jsonschema:"text of a fly.toml, fly.json or fly.yaml, instead of draft"`
	Image          string  `json:"image,omitempty" jsonschema:"new image; default: the one each Machine runs"`
	Scope          string  `json:"scope,omitempty" jsonschema:"all (default): the whole file; services: services and checks only"`
	Strategy       string  `json:"strategy,omitempty" jsonschema:"default: the file's, else rolling"`
	MaxUnavailable float64 `json:"max_unavailable,omitempty" jsonschema:"Machines of a group at once: a share below 1, else a number; default: the file's, else 0.33"`
	WaitTimeout    string  `json:"wait_timeout,omitempty" jsonschema:"per Machine; default: the file's, else 5m"`
	OnFailure      string  `json:"on_failure,omitempty" jsonschema:"default put_back: restore all that was changed"`
	Wake           *bool   `json:"wake,omitempty" jsonschema:"default true: start stopped Machines once to test them"`
	Approval       string  `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	Adopt          bool    `json:"adopt,omitempty" jsonschema:"also update Machines that fly deploy did not make"`
	DryRun         bool    `json:"dry_run,omitempty"`
}

type deployOutput struct {
	plan.Result
	Changes  []string       `json:"changes,omitempty" jsonschema:"changes to the Machines' configuration"`
	Drift    []drifted      `json:"drift,omitempty" jsonschema:"changes other than the edit of patch_services"`
	Order    []string       `json:"order,omitempty" jsonschema:"steps, in order"`
	Expected string         `json:"expected,omitempty" jsonschema:"estimated time and how it is computed"`
	Machines *machineCounts `json:"machines,omitempty"`
	Release  int            `json:"release,omitempty" jsonschema:"version recorded"`
	Remarks  []string       `json:"remarks,omitempty"`
}

// machineCounts are the Machines that are there. Total is the sum of all the
// others but Healthy and Unproven, which say again what was seen of them.
type machineCounts struct {
	Total      int `json:"total"`
	Updated    int `json:"updated" jsonschema:"not counting failed ones"`
	Created    int `json:"created,omitempty"`
	Unchanged  int `json:"unchanged" jsonschema:"already had this configuration"`
	Left       int `json:"left,omitempty" jsonschema:"left alone; remarks say why"`
	Healthy    int `json:"healthy"`
	Unproven   int `json:"unproven" jsonschema:"updated but not tested"`
	Failed     int `json:"failed,omitempty" jsonschema:"do not work with the new configuration and were left with it"`
	PutBack    int `json:"put_back,omitempty"`
	NotStarted int `json:"not_started,omitempty" jsonschema:"not changed: refused, or not reached"`
	Unclear    int `json:"unclear,omitempty" jsonschema:"state unknown; check them"`
}

type deployWork struct {
	deployment
	work rollout.Work
	out  deployOutput
}

func (a *toolset) deploy() call.Tool {
	return call.NewChanging(a.Handler, call.Changing[deployInput, deployWork, deployOutput]{
		Spec: call.Spec{
			Name: deployName, Title: "Deploy configuration", Effect: call.Restarts, Follow: deployStatusName,
			Description: "Applies a fly.toml to the app's Machines as fly deploy would, with the image they run. Creates the first Machine of a new group, tests each, puts back failures. Asks a person. After patch_services, before release_public_ips. No build, address or release_command. On running, repeat the call.",
		},
		Plan:  a.planDeploy,
		Apply: a.applyDeploy,
		Text:  deployText,
	}, func(p map[string]*jsonschema.Schema) {
		app(p)
		p["scope"].Enum = []any{scopeAll, scopeServices}
		p["strategy"].Enum = []any{string(rollout.Rolling), string(rollout.Immediate), string(rollout.Canary), string(rollout.BlueGreen)}
		p["on_failure"].Enum = []any{string(rollout.PutAllBack), string(rollout.Stop), string(rollout.Continue)}
	})
}

func (a *toolset) planDeploy(ctx context.Context, in deployInput) (plan.Proposal[deployWork, deployOutput], error) {
	var none plan.Proposal[deployWork, deployOutput]
	src, err := a.deploySource(ctx, in)
	if err != nil {
		return none, err
	}
	if name := src.App(); name != "" && name != in.App {
		return none, plan.Invalid("the file is for the app %s, not for %s", plan.Quote(name), in.App)
	}
	if err := src.Validate(); err != nil {
		return none, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	d := deployment{in: in, file: src.File}
	if d.definition, err = src.Definition(); err != nil {
		return none, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	var problem *plan.Problem
	if d.settings, problem = settingsOf(in, d.definition.Deploy); problem != nil {
		return none, problem
	}
	if in.Image != "" && d.settings.scope == scopeServices {
		return none, plan.Invalid("image needs scope all: scope services does not change the image")
	}
	if in.Image != "" && !imageName.MatchString(in.Image) {
		return none, plan.Invalid("image is %s; it must be a reference such as registry.fly.io/%s:TAG", plan.Quote(in.Image), in.App)
	}
	if d.snapshot, err = rules.Read(ctx, a.fly, in.App); err != nil {
		return none, err
	}
	if !d.snapshot.MachinesKnown {
		return none, &plan.Problem{Code: gate.Unauthorized, Message: "this token is not allowed to read the app's Machines", Hint: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", in.App)}
	}
	if d.past, err = a.pastDeploys(in.App); err != nil {
		return none, err
	}
	if err := a.unlisted(ctx, &d); err != nil {
		return none, err
	}
	disks := &disks{client: a.fly, app: in.App}
	if err := d.compute(ctx, disks); err != nil {
		return none, err
	}
	if err := a.trace(ctx, &d, src.Base); err != nil {
		return none, err
	}
	if err := d.exposure(); err != nil {
		return none, err
	}
	a.unconfirmed(&d)
	if err := a.abandoned(ctx, &d); err != nil {
		return none, err
	}
	work, err := a.deployWork(ctx, &d)
	if err != nil {
		return none, err
	}
	d.remarkUnfinished()
	d.remarkAbandoned()
	d.remarkImage()
	d.remarkTags()
	d.remarkAddresses()
	return a.planned(d, work), nil
}

// planned is the deployment as the adapter and its person see it.
func (a *toolset) planned(d deployment, work rollout.Work) plan.Proposal[deployWork, deployOutput] {
	app, total := d.in.App, len(d.snapshot.Machines)
	out := deployOutput{
		Changes: d.changeLines(), Drift: d.drifted(), Remarks: d.remarks,
		Machines: &machineCounts{Total: total, Unchanged: d.unchanged, Left: d.left, NotStarted: total - d.unchanged - d.left},
	}
	planned := plan.Proposal[deployWork, deployOutput]{Plan: d.plan(work)}
	if d.in.Draft != "" {
		planned.Keep = func(until time.Time) { a.drafts.Keep(d.in.Draft, until) }
	}
	if !planned.Plan.Empty() {
		out.Order, out.Expected = d.order(work)
	}
	planned.Out, planned.Work = out, deployWork{deployment: d, work: work, out: out}
	replaced, leftover := goings(work)
	does, n := "update", len(d.changes)-leftover
	if replaced > 0 {
		does, n = "replace", replaced
	}
	planned.Summary = fmt.Sprintf("Would %s %d of %s of %s", does, n, machines(total), app)
	switch creates := len(d.creates); {
	case creates > 0 && n == 0:
		planned.Summary = fmt.Sprintf("Would create %s of %s", machines(creates), app)
	case creates > 0:
		planned.Summary += fmt.Sprintf(" and create %d", creates)
	}
	planned.Summary += fmt.Sprintf(", %s.", d.settings.strategy)
	if leftover > 0 {
		planned.Summary += fmt.Sprintf(" Would destroy %d left over from an earlier deploy.", leftover)
	}
	planned.Nothing = d.nothing()
	if planned.Plan.Empty() {
		planned.Next = append(d.adoptNext(), a.guide(d.snapshot)...)
	}
	if len(d.blockers) > 0 {
		planned.Next = d.wayRound()
		if d.blocked(noMachines) {
			planned.Next = append(d.adoptNext(), planned.Next...)
		}
	}
	return planned
}

// nothing tells what a deploy without changes found.
func (d *deployment) nothing() string {
	app, total := d.in.App, len(d.snapshot.Machines)
	switch left := total - d.unchanged; {
	case left > 0:
		return fmt.Sprintf("Of the %s of %s, %d already have this configuration and %d were left alone. Nothing was changed.", machines(total), app, d.unchanged, left)
	case total == 1:
		return fmt.Sprintf("The one Machine of %s already has this configuration. Nothing was changed.", app)
	}
	return fmt.Sprintf("All %d Machines of %s already have this configuration. Nothing was changed.", total, app)
}

func machines(n int) string {
	if n == 1 {
		return "1 Machine"
	}
	return fmt.Sprintf("%d Machines", n)
}

// deploySource reads the one file that a call names.
func (a *toolset) deploySource(ctx context.Context, in deployInput) (source.File, error) {
	given := 0
	for _, v := range []string{in.Draft, in.Path, in.Content} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return source.File{}, plan.Invalid("give exactly one of draft, path and content")
	case in.Path != "":
		return source.FromPath(a.roots, in.Path)
	case in.Content != "":
		return source.FromContent(in.Content)
	}
	draft, p := a.drafts.Get(in.Draft, call.CallerFrom(ctx).ID, in.App)
	if p != nil {
		return source.File{}, p
	}
	return source.FromDraft(a.roots, draft)
}

// wayRound is what to do instead when a deploy would open the app further.
func (d *deployment) wayRound() []plan.Next {
	if d.blocked(string(plan.NewPublicService)) {
		return []plan.Next{
			{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: d.in.App}, Why: "first, if it has no Flycast address"},
			{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: d.in.App}, Why: "then: without a public address, the new service is private from the start"},
		}
	}
	if d.blocked(creationLost) {
		return []plan.Next{{Who: "agent", Tool: deployName, Why: "wait until then and repeat the identical call: if the Machine exists, lists will show it"}}
	}
	if d.blocked(noMachines) {
		return []plan.Next{
			{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: d.in.App}, Why: "first, if it has no Flycast address: then the app is private from the start"},
			{Who: "person", Command: d.flyDeploy(), Why: "builds and deploys the first Machine; or pass image to this tool"},
		}
	}
	return []plan.Next{{Who: "person", Why: "make the file match the Machines in these points, or use fly deploy for that change"}}
}

func (d *deployment) blocked(id string) bool {
	return slices.ContainsFunc(d.blockers, func(b plan.Blocker) bool { return b.ID == id })
}

// remarkAddresses says what an app without any address is: not reached by anybody
// and, to a `fly deploy` that takes its deployment for the first one, about to
// become public.
func (d *deployment) remarkAddresses() {
	if !d.empty() && d.addressless() {
		d.remark("the app has no address: nothing reaches it, and fly deploy may allocate public ones; calling allocate_flycast first keeps it private and is free")
	}
}

// addressless reports whether requests have no way to the app at all.
func (d *deployment) addressless() bool {
	return !slices.ContainsFunc(d.snapshot.Addresses.List, func(a fly.Address) bool { return a.Kind != fly.Egress })
}

// remarkImage says what the file tells of the image and deploy does not do.
func (d *deployment) remarkImage() {
	build := d.definition.Build
	switch {
	case build == nil || d.in.Image != "" || d.empty() || d.blocked(noMachines):
	case build.Image != "":
		d.remark("the file sets image %s; Machines keep the one they run unless you pass image", plan.Quote(build.Image))
	default:
		d.remark("nothing was built: to deploy new code, a person runs %s", d.flyDeploy())
	}
	if d.file.ReleaseCommand() != "" {
		d.remark("the file has a release_command, which is not run")
	}
}

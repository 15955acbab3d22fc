// Package deploy plans and applies deploys: it rolls the configuration of a
// fly.toml onto the Machines of an app, with the image that they run.
package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Tool is the name under which plans and journal entries of a deploy are kept.
const Tool = "deploy"

// Deployer plans and applies deploys.
type Deployer struct {
	Client  Client
	Journal *journal.Journal // nil: nothing is known of earlier deploys
	Record  func(journal.Entry)
	Clock   Clock
	Runs    Runs
}

// Clock tells and waits for time.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Runs are the runs of this process, as far as a deploy needs to know of them.
type Runs interface {
	// Changing reports whether a run has begun to change the app.
	Changing(app string) bool
	// Interruptible returns a context that ends when the process is to begin
	// nothing more.
	Interruptible(ctx context.Context) (context.Context, context.CancelFunc)
	// Halted is closed when somebody wants the app's run to end.
	Halted(app string) <-chan struct{}
}

// Input is what to deploy, and how.
type Input struct {
	App            string
	File           *flytoml.File
	Base           *flytoml.File // the file before patch_services edited it; nil if that is unknown
	Draft, Path    string        // how the call named the file, for the calls that results suggest
	Image          string
	Scope          string
	Strategy       string
	MaxUnavailable float64
	WaitTimeout    string
	OnFailure      string
	Wake           *bool
	Adopt          bool
}

// Proposal is a deploy that may be applied.
type Proposal = plan.Proposal[Work, Result]

// Result is what a deploy would do, or did.
type Result struct {
	plan.Result
	Changes  []string  `json:"changes,omitempty" jsonschema:"changes to the Machines' configuration"`
	Drift    []Drifted `json:"drift,omitempty" jsonschema:"changes other than the edit of patch_services"`
	Order    []string  `json:"order,omitempty" jsonschema:"steps, in order"`
	Expected string    `json:"expected,omitempty" jsonschema:"estimated time and how it is computed"`
	Machines *Counts   `json:"machines,omitempty"`
	Release  int       `json:"release,omitempty" jsonschema:"version recorded"`
	Remarks  []string  `json:"remarks,omitempty"`
}

// Counts are the Machines that are there. Total is the sum of all the
// others but Healthy and Unproven, which say again what was seen of them.
type Counts struct {
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

// Work is a planned deploy as Apply carries it out.
type Work struct {
	deployment
	Rollout rollout.Work
	out     Result
}

// Snapshot is the app as the plan saw it.
func (w Work) Snapshot() rules.Snapshot { return w.snapshot }

func (a *Deployer) Plan(ctx context.Context, in Input) (Proposal, error) {
	var none Proposal
	if name := in.File.App(); name != "" && name != in.App {
		return none, plan.Invalid("the file is for the app %s, not for %s", plan.Quote(name), in.App)
	}
	if err := in.File.Validate(); err != nil {
		return none, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	d := deployment{in: in, file: in.File}
	var err error
	if d.definition, err = in.File.Definition(); err != nil {
		return none, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	var problem *plan.Problem
	if d.settings, problem = settingsOf(in, d.definition.Deploy); problem != nil {
		return none, problem
	}
	if in.Image != "" && d.settings.scope == ScopeServices {
		return none, plan.Invalid("image needs scope all: scope services does not change the image")
	}
	if in.Image != "" && !imageName.MatchString(in.Image) {
		return none, plan.Invalid("image is %s; it must be a reference such as registry.fly.io/%s:TAG", plan.Quote(in.Image), in.App)
	}
	if d.snapshot, err = rules.Read(ctx, a.Client, in.App); err != nil {
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
	disks := &disks{client: a.Client, app: in.App}
	if err := d.compute(ctx, disks); err != nil {
		return none, err
	}
	if err := a.trace(ctx, &d, in.Base); err != nil {
		return none, err
	}
	if err := d.exposure(); err != nil {
		return none, err
	}
	a.unconfirmed(&d)
	if err := a.abandoned(ctx, &d); err != nil {
		return none, err
	}
	work, err := a.rollout(ctx, &d)
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
func (a *Deployer) planned(d deployment, work rollout.Work) Proposal {
	app, total := d.in.App, len(d.snapshot.Machines)
	out := Result{
		Changes: d.changeLines(), Drift: d.drifted(), Remarks: d.remarks,
		Machines: &Counts{Total: total, Unchanged: d.unchanged, Left: d.left, NotStarted: total - d.unchanged - d.left},
	}
	planned := Proposal{Plan: d.plan(work)}
	if !planned.Plan.Empty() {
		out.Order, out.Expected = d.order(work)
	}
	planned.Out, planned.Work = out, Work{deployment: d, Rollout: work, out: out}
	replaced, leftover := goings(work)
	does, n := "update", len(d.changes)-leftover
	if replaced > 0 {
		does, n = "replace", replaced
	}
	planned.Summary = fmt.Sprintf("Would %s %d of %s of %s", does, n, plan.Machines(total), app)
	switch creates := len(d.creates); {
	case creates > 0 && n == 0:
		planned.Summary = fmt.Sprintf("Would create %s of %s", plan.Machines(creates), app)
	case creates > 0:
		planned.Summary += fmt.Sprintf(" and create %d", creates)
	}
	planned.Summary += fmt.Sprintf(", %s.", d.settings.strategy)
	if leftover > 0 {
		planned.Summary += fmt.Sprintf(" Would destroy %d left over from an earlier deploy.", leftover)
	}
	planned.Nothing = d.nothing()
	if planned.Plan.Empty() {
		planned.Next = d.adoptNext()
	}
	if len(d.blockers) > 0 {
		planned.Next = d.wayRound()
		if d.blocked(NoMachines) {
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
		return fmt.Sprintf("Of the %s of %s, %d already have this configuration and %d were left alone. Nothing was changed.", plan.Machines(total), app, d.unchanged, left)
	case total == 1:
		return fmt.Sprintf("The one Machine of %s already has this configuration. Nothing was changed.", app)
	}
	return fmt.Sprintf("All %d Machines of %s already have this configuration. Nothing was changed.", total, app)
}

// wayRound is what to do instead when a deploy would open the app further.
func (d *deployment) wayRound() []plan.Next {
	if d.blocked(string(plan.NewPublicService)) {
		return []plan.Next{
			{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: d.in.App}, Why: "first, if it has no Flycast address"},
			{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: d.in.App}, Why: "then: without a public address, the new service is private from the start"},
		}
	}
	if d.blocked(CreationUnconfirmed) {
		return []plan.Next{{Who: "agent", Tool: Tool, Why: "wait until then and repeat the identical call: if the Machine exists, lists will show it"}}
	}
	if d.blocked(NoMachines) {
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
	case build == nil || d.in.Image != "" || d.empty() || d.blocked(NoMachines):
	case build.Image != "":
		d.remark("the file sets image %s; Machines keep the one they run unless you pass image", plan.Quote(build.Image))
	default:
		d.remark("nothing was built: to deploy new code, a person runs %s", d.flyDeploy())
	}
	if d.file.ReleaseCommand() != "" {
		d.remark("the file has a release_command, which is not run")
	}
}

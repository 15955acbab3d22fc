// Package deploy plans and applies deploys: it rolls the configuration of a fly.toml onto
// the Machines of an app, with the image that they run.
//
// Planning goes by stages, each of which returns a value: what each Machine becomes
// (package target), where the differences come from (package drift), what that does to
// those who reach the app (package exposure), what the journal has of earlier deploys
// (package history), and what package rollout is to do. The plan and the answer are made
// from these values.
package deploy

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/exposure"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/history"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Tool is the name under which plans and journal entries of a deploy are kept.
const Tool = history.Tool

// Deployer plans and applies deploys.
type Deployer struct {
	Client  Client
	Journal *journal.Journal // nil: nothing is known of earlier deploys
	Record  func(journal.Entry)
	Clock   rollout.Clock
	Runs    Runs
}

// Runs are the runs of this process, as far as a deploy needs to know of them.
type Runs interface {
	// Changing reports whether a run has begun to change the app.
	Changing(app string) bool
	// Interruptible returns a context that ends when the process is to begin nothing more.
	Interruptible(ctx context.Context) (context.Context, context.CancelFunc)
	// StopRequested returns a channel that is closed when somebody wants the app's run to end.
	StopRequested(app string) <-chan struct{}
}

// Input is what to deploy, and how. Empty options are the file's, else fly deploy's.
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

// Work is a planned deploy, for [Deployer.Apply].
type Work struct {
	Rollout rollout.Work
	judged  exposure.Deploy
	hazards []plan.Hazard
	planned Result
}

// Snapshot returns the app as the plan saw it.
func (w Work) Snapshot() rules.Snapshot { return w.judged.Before }

// After returns the app as the deploy will leave it, if all goes well: its Machines have the
// configuration that they get. The first Machines of an app have no id yet; other new ones are
// left out.
func (w Work) After() rules.Snapshot {
	s := w.judged.Before
	s.Machines = slices.Clone(s.Machines)
	for _, c := range w.Rollout.Updates {
		for i := range s.Machines {
			if s.Machines[i].ID == c.Before.ID {
				s.Machines[i].Config = c.After
			}
		}
	}
	if len(s.Machines) == 0 {
		for _, c := range w.Rollout.Creates {
			s.Machines = append(s.Machines, fly.Machine{State: "started", Region: c.Region, Config: c.Config})
		}
	}
	return s
}

// stages are the values that planning goes by, in the order in which they come about.
type stages struct {
	in         Input
	definition *flytoml.Definition
	snapshot   rules.Snapshot
	past       history.Past
	source     target.Source
	targets    target.Targets
	origins    origins
	work       rollout.Work
	judged     exposure.Deploy
	verdict    exposure.Verdict

	plan.Findings // of all stages
}

// Plan finds out what a deploy would do. Nothing is changed.
func (d *Deployer) Plan(ctx context.Context, in Input) (Proposal, error) {
	return d.plan(ctx, in, func() (rules.Snapshot, error) { return d.read(ctx, in.App) })
}

// PlanFrom plans as [Deployer.Plan] does, for an app that was read before.
func (d *Deployer) PlanFrom(ctx context.Context, snapshot rules.Snapshot, in Input) (Proposal, error) {
	return d.plan(ctx, in, func() (rules.Snapshot, error) { return snapshot, listed(snapshot) })
}

func (d *Deployer) plan(ctx context.Context, in Input, read func() (rules.Snapshot, error)) (Proposal, error) {
	s, err := d.stages(ctx, in, read)
	if err != nil {
		return Proposal{}, err
	}
	return s.proposal(), nil
}

func (d *Deployer) stages(ctx context.Context, in Input, read func() (rules.Snapshot, error)) (s stages, err error) {
	s.in = in
	if s.definition, err = in.definition(); err != nil {
		return s, err
	}
	options, err := in.options(s.definition.Deploy)
	if err != nil {
		return s, err
	}
	if s.snapshot, err = read(); err != nil {
		return s, err
	}
	if s.past, err = d.earlier(in.App); err != nil {
		return s, err
	}
	unlisted, err := d.unlisted(ctx, in.App, s.past.Created, s.snapshot.Machines)
	if err != nil {
		return s, err
	}
	s.snapshot.Machines = append(s.snapshot.Machines, unlisted...)
	s.source = target.Source{
		App: in.App, File: in.File, Definition: s.definition, Image: in.Image, ServicesOnly: in.Scope == ScopeServices,
		Strategy: options.Strategy, Adopt: in.Adopt, FlyDeploy: flyDeploy(in, s.snapshot),
	}
	if s.targets, err = target.Compute(ctx, s.source, d.state(in.App, s.snapshot.Machines, s.past)); err != nil {
		return s, err
	}
	lastRelease := sync.OnceValues(func() (fly.Release, error) { return d.Client.Release(ctx, in.App) })
	if s.origins, err = trace(ctx, in, s.targets.Updates, lastRelease); err != nil {
		return s, err
	}
	abandoned, doubts, err := d.abandoned(ctx, in.App, s.past)
	if err != nil {
		return s, err
	}
	s.work = options
	s.work.Updates, s.work.Creates, s.work.Abandoned = s.targets.Updates, s.targets.Creates, abandoned
	s.judged = exposure.Deploy{Before: s.snapshot, File: in.File, Work: s.work, Adopted: s.targets.Adopted}
	if s.verdict, err = exposure.Judge(s.judged); err != nil {
		return s, err
	}
	possible, err := d.possible(ctx, s.work)
	if err != nil {
		return s, err
	}
	release, notRecorded, err := newRelease(ctx, s.source, s.work, s.snapshot.Machines, lastRelease)
	if err != nil {
		return s, err
	}
	s.work.Release = release
	for _, found := range []plan.Findings{
		remarkUnlisted(unlisted), s.targets.Findings, s.origins.Findings, s.verdict.Findings,
		unconfirmed(s.work.Creates, s.past, d.Clock.Now()), doubts, possible, notRecorded, s.remarks(),
	} {
		s.Add(found)
	}
	return s, nil
}

// definition returns the file as flyctl understands it. The file must be one of the app's that
// flyctl would deploy.
func (in Input) definition() (*flytoml.Definition, error) {
	if name := in.File.App(); name != "" && name != in.App {
		return nil, plan.Invalid("the file is for the app %s, not for %s", plan.Quote(name), in.App)
	}
	if err := in.File.Validate(); err != nil {
		return nil, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	definition, err := in.File.Definition()
	if err != nil {
		return nil, plan.Invalid("flyctl would refuse the file: %s", outside.QuoteError(err))
	}
	return definition, nil
}

// read reads the app, whose Machines must be known.
func (d *Deployer) read(ctx context.Context, app string) (rules.Snapshot, error) {
	snapshot, err := rules.Read(ctx, d.Client, app)
	if err == nil {
		err = listed(snapshot)
	}
	return snapshot, err
}

// listed returns an error unless the snapshot has the Machines.
func listed(s rules.Snapshot) error {
	if s.MachinesKnown {
		return nil
	}
	return &plan.Problem{
		Code: gate.Unauthorized, Message: "this token is not allowed to read the app's Machines",
		Hint: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", s.Addresses.App.Name),
	}
}

func (d *Deployer) state(app string, machines []fly.Machine, past history.Past) target.State {
	return target.State{
		Machines: machines, Interrupted: past.Interrupted,
		Volumes: func(ctx context.Context) ([]fly.Volume, error) { return d.Client.Volumes(ctx, app) },
	}
}

// Behind counts the Machines that a deploy of the file's services would update (lacking),
// and those that it would only test (untested), as after a deploy that was interrupted:
// its release is recorded before its Machines are updated.
func (d *Deployer) Behind(ctx context.Context, app string, file *flytoml.File,
	list []fly.Machine) (lacking, untested int, err error) {
	past, err := d.earlier(app)
	if err != nil {
		return 0, 0, err
	}
	source := target.Source{App: app, File: file, ServicesOnly: true, Strategy: rollout.Rolling}
	targets, err := target.Compute(ctx, source, d.state(app, list, past))
	if err != nil {
		return 0, 0, err
	}
	for _, c := range targets.Updates {
		if c.Same() {
			untested++
		} else {
			lacking++
		}
	}
	return lacking, untested, nil
}

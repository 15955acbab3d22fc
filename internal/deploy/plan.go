package deploy

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Work is the deployment as the engine carries it out. What makes it
// impossible becomes a blocker.
func (a *Deployer) rollout(ctx context.Context, d *deployment) (rollout.Work, error) {
	work := d.toWork()
	if d.empty() {
		return work, nil
	}
	err := work.Check()
	if err == nil {
		err = work.Allowed(ctx, a.Client)
	}
	var refused *fly.Error
	switch {
	case errors.As(err, &refused) && refused.Code == gate.Precondition:
		d.block(plan.Blocker{ID: StrategyNotPossible, What: refused.Message, Fix: "use another strategy, such as rolling; that does not change the file"})
	case err != nil:
		return work, err
	}
	if len(d.creates) == 0 && !slices.ContainsFunc(d.changes, func(c rollout.Change) bool { return !c.Same() }) {
		return work, nil // nothing new is released
	}
	release, err := a.releaseOf(ctx, d)
	if err != nil {
		return work, err
	}
	work.Release = release
	return work, nil
}

// toWork is the deployment as the engine's value, but for the release.
func (d *deployment) toWork() rollout.Work {
	return rollout.Work{
		App: d.in.App, Strategy: d.settings.strategy, MaxUnavailable: d.settings.maxUnavailable, Updates: d.changes, Creates: d.creates,
		Abandoned: d.abandons, OnFailure: d.settings.onFailure, Wake: d.settings.wake, StartWithin: d.settings.waitTimeout, HealthyWithin: d.settings.waitTimeout,
	}
}

func (d *deployment) empty() bool { return len(d.changes)+len(d.creates) == 0 }

// plan is the deployment as a value.
func (d *deployment) plan(work rollout.Work) plan.Plan {
	p := plan.Plan{
		Tool: Tool, App: d.in.App, AppID: d.snapshot.Addresses.App.ID, Hazards: d.hazards, Blockers: d.blockers,
		Impact: d.impact(), Unknown: []plan.Unknown{plan.FlycastUnproven},
	}
	if !d.settings.wake {
		p.Unknown = append(p.Unknown, plan.StoppedUnproven)
	}
	if d.unsure() {
		p.Unknown = append(p.Unknown, plan.BuildUnknown)
	}
	if p.Has(plan.InternalCallersUnserved) {
		p.Unknown = append(p.Unknown, plan.InternalCallers)
	}
	if p.Has(plan.OpenToOtherNetwork) {
		p.Unknown = append(p.Unknown, plan.ForeignUsers)
	}
	rules.AddressFacts(&p, d.snapshot.Addresses.List)
	for _, m := range d.snapshot.Machines {
		p.Fact("machine/"+m.ID, m.InstanceID)
	}
	for origin, n := range d.origins() {
		p.Fact(plan.FactOrigin+string(origin), strconv.Itoa(n))
	}
	for group, ids := range d.vanished {
		p.Fact(plan.FactLeft+group, strings.Join(ids, ","))
	}
	for _, port := range d.closed {
		p.Fact(plan.FactCloses+port, "")
	}
	d.adoptFacts(&p)
	for _, r := range d.abandons {
		p.Fact("release/"+r.ID, "left as "+string(r.Status))
	}
	if d.file != nil {
		p.Fact("file", d.file.SHA256())
	}
	d.settings.facts(&p)
	d.widthFacts(&p, work)
	if !d.empty() {
		p.Steps = d.steps(work)
	}
	return p
}

func (d *deployment) impact() plan.Impact {
	has := func(h plan.Hazard) bool { return slices.Contains(d.hazards, h) }
	switch {
	case has(plan.AppUnreachable) && d.silent:
		return plan.ImpactUnreachable
	case has(plan.AppUnreachable):
		return plan.ImpactUnknown // some of it goes on answering
	case has(plan.BriefOutage):
		return plan.ImpactBriefOutage
	case has(plan.Restart):
		return plan.ImpactRestart
	}
	return plan.ImpactNone
}

// steps are what a grant must hold. Of Machines that run now the steps are those
// of stopped ones, too: they may stop while a person reads, and that must not
// make an approval stale.
func (d *deployment) steps(work rollout.Work) []plan.Step {
	work.Updates = slices.Clone(work.Updates)
	changes := make(map[string]rollout.Change)
	for i, c := range work.Updates {
		changes[c.Before.ID] = c
		work.Updates[i].Before.State = "stopped"
	}
	creates := make(map[string]rollout.Create)
	for _, c := range d.creates {
		creates[fly.NewMachine{Config: c.Config, Region: c.Region}.Target()] = c
	}
	all := work.Steps()
	ends, tells, held := endings(work, all), telling(all), d.held()
	var steps []plan.Step
	for i, s := range all {
		step := plan.Step{Verb: s.Verb, Target: s.Target}
		change, create := changes[s.Machine], creates[s.Target]
		end, goes := ends[s.Machine]
		switch {
		case s.Machine != "" && tells[s.Machine] != i:
		case goes:
			step.Params = append(described(s.Machine, s.Group, change.Before.Region), plan.Param{Name: plan.ParamEnd, Value: end})
		case s.Machine != "":
			step.Params, step.Changes = described(s.Machine, s.Group, change.Before.Region), given(change, held)
			if change.Same() {
				step.Params = append(step.Params, plan.Param{Name: plan.ParamProve, Value: "an earlier deploy was cut short"})
			}
		case s.Verb != gate.CreateMachine:
		case s.Role == rollout.RoleGreen:
			blue := changes[s.For]
			step.Params, step.Changes = described(s.For, s.Group, blue.Before.Region), given(blue, held)
		case s.Role == rollout.RoleCanary:
			step.Params = []plan.Param{{Name: plan.ParamGroup, Value: s.Group}, {Name: plan.ParamUntil, Value: string(d.settings.strategy)}}
		default:
			step.Params, step.Changes = described("", s.Group, create.Region), said(create, held)
		}
		steps = append(steps, step)
	}
	return steps
}

// endings says why Machines that are there now are destroyed.
func endings(work rollout.Work, steps []rollout.Step) map[string]string {
	ends := make(map[string]string)
	for _, c := range work.Destroyed() {
		ends[c.Before.ID] = "left over from an earlier deploy"
	}
	for _, s := range steps {
		if s.For != "" {
			ends[s.For] = "once the new one serves"
		}
	}
	return ends
}

// telling finds, for each existing Machine, the step that tells a person what
// becomes of it: its end or its update, else its first.
func telling(steps []rollout.Step) map[string]int {
	tells := make(map[string]int)
	rank := func(s rollout.Step) int {
		return slices.Index([]gate.Verb{gate.UpdateMachine, gate.DestroyMachine}, s.Verb)
	}
	for i, s := range steps {
		if at, seen := tells[s.Machine]; s.Machine != "" && (!seen || rank(s) > rank(steps[at])) {
			tells[s.Machine] = i
		}
	}
	return tells
}

// described are the parameters of a step that a person is shown.
func described(id, group, region string) []plan.Param {
	var params []plan.Param
	if id != "" {
		params = append(params, plan.Param{Name: plan.ParamMachine, Value: id})
	}
	return append(params, plan.Param{Name: plan.ParamGroup, Value: group}, plan.Param{Name: plan.ParamRegion, Value: region})
}

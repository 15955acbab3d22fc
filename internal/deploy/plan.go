package deploy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// plan returns the deploy as a value.
func (s stages) plan() plan.Plan {
	p := plan.Plan{
		Tool: Tool, Wording: Wording{}, App: s.in.App, AppID: s.snapshot.Addresses.App.ID, Hazards: s.Hazards,
		Blockers: s.Blockers,
		Impact:   s.impact(), Unknown: []plan.Unknown{plan.FlycastUnproven},
	}
	for _, u := range []struct {
		is   bool
		what plan.Unknown
	}{
		{!s.work.Wake, plan.StoppedUnproven}, {buildUnknown(s.work), plan.BuildUnknown},
		{p.Has(plan.InternalCallersUnserved), plan.InternalCallers}, {p.Has(plan.OpenToOtherNetwork), plan.ForeignUsers},
	} {
		if u.is {
			p.Unknown = append(p.Unknown, u.what)
		}
	}
	s.facts(&p)
	if !s.work.Empty() {
		p.Steps = planSteps(s.work, s.heldSecrets())
	}
	return p
}

// facts adds to the plan the facts that its steps are based on.
func (s stages) facts(p *plan.Plan) {
	rules.AddressFacts(p, s.snapshot.Addresses.List)
	for _, m := range s.snapshot.Machines {
		p.Fact("machine/"+m.ID, m.InstanceID)
	}
	for origin, n := range s.origins.counts() {
		p.Fact(plan.FactOrigin+string(origin), strconv.Itoa(n))
	}
	for group, ids := range s.targets.Vanished {
		p.Fact(plan.FactLeft+group, strings.Join(ids, ","))
	}
	for _, port := range s.verdict.Closed {
		p.Fact(plan.FactCloses+port, "")
	}
	for group, ids := range s.targets.Adopted {
		p.Fact(plan.FactAdopted+group, strings.Join(ids, ","))
	}
	for _, r := range s.work.Abandoned {
		p.Fact("release/"+r.ID, "left as "+string(r.Status))
	}
	if s.in.File != nil {
		p.Fact("file", s.in.File.SHA256())
	}
	optionFacts(p, s.in.Scope, s.work)
	for group, down := range s.judged.AtOnce() {
		p.Fact(plan.FactAtOnce+group, down)
	}
}

func (s stages) impact() plan.Impact {
	has := func(h plan.Hazard) bool { return slices.Contains(s.Hazards, h) }
	switch {
	case has(plan.AppUnreachable) && s.verdict.Silent:
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

// buildUnknown reports whether the build that some Machine will get is unknown.
func buildUnknown(w rollout.Work) bool {
	for _, c := range w.Updates {
		if !c.Same() && target.Mutable(c.After.Image()) {
			return true
		}
	}
	return slices.ContainsFunc(w.Creates, func(c rollout.Create) bool { return target.Mutable(c.Config.Image()) })
}

// heldSecrets returns the secrets that Fly holds of the app: on its Machines, and in the last
// release if that was read. A person who approves a deploy must see what the file brings,
// also where it may be a secret: the agent can have written it. What Fly holds stays
// masked, and so does a value of Fly's that the file only repeats.
func (s stages) heldSecrets() machine.HeldValues {
	held := make(machine.HeldValues)
	for _, m := range s.snapshot.Machines {
		held.Add(m.Config)
	}
	if s.origins.released == nil {
		return held
	}
	for _, group := range s.origins.released.Groups() {
		if config, err := s.origins.released.Apply(group, machine.Config{}); err == nil {
			held.Add(config)
		}
	}
	return held
}

// planSteps returns what a grant must hold. Of Machines that run now the steps are those of stopped
// ones, too: they may stop while a person reads, and that must not make an approval stale.
func planSteps(w rollout.Work, held machine.HeldValues) []plan.Step {
	w.Updates = slices.Clone(w.Updates)
	changes := make(map[string]rollout.Change)
	for i, c := range w.Updates {
		changes[c.Before.ID] = c
		w.Updates[i].Before.State = "stopped"
	}
	creates := make(map[string]rollout.Create)
	for _, c := range w.Creates {
		creates[fly.NewMachine{Config: c.Config, Region: c.Region}.Target()] = c
	}
	all := w.Steps()
	ends, shown := endings(w, all), shownSteps(all)
	var out []plan.Step
	for i, s := range all {
		step := plan.Step{Verb: s.Verb, Target: s.Target}
		change, create := changes[s.Machine], creates[s.Target]
		end, destroyed := ends[s.Machine]
		switch {
		case s.Machine != "" && shown[s.Machine] != i:
		case destroyed:
			step.Params = append(describe(s.Machine, s.Group, change.Before.Region),
				plan.Param{Name: plan.ParamEnd, Value: end})
		case s.Machine != "":
			step.Params, step.Changes = describe(s.Machine, s.Group, change.Before.Region), updateChanges(change, held)
			if change.Same() {
				step.Params = append(step.Params,
					plan.Param{Name: plan.ParamProve, Value: "an earlier deploy was cut short"})
			}
		case s.Verb != gate.CreateMachine:
		case s.Role == rollout.RoleGreen:
			blue := changes[s.For]
			step.Params, step.Changes = describe(s.For, s.Group, blue.Before.Region), updateChanges(blue, held)
		case s.Role == rollout.RoleCanary:
			step.Params = []plan.Param{{Name: plan.ParamGroup, Value: s.Group},
				{Name: plan.ParamUntil, Value: string(w.Strategy)}}
		default:
			step.Params, step.Changes = describe("", s.Group, create.Region), createChanges(create, held)
		}
		out = append(out, step)
	}
	return out
}

// endings says why Machines that exist now are destroyed, by id.
func endings(w rollout.Work, steps []rollout.Step) map[string]string {
	ends := make(map[string]string)
	for _, c := range w.Destroyed() {
		ends[c.Before.ID] = "left over from an earlier deploy"
	}
	for _, s := range steps {
		if s.For != "" {
			ends[s.For] = "once the new one serves"
		}
	}
	return ends
}

// shownSteps finds, for each existing Machine, the index of the step that a person is
// shown: its end or its update, else its first.
func shownSteps(steps []rollout.Step) map[string]int {
	shown := make(map[string]int)
	rank := func(s rollout.Step) int {
		return slices.Index([]gate.Verb{gate.UpdateMachine, gate.DestroyMachine}, s.Verb)
	}
	for i, s := range steps {
		if at, seen := shown[s.Machine]; s.Machine != "" && (!seen || rank(s) > rank(steps[at])) {
			shown[s.Machine] = i
		}
	}
	return shown
}

// describe gives the parameters of a step that a person is shown.
func describe(id, group, region string) []plan.Param {
	var params []plan.Param
	if id != "" {
		params = append(params,
			plan.Param{Name: plan.ParamMachine, Value: id})
	}
	return append(params,
		plan.Param{Name: plan.ParamGroup, Value: group},
		plan.Param{Name: plan.ParamRegion, Value: region})
}

// sameBuildNote is said of an image that is only pinned.
const sameBuildNote = "the same build"

// sameBuild reports whether a path of a change is an image that is only pinned.
func sameBuild(c rollout.Change, path string) bool {
	return path == "image" && target.SameBuild(c.Before, c.After.Image())
}

// updateChanges returns the changes of an existing Machine as the question shows them.
func updateChanges(c rollout.Change, held machine.HeldValues) []plan.Change {
	var out []plan.Change
	for _, change := range machine.DiffGiven(c.Before.Config, c.After, held) {
		shown := planChange(change)
		if sameBuild(c, change.Path) {
			shown.Note = sameBuildNote
		}
		out = append(out, shown)
	}
	return out
}

// createChanges returns the fields of a new Machine, without those that follow from its group
// and region: a form has few lines.
func createChanges(create rollout.Create, held machine.HeldValues) []plan.Change {
	follows := make(map[string]bool)
	for path, value := range map[string]string{
		"env.FLY_PROCESS_GROUP": create.Group, "metadata.fly_process_group": create.Group,
		"env.PRIMARY_REGION": create.Region, "metadata.fly_platform_version": "v2",
	} {
		section, key, _ := strings.Cut(path, ".")
		var have map[string]string
		follows[path] = json.Unmarshal(create.Config.Raw(section), &have) == nil && have[key] == value
	}
	var out []plan.Change
	for _, change := range machine.DiffGiven(machine.Config{}, create.Config, held) {
		if !follows[change.Path] {
			out = append(out, planChange(change))
		}
	}
	return out
}

func planChange(c machine.Change) plan.Change {
	return plan.Change{Path: c.Path, Before: c.Before, After: c.After, FromFile: c.Given}
}

package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// exposure compares what answers on public addresses before and after. A new
// service on a public app is refused; what is merely loosened is a hazard that
// the plan states first.
func (d *deployment) exposure() error {
	verdict := rules.Judge(d.snapshot.Addresses.List)
	public := verdict != rules.Private && verdict != rules.Unreachable
	for _, c := range d.changes {
		before, err := c.Before.Config.Services()
		if err != nil {
			return invalid("Machine %s: %.200s", c.Before.ID, err.Error())
		}
		after, err := c.After.Services()
		if err != nil {
			return invalid("group %s: %.200s", plan.Quote(c.Group), err.Error())
		}
		if public {
			d.opened(c, before, after)
		}
		d.stopping(c, before, after)
		// Not from run states: Machines stop while people read, and that must not
		// make an approval stale.
		d.hazard(plan.Restart)
		if d.alone(c) {
			d.hazard(plan.BriefOutage)
		}
		keys := machine.DiffKeys(c.Before.Config, c.After)
		if slices.Contains(keys, "env") || slices.Contains(keys, "checks") {
			d.hazard(plan.OtherConfigChanges)
		}
		if slices.Contains(keys, "image") {
			d.hazard(plan.ImageChange)
		}
	}
	return nil
}

func (d *deployment) hazard(h plan.Hazard) {
	if !slices.Contains(d.hazards, h) {
		d.hazards = append(d.hazards, h)
	}
}

// opened finds what would answer on public addresses and did not before.
func (d *deployment) opened(c rollout.Change, before, after []machine.Service) {
	had := make(map[string]machine.Port)
	for _, s := range before {
		for _, p := range s.Ports {
			had[s.Protocol+"/"+p.String()] = p
		}
	}
	for _, s := range after {
		for _, p := range s.Ports {
			was, ok := had[s.Protocol+"/"+p.String()]
			switch {
			case !ok:
				d.blockers = append(d.blockers, plan.Blocker{
					ID: string(plan.NewPublicService), What: fmt.Sprintf("port %s of group %s would be new, on an app with public addresses", p.String(), plan.Quote(c.Group)),
					Fix: "release the public addresses first (release_public_ips), then deploy",
				})
			case loosened(was, p):
				d.hazard(plan.PublicPlainHTTP)
			}
		}
	}
	d.blockers = slices.Compact(d.blockers)
}

// loosened reports whether a port lets plain text through that it did not before.
func loosened(was, is machine.Port) bool {
	tls := func(p machine.Port) bool { return slices.Contains(p.Handlers, "tls") }
	return was.ForceHTTPS && !is.ForceHTTPS || tls(was) && !tls(is)
}

// stopping finds Machines that would now be stopped when idle, and should not be.
func (d *deployment) stopping(c rollout.Change, before, after []machine.Service) {
	if !stops(after) || stops(before) {
		return
	}
	if c.Before.Config.AutoDestroy() {
		d.hazard(plan.MachineDestroyedOnStop)
	}
	if mounts, err := c.Before.Config.Mounts(); err == nil && len(mounts) == 0 && looksStateful(c.Before.Config.Image()) {
		d.hazard(plan.FilesLostOnStop)
	}
}

// stops reports whether Fly Proxy stops the Machine when it is idle: one
// service without autostop keeps it awake.
func stops(services []machine.Service) bool {
	if len(services) == 0 {
		return false
	}
	return !slices.ContainsFunc(services, func(s machine.Service) bool { return s.Autostop == nil || *s.Autostop == machine.AutostopOff })
}

// looksStateful guesses from the image's name that a program keeps its data in
// files, which a stop throws away without a volume.
func looksStateful(image string) bool {
	return slices.ContainsFunc([]string{"postgres", "mysql", "mariadb", "redis", "sqlite", "minio", "mongo"}, func(name string) bool {
		return strings.Contains(image, name)
	})
}

// alone reports whether the Machine is the only one of its group.
func (d *deployment) alone(c rollout.Change) bool {
	return !slices.ContainsFunc(d.snapshot.Machines, func(m fly.Machine) bool {
		return m.ID != c.Before.ID && m.Config.ProcessGroup() == c.Before.Config.ProcessGroup()
	})
}

// plan is the deployment as a value.
func (d *deployment) plan() plan.Plan {
	p := plan.Plan{
		Tool: "deploy", App: d.in.App, AppID: d.snapshot.Addresses.App.ID, Hazards: d.hazards, Blockers: d.blockers,
		Impact: plan.ImpactNone, Unknown: []plan.Unknown{plan.FlycastUnproven, plan.StoppedUnproven},
	}
	switch {
	case p.Has(plan.BriefOutage):
		p.Impact = plan.ImpactBriefOutage
	case p.Has(plan.Restart):
		p.Impact = plan.ImpactRestart
	}
	addressFacts(&p, d.snapshot.Addresses.List)
	for _, m := range d.snapshot.Machines {
		p.Fact("machine/"+m.ID, m.InstanceID)
	}
	for _, c := range d.changes {
		p.Steps = append(p.Steps, machineSteps(c)...)
	}
	return p
}

// machineSteps are what a grant must hold for one Machine: its lease, its
// update, and its earlier configuration for the case that it fails.
func machineSteps(c rollout.Change) []plan.Step {
	update := plan.Step{Verb: gate.UpdateMachine, Target: fly.UpdateTarget(c.Before.ID, c.After), Params: []plan.Param{
		{Name: plan.ParamMachine, Value: c.Before.ID},
		{Name: plan.ParamGroup, Value: c.Group},
		{Name: plan.ParamRegion, Value: c.Before.Region},
	}}
	for _, change := range machine.Diff(c.Before.Config, c.After) {
		update.Params = append(update.Params, plan.Param{Name: plan.ParamChange, Value: change.String()})
	}
	return []plan.Step{
		{Verb: gate.LeaseMachine, Target: c.Before.ID},
		update,
		{Verb: gate.PutBackMachine, Target: fly.UpdateTarget(c.Before.ID, c.Before.Config)},
	}
}

// changeLines tells by group what differs, at most twenty lines.
func (d *deployment) changeLines() []string {
	const most = 20
	var out []string
	seen := make(map[string]bool)
	for _, c := range d.changes {
		for _, change := range machine.Diff(c.Before.Config, c.After) {
			line := plan.Line(c.Group + ": " + change.String())
			if seen[line] {
				continue
			}
			seen[line] = true
			if len(out) == most {
				return append(out, "and more")
			}
			out = append(out, line)
		}
	}
	return out
}

package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// audience is who comes in through the app's addresses, beside its own network.
type audience struct {
	public  bool // anybody, or it cannot be told
	foreign bool // a Flycast address is, or may be, for another network
}

func audienceOf(s rules.Snapshot) audience {
	verdict := rules.Judge(s.Addresses.List)
	return audience{
		public: verdict != rules.Private && verdict != rules.Unreachable,
		foreign: slices.ContainsFunc(s.Addresses.List, func(a fly.Address) bool {
			return a.Kind == fly.Flycast && s.Own(a) != rules.Yes
		}),
	}
}

// exposure compares what answers before and after, and whom. A new service on a
// public app is refused; what is merely loosened, and what would no longer
// answer, is a hazard that the plan states first.
func (d *deployment) exposure() error {
	reach := audienceOf(d.snapshot)
	d.unreachable(reach)
	d.closing(reach)
	d.sleeping()
	if len(d.toWork().Destroyed()) > 0 {
		d.hazard(plan.MachinesReplaced)
	}
	for _, c := range d.changes {
		if c.Same() {
			continue
		}
		before, err := c.Before.Config.Services()
		if err != nil {
			return plan.Invalid("Machine %s: %s", c.Before.ID, outside.Error(err, 200))
		}
		after, err := c.After.Services()
		if err != nil {
			return plan.Invalid("group %s: %s", plan.Quote(c.Group), outside.Error(err, 200))
		}
		d.opened(c.Group, before, after, reach)
		d.stopping(c, before, after)
		d.changing(c)
	}
	d.outages()
	if how := d.settings.onFailure; (how == rollout.Stop || how == rollout.Continue) && !d.empty() {
		d.hazard(plan.NotPutBack)
	}
	for _, c := range d.creates {
		after, err := c.Config.Services()
		if err != nil {
			return plan.Invalid("group %s: %s", plan.Quote(c.Group), outside.Error(err, 200))
		}
		d.opened(c.Group, nil, after, reach)
		d.hazard(plan.MachineCreated)
		if !d.runs(c.Config.Image()) {
			d.hazard(plan.ImageChange)
		}
	}
	return nil
}

// runs reports whether a Machine of the app has that image.
func (d *deployment) runs(image string) bool {
	return slices.ContainsFunc(d.snapshot.Machines, func(m fly.Machine) bool { return sameBuild(m, image) })
}

// changing states what a change does to a Machine, whatever it serves. Not from
// run states: Machines stop while people read, and that must not make an
// approval stale.
func (d *deployment) changing(c rollout.Change) {
	d.hazard(plan.Restart)
	for _, key := range machine.DiffKeys(c.Before.Config, c.After) {
		switch {
		case key == "services" || key == "metadata" && !otherMetadata(c):
		case key == "image" && sameBuild(c.Before, c.After.Image()): // by its digest now
		case key == "image":
			d.hazard(plan.ImageChange)
		default:
			d.hazard(plan.OtherConfigChanges)
		}
	}
}

// otherMetadata reports whether more of the metadata changes than the process
// group, which flyctl writes under a newer name.
func otherMetadata(c rollout.Change) bool {
	return slices.ContainsFunc(machine.Diff(c.Before.Config, c.After), func(change machine.Change) bool {
		return strings.HasPrefix(change.Path, "metadata.") && change.Path != "metadata."+machine.MetadataProcessGroup
	})
}

func (d *deployment) hazard(h plan.Hazard) {
	if !slices.Contains(d.hazards, h) {
		d.hazards = append(d.hazards, h)
	}
}

// unreachable finds what would keep the app from answering that does not now,
// by the rules of release readiness; over public addresses Fly Proxy does TLS
// and follows its own redirects.
func (d *deployment) unreachable(reach audience) {
	after := d.afterwards()
	before := d.snapshot.Blockers()
	for _, b := range after.Blockers() {
		ends := b.ID == plan.NoServices || b.ID == plan.NoPorts || !reach.public && (b.ID == plan.ForceHTTPS || b.ID == plan.TLSOnly)
		if ends && !slices.ContainsFunc(before, func(had plan.Blocker) bool { return had.ID == b.ID }) {
			d.lost = append(d.lost, b.What)
		}
	}
	d.silent = len(answering(after, reach.public)) == 0
	gone := d.silent && len(answering(d.snapshot, reach.public)) > 0
	for _, c := range d.changes {
		if was, is := c.Before.Config.ServicesOrNone(), c.After.ServicesOrNone(); sleepsForGood(is) && !sleepsForGood(was) {
			d.lost = append(d.lost, fmt.Sprintf("Machine %s stops when idle, and no request starts it again (autostart is off)", c.Before.ID))
		}
	}
	for _, c := range d.changes {
		if lost := machine.LostPrograms(c.Before.Config.ServicesOrNone(), c.After.ServicesOrNone()); slices.Contains(d.adopted[c.Group], c.Before.ID) && len(lost) > 0 {
			d.lost = append(d.lost, fmt.Sprintf("Machine %s, which fly deploy did not make, no longer serves internal port %s: the file does not have it", c.Before.ID, strings.Trim(fmt.Sprint(lost), "[]")))
		}
	}
	if gone && len(d.lost) == 0 {
		d.lost = append(d.lost, "no port of the app leads to a program that answers")
	}
}

// afterwards is the snapshot as it would be after the deploy.
func (d *deployment) afterwards() rules.Snapshot {
	s := d.snapshot
	s.Machines = slices.Clone(s.Machines)
	for _, c := range d.changes {
		if i := slices.IndexFunc(s.Machines, func(m fly.Machine) bool { return m.ID == c.Before.ID }); i >= 0 {
			s.Machines[i].Config = c.After
		}
	}
	for _, c := range d.creates {
		s.Machines = append(s.Machines, fly.Machine{ID: "new in " + c.Group, Region: c.Region, State: "started", Config: c.Config})
	}
	return s
}

// sleepsForGood reports whether Fly Proxy stops an idle Machine and nothing
// starts it again.
func sleepsForGood(list []machine.Service) bool {
	return machine.AllStop(list) && !slices.ContainsFunc(list, func(s machine.Service) bool {
		return !asleep(s) || s.MinMachinesRunning != nil && *s.MinMachinesRunning > 0
	})
}

// stopping finds Machines that would now be stopped when idle, and should not be.
func (d *deployment) stopping(c rollout.Change, before, after []machine.Service) {
	if machine.NewlySleeps(before, after) {
		d.hazard(plan.InternalCallersUnserved)
	}
	if !machine.AllStop(after) || machine.AllStop(before) {
		return
	}
	if c.Before.Config.AutoDestroy() {
		d.hazard(plan.MachineDestroyedOnStop)
	}
	if mounts, err := c.Before.Config.Mounts(); err == nil && len(mounts) == 0 && looksStateful(c.Before.Config.Image()) {
		d.hazard(plan.FilesLostOnStop)
	}
}

// looksStateful guesses from the image's name that a program keeps its data in
// files, which a stop throws away without a volume.
func looksStateful(image string) bool {
	engine := machine.EngineOfImage(image)
	return engine != nil && !engine.Ships || slices.ContainsFunc([]string{"postgres", "mysql", "mariadb", "redis", "sqlite", "minio", "mongo"}, func(name string) bool {
		return strings.Contains(image, name)
	})
}

// hostless reports whether the host of a Machine is not well.
func hostless(m fly.Machine) bool { return m.HostStatus != "" && m.HostStatus != "ok" }

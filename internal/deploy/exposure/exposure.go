// Package exposure judges what a deploy does to those who reach the app: what becomes
// reachable and for whom, what stops answering, and what may be down meanwhile. It is
// pure, and never depends on run states: Machines stop while people read, and that must
// not make an approval stale.
package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Deploy is what is judged.
type Deploy struct {
	Before  rules.Snapshot
	File    *flytoml.File
	Work    rollout.Work
	Adopted map[string][]string // group → ids of the Machines that it gets by adopt
}

// Verdict is what a deploy does to those who reach the app.
type Verdict struct {
	plan.Findings
	Closed []string // ports that answer now and would not, such as 443 or 5000/udp
	Silent bool     // nothing of the app would answer
}

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
			return a.Kind == fly.Flycast && s.IsOwnNetwork(a) != rules.Yes
		}),
	}
}

// Judge compares what answers before and after, and whom. A new service on a public app
// is a blocker; what is merely loosened, and what would no longer answer, is a hazard.
func Judge(d Deploy) (Verdict, error) {
	var v Verdict
	reach, after := audienceOf(d.Before), d.after()
	v.Silent = len(answeringDoors(after, reach.public)) == 0
	if len(d.Before.Inbound()) > 0 {
		v.Closed = closedPorts(d.Before, after, reach.public)
	}
	v.Add(d.losses(after, reach, v))
	v.Add(d.staysStopped(after))
	if len(d.Work.Destroyed()) > 0 {
		v.Hazard(plan.MachinesReplaced)
	}
	doors := d.groupDoors()
	for _, c := range d.Work.Updates {
		if c.Same() {
			continue
		}
		before, err := c.Before.Config.Services()
		if err != nil {
			return Verdict{}, plan.Invalid("Machine %s: %s", c.Before.ID, outside.Error(err, 200))
		}
		services, err := servicesOf(c.Group, c.After)
		if err != nil {
			return Verdict{}, err
		}
		v.Add(d.opened(c.Group, before, services, doors[c.Group], reach))
		v.Add(autostopHazards(c.Before.Config, before, services))
		v.Add(changeHazards(c))
	}
	if d.briefOutage() {
		v.Hazard(plan.BriefOutage)
	}
	if how := d.Work.OnFailure; (how == rollout.Stop || how == rollout.Continue) && !d.Work.Empty() {
		v.Hazard(plan.NotPutBack)
	}
	for _, c := range d.Work.Creates {
		services, err := servicesOf(c.Group, c.Config)
		if err != nil {
			return Verdict{}, err
		}
		v.Add(d.opened(c.Group, nil, services, doors[c.Group], reach))
		v.Hazard(plan.MachineCreated)
		runs := func(m fly.Machine) bool { return target.SameBuild(m, c.Config.Image()) }
		if !slices.ContainsFunc(d.Before.Machines, runs) {
			v.Hazard(plan.ImageChange)
		}
	}
	return v, nil
}

func servicesOf(group string, config machine.Config) ([]machine.Service, error) {
	list, err := config.Services()
	if err != nil {
		return nil, plan.Invalid("group %s: %s", plan.Quote(group), outside.Error(err, 200))
	}
	return list, nil
}

// after returns the snapshot as it would be after the deploy.
func (d Deploy) after() rules.Snapshot {
	s := d.Before
	s.Machines = slices.Clone(s.Machines)
	for _, c := range d.Work.Updates {
		if i := slices.IndexFunc(s.Machines, func(m fly.Machine) bool { return m.ID == c.Before.ID }); i >= 0 {
			s.Machines[i].Config = c.After
		}
	}
	for _, c := range d.Work.Creates {
		s.Machines = append(s.Machines, fly.Machine{ID: "new in " + c.Group, Region: c.Region,
			State: "started", Config: c.Config})
	}
	return s
}

// changeHazards returns the hazards of what an update does to a Machine, whatever it serves.
func changeHazards(c rollout.Change) (found plan.Findings) {
	found.Hazard(plan.Restart)
	for _, key := range machine.DiffKeys(c.Before.Config, c.After) {
		switch {
		case key == "services" || key == "metadata" && !otherMetadata(c):
		case key == "image" && target.SameBuild(c.Before, c.After.Image()): // by its digest now
		case key == "image":
			found.Hazard(plan.ImageChange)
		default:
			found.Hazard(plan.OtherConfigChanges)
		}
	}
	return found
}

// otherMetadata reports whether more of the metadata changes than the process group,
// which flyctl writes under a newer name.
func otherMetadata(c rollout.Change) bool {
	return slices.ContainsFunc(machine.Diff(c.Before.Config, c.After), func(change machine.Change) bool {
		return strings.HasPrefix(change.Path, "metadata.") && change.Path != "metadata."+machine.MetadataProcessGroup
	})
}

// autostopHazards returns the hazards of an update after which a Machine is stopped when idle.
func autostopHazards(config machine.Config, before, after []machine.Service) (found plan.Findings) {
	if machine.NewlySleeps(before, after) {
		found.Hazard(plan.InternalCallersUnserved)
	}
	if !machine.AllStop(after) || machine.AllStop(before) {
		return found
	}
	if config.AutoDestroy() {
		found.Hazard(plan.MachineDestroyedOnStop)
	}
	if mounts, err := config.Mounts(); err == nil && len(mounts) == 0 && looksStateful(config.Image()) {
		found.Hazard(plan.FilesLostOnStop)
	}
	return found
}

// looksStateful guesses from the image's name that a program keeps its data in files,
// which a stop throws away without a volume.
func looksStateful(image string) bool {
	engine := machine.EngineOfImage(image)
	return engine != nil && !engine.Ships || slices.ContainsFunc(
		[]string{"postgres", "mysql", "mariadb", "redis", "sqlite", "minio", "mongo"},
		func(name string) bool { return strings.Contains(image, name) })
}

// staysStopped finds the groups of the file that stop when idle after the deploy, changed
// by it or not, although no request starts them again: no service of theirs has a port, or
// they serve UDP alone, or autostart is off.
func (d Deploy) staysStopped(after rules.Snapshot) (found plan.Findings) {
	if d.Work.Empty() || d.File == nil {
		return found
	}
	groups, seen := d.File.Groups(), make(map[string]bool)
	for _, m := range after.Machines {
		group, list := d.groupOf(m), m.Config.ServicesOrNone()
		if seen[group] || !slices.Contains(groups, group) || !m.Whole() || !machine.AllStop(list) ||
			machine.AnyWoken(list) {
			continue
		}
		why := "autostart is off"
		switch {
		case machine.AnyRouted(list) && machine.Minimum(list) > 0:
			continue // a Machine is kept running
		case machine.AnyRouted(list):
		case slices.ContainsFunc(list, machine.Service.HasPort):
			why = "all its services are UDP"
		default:
			why = "none of its services has a port"
		}
		seen[group] = true
		found.Hazard(plan.StaysStopped)
		found.Remark("after this deploy: group %s stops when idle, and no request starts it again (%s); "+
			"patch_services with autostop off for this group keeps it running", plan.Quote(group), why)
	}
	return found
}

// groupOf returns the process group of a Machine, the file's default one if it names none.
func (d Deploy) groupOf(m fly.Machine) string {
	group := m.Config.ProcessGroup()
	if group == "" && d.File != nil {
		return d.File.DefaultGroup()
	}
	return group
}

// losses finds what would keep the app from answering that does not now, by the rules of
// release readiness; over public addresses Fly Proxy does TLS and follows its own
// redirects.
func (d Deploy) losses(after rules.Snapshot, reach audience, v Verdict) (found plan.Findings) {
	var lost []string
	before := d.Before.Blockers()
	for _, b := range after.Blockers() {
		ends := b.ID == plan.NoServices || b.ID == plan.NoPorts ||
			!reach.public && (b.ID == plan.ForceHTTPS || b.ID == plan.TLSOnly)
		if ends && !slices.ContainsFunc(before, func(had plan.Blocker) bool { return had.ID == b.ID }) {
			lost = append(lost, b.What)
		}
	}
	for _, c := range d.Work.Updates {
		if sleepsForGood(c.After.ServicesOrNone()) && !sleepsForGood(c.Before.Config.ServicesOrNone()) {
			lost = append(lost, fmt.Sprintf("Machine %s stops when idle, and no request starts it again (autostart is off)",
				c.Before.ID))
		}
	}
	for _, c := range d.Work.Updates {
		ports := machine.LostPrograms(c.Before.Config.ServicesOrNone(), c.After.ServicesOrNone())
		if len(ports) > 0 && slices.Contains(d.Adopted[c.Group], c.Before.ID) {
			lost = append(lost, fmt.Sprintf("Machine %s, which fly deploy did not make, no longer serves "+
				"internal port %s: the file does not have it",
				c.Before.ID, strings.Trim(fmt.Sprint(ports), "[]")))
		}
	}
	if len(lost) == 0 && v.Silent && len(answeringDoors(d.Before, reach.public)) > 0 {
		lost = append(lost, "no port of the app leads to a program that answers")
	}
	if reach.public && len(v.Closed) > 0 {
		found.Hazard(plan.PublicAccessEnds)
	}
	if reach.public || len(lost) == 0 { // else it is said already
		for _, port := range v.Closed {
			what := fmt.Sprintf("port %s no longer answers", port)
			if reach.public {
				found.Remark("after this deploy: %s", what)
			} else {
				lost = append(lost, what)
			}
		}
	}
	if len(lost) > 0 {
		found.Hazard(plan.AppUnreachable)
	}
	for _, what := range lost {
		found.Remark("after this deploy: %s", what)
	}
	return found
}

// closedPorts returns the ports of one snapshot that answer nowhere in another.
func closedPorts(before, after rules.Snapshot, public bool) []string {
	var out []string
	stays := answeringDoors(after, public)
	for _, was := range answeringDoors(before, public) {
		name := was.port.String()
		if was.protocol() == "udp" {
			name += "/udp"
		}
		if !was.within(stays) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// answeringDoors returns the ports through which requests get to a program, sorted. Over Flycast
// only plain ports do, and in no case those of a Machine that stays stopped once it is.
func answeringDoors(s rules.Snapshot, public bool) []door {
	var out []door
	for _, m := range s.Machines {
		list := m.Config.ServicesOrNone()
		if sleepsForGood(list) {
			continue
		}
		for _, d := range doorsOf(list) {
			if public || d.protocol() != "udp" && !d.port.ForceHTTPS && !d.port.IsEncrypted() {
				out = append(out, d)
			}
		}
	}
	sortDoors(out)
	return out
}

// sleepsForGood reports whether Fly Proxy stops an idle Machine and nothing starts it
// again.
func sleepsForGood(list []machine.Service) bool {
	return machine.AllStop(list) && !slices.ContainsFunc(list, func(s machine.Service) bool {
		return !neverStarted(s) || s.MinMachinesRunning != nil && *s.MinMachinesRunning > 0
	})
}

package deploy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// deployment computes what a file changes on the live Machines: compute finds
// the changes, trace where they come from, exposure judges them.
type deployment struct {
	in         Input
	settings   settings
	file       *flytoml.File
	definition *flytoml.Definition
	snapshot   rules.Snapshot

	changes   []rollout.Change
	creates   []rollout.Create
	unchanged int
	left      int                 // Machines that are left alone
	vanished  map[string][]string // group that the file lacks → ids of its Machines
	leaving   told                // why Machines are left alone
	unread    told                // why Machines cannot be updated from what is known of them
	replaced  told                // why Machines would have to be replaced
	waiting   told                // why Machines have to be waited for
	activated told                // Machines that stop being standbys
	resolved  told                // what their images' tags mean
	cordoned  told                // Machines that get no requests
	faceless  []string            // Machines whose group nobody can tell: their hosts are down
	detached  []string            // Machines that adopt would update, left alone without it
	groupless []string            // Machines to adopt that could be of several groups
	adopted   map[string][]string // group → ids of the Machines that it gets by adopt
	hazards   []plan.Hazard
	blockers  []plan.Blocker
	remarks   []string
	closed    []string          // ports that answer now, and would not
	grouped   map[string][]door // ports of each group before, once they are asked for
	lost      []string          // what would keep the app from answering, and does not now
	silent    bool              // nothing of the app would answer

	released  *flytoml.File // the last release; nil if it was not read
	report    drift.Report  // where the changes come from
	past      past          // earlier deploys
	edited    bool          // they are compared with the file before the edit of its services
	abandons  []fly.Release // releases that they left as running
	exchanged map[string]bool
}

// blocker ids of deploy, beside those of release readiness.
const (
	HostDown                = "host_down"
	NoMachines              = "no_machines"
	NoRegion                = "no_region"
	ReplacementNeeded       = "replacement_needed"
	IncompleteConfiguration = "incomplete_configuration"
	StrategyNotPossible     = "strategy_not_possible"
	CreationUnconfirmed     = "creation_unconfirmed"
)

func (d *deployment) block(b plan.Blocker) { d.blockers = append(d.blockers, b) }

func (d *deployment) remark(format string, args ...any) {
	d.remarks = append(d.remarks, fmt.Sprintf(format, args...))
}

// told are the Machines about which the same is to be said. Of many Machines one
// sentence is made.
type told struct {
	of  []string // what is said, in the order in which it first came up
	ids map[string][]string
}

func (t *told) say(what, id string) {
	if t.ids == nil {
		t.ids = make(map[string][]string)
	}
	if t.ids[what] == nil {
		t.of = append(t.of, what)
	}
	t.ids[what] = append(t.ids[what], id)
}

// each gives every sentence with its Machines: Machine 148e1, Machines 148e1, 148e2.
func (t *told) each(do func(what, machines string)) {
	for _, what := range t.of {
		word := "Machine "
		if len(t.ids[what]) > 1 {
			word = "Machines "
		}
		do(what, word+plan.Few(t.ids[what]))
	}
}

// leave counts a Machine that is left alone.
func (d *deployment) leave(id, what string) {
	d.left++
	d.leaving.say(what, id)
}

// compute sorts the Machines out by group, and finds what each is to become.
func (d *deployment) compute(ctx context.Context, disks *disks) error {
	groups, served := d.file.Groups(), make(map[string]bool)
	d.exchanged = d.halfExchanged()
	d.vanished = make(map[string][]string)
	for _, m := range d.snapshot.Machines {
		if err := ctx.Err(); err != nil {
			return err
		}
		group := cmp.Or(m.Config.ProcessGroup(), d.file.DefaultGroup())
		down := hostless(m)
		switch {
		case !m.Whole() && down:
			served[group] = true
			if m.Config.ProcessGroup() == "" {
				d.faceless = append(d.faceless, m.ID)
			}
			if err := d.stranded(ctx, disks, m); err != nil {
				return err
			}
		case !m.Whole(): // whose it is cannot be told either
			d.unread.say("the platform does not return its whole configuration: an update would lose the rest", m.ID)
		case !m.Config.FlyLaunch():
			adopted, why := d.adopts(m)
			if why != "" {
				d.leave(m.ID, why)
				break
			}
			served[adopted] = true
			if err := d.update(ctx, disks, adopted, m, down); err != nil {
				return err
			}
		case m.Config.Label(machine.MetadataCanary) == "true" && d.settings.strategy == rollout.Canary:
			d.changes = append(d.changes, rollout.Change{Before: m, Group: group, After: m.Config}) // the strategy destroys it
		case m.Config.Label(machine.MetadataCanary) == "true":
			d.leave(m.ID, "left over from an earlier canary deploy (fly machine destroy removes it)")
		case !slices.Contains(groups, group):
			d.left++
			d.vanished[group] = append(d.vanished[group], m.ID)
		default:
			served[group] = true
			if err := d.update(ctx, disks, group, m, down); err != nil {
				return err
			}
		}
	}
	d.tell()
	d.checkAdopt()
	for _, group := range slices.Sorted(maps.Keys(d.vanished)) {
		ids := d.vanished[group]
		d.remark("group %s is not in the file: its %s (%s) are not changed; fly deploy would destroy them", plan.Quote(group), plan.Machines(len(ids)), plan.Few(ids))
	}
	rollout.Sort(d.changes)
	return d.supply(ctx, disks, slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return served[g] }))
}

// update finds what one Machine is to become.
func (d *deployment) update(ctx context.Context, disks *disks, group string, m fly.Machine, down bool) error {
	after, err := d.after(group, m)
	if err != nil {
		return plan.Invalid("group %s: %s", plan.Quote(group), outside.Error(err, 300))
	}
	if machine.Equal(m.Config, after) {
		if d.past.unfinished.halfDone(m.ID) || d.exchanged[group] {
			d.changes = append(d.changes, rollout.Change{Before: m, Group: group, After: m.Config}) // to be proved
			return nil
		}
		d.unchanged++
		if m.State == "failed" {
			d.remark("Machine %s already has this configuration but is in state failed", m.ID)
		}
		return nil
	}
	if down {
		return d.stranded(ctx, disks, m)
	}
	why, err := d.replaces(group, m.Config, after)
	if err != nil {
		return err
	}
	if why != "" {
		d.replaced.say(why, m.ID)
	}
	if standby(m.Config) && !standby(after) {
		d.activated.say("no longer a standby, because its group has services (as with fly deploy)", m.ID)
	}
	if m.Cordoned && serves(after) {
		d.cordoned.say("cordoned: Fly Proxy sends it no requests, before or after the deploy", m.ID)
	}
	if after, err = d.keepImage(m, after); err != nil {
		return err
	}
	d.changes = append(d.changes, rollout.Change{Before: m, Group: group, After: after})
	return nil
}

// stranded is a Machine that would have to be updated and whose host is not
// well: one with a volume has to be waited for.
func (d *deployment) stranded(ctx context.Context, disks *disks, m fly.Machine) error {
	attached, err := disks.of(ctx, m)
	if err != nil {
		return err
	}
	if attached {
		d.waiting.say(fmt.Sprintf("its host is %s and has its volume", plan.Quote(m.HostStatus)), m.ID)
		return nil
	}
	d.leave(m.ID, fmt.Sprintf("on a host that is %s (fly deploy would replace it)", plan.Quote(m.HostStatus)))
	return nil
}

// tell makes remarks and blockers of what was found about single Machines.
func (d *deployment) tell() {
	block := func(id, fix string) func(what, machines string) {
		return func(what, machines string) { d.block(plan.Blocker{ID: id, What: machines + ": " + what, Fix: fix}) }
	}
	d.leaving.each(func(what, machines string) { d.remark("left alone: %s: %s", machines, what) })
	d.activated.each(func(what, machines string) { d.remark("%s: %s", machines, what) })
	d.cordoned.each(func(what, machines string) { d.remark("%s: %s", machines, what) })
	d.unread.each(block(IncompleteConfiguration, ""))
	d.waiting.each(block(HostDown, "wait for the host, or restore the volume from a snapshot and replace the Machine with flyctl"))
	d.replaced.each(block(ReplacementNeeded, "that needs a new Machine: make the file match the current Machine, or use fly deploy, which destroys the Machine and creates another"))
}

// after is the configuration a Machine would get. Another image stands in the
// configuration that the conversion starts from: so a container that runs the
// app's image gets it too.
func (d *deployment) after(group string, m fly.Machine) (machine.Config, error) {
	from := m.Config
	if d.in.Image != "" {
		var err error
		if from, err = from.With("image", d.in.Image); err != nil {
			return machine.Config{}, err
		}
	}
	after, err := drift.Apply(d.file, group, from)
	if err != nil {
		return machine.Config{}, err
	}
	if d.settings.scope == ScopeServices {
		only, err := servicesOnly(m.Config, after)
		if err != nil || m.Config.FlyLaunch() {
			return only, err
		}
		return labeled(only, after)
	}
	return rollout.KeepVolumes(m.Config, after)
}

// servicesOnly is a configuration with the services and checks of another one.
// A standby that has services now stops being one.
func servicesOnly(config, of machine.Config) (machine.Config, error) {
	var err error
	for _, key := range []string{"services", "checks"} {
		raw := of.Raw(key)
		if raw == nil {
			config = config.Without(key)
			continue
		}
		if config, err = config.With(key, raw); err != nil {
			return machine.Config{}, err
		}
	}
	if standby(of) {
		return config, nil
	}
	return drift.ActiveOf(config)
}

// replaces says why the platform could not make one configuration of the other
// on the Machine that is there, empty if it can (flyctl,
// machines_launchinput.go).
func (d *deployment) replaces(group string, before, after machine.Config) (string, error) {
	if d.settings.scope == ScopeServices {
		return "", nil
	}
	had, err := before.Mounts()
	if err != nil {
		return "", err
	}
	want, err := after.Mounts()
	if err != nil {
		return "", err
	}
	switch {
	case len(want) > 1:
		return fmt.Sprintf("the file has %d [[mounts]] for group %s, but a Machine can have only one volume", len(want), plan.Quote(group)), nil
	case len(had) > 1:
		return fmt.Sprintf("it has %d volumes, but a fly.toml can name only one", len(had)), nil
	case len(had) > 0 && len(want) == 0:
		return fmt.Sprintf("it has the volume %s, but the file has no [[mounts]] for group %s", plan.Quote(had[0].Name), plan.Quote(group)), nil
	case len(had) == 0 && len(want) > 0:
		return fmt.Sprintf("the file mounts the volume %s, but it has none", plan.Quote(want[0].Name)), nil
	case len(had) > 0 && had[0].Name != "" && had[0].Name != want[0].Name:
		return fmt.Sprintf("the file mounts the volume %s, but it has %s", plan.Quote(want[0].Name), plan.Quote(had[0].Name)), nil
	}
	dedication, err := d.dedication(group)
	if err != nil {
		return "", err
	}
	if guest, err := before.Guest(); dedication != "" && err == nil && (guest == nil || guest.HostDedicationID != dedication) {
		return fmt.Sprintf("the file requires the dedicated host %s", plan.Quote(dedication)), nil
	}
	return "", nil
}

// dedication is the host_dedication_id of a group: that of its [[vm]], else the
// file's own.
func (d *deployment) dedication(group string) (string, error) {
	fresh, err := d.file.Apply(group, machine.Config{})
	if err != nil {
		return "", err
	}
	guest, err := fresh.Guest()
	if err != nil || guest == nil {
		return d.definition.HostDedicationID, err
	}
	return guest.HostDedicationID, nil
}

// standby reports whether a Machine waits for others to fail.
func standby(c machine.Config) bool {
	raw := strings.TrimSpace(string(c.Raw("standbys")))
	return raw != "" && raw != "null" && raw != "[]"
}

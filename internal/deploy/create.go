package deploy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// disks are the app's volumes, read when they are first asked for.
type disks struct {
	client volumeReader
	app    string
	read   bool
	list   []fly.Volume
}

func (v *disks) all(ctx context.Context) ([]fly.Volume, error) {
	if v.read {
		return v.list, nil
	}
	list, err := v.client.Volumes(ctx, v.app)
	v.read, v.list = err == nil, list
	return list, err
}

// of reports whether a Machine has a volume.
func (v *disks) of(ctx context.Context, m fly.Machine) (bool, error) {
	if mounts, err := m.Config.Mounts(); err == nil && len(mounts) > 0 {
		return true, nil
	}
	list, err := v.all(ctx)
	return slices.ContainsFunc(list, func(v fly.Volume) bool { return v.AttachedMachine == m.ID }), err
}

// supply plans one Machine for each group that has none, as `fly deploy
// --ha=false` does.
func (d *deployment) supply(ctx context.Context, disks *disks, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	if d.settings.scope == ScopeServices {
		for _, group := range groups {
			d.remark("group %s has no Machine; none is created, because scope services changes only services and checks", plan.Quote(group))
		}
		if len(groups) == len(d.file.Groups()) && len(d.blockers) == 0 {
			d.block(plan.Blocker{ID: NoMachines, What: "no process group of the file has a Machine", Fix: "deploy with scope all"})
		}
		return nil
	}
	if len(d.faceless) > 0 {
		d.block(plan.Blocker{
			ID:   HostDown,
			What: fmt.Sprintf("group %s has no visible Machine, and the group of Machine %s cannot be read because its host is down", plan.Quote(groups[0]), plan.Few(d.faceless)),
			Fix:  "wait for the host: otherwise the group might get a second Machine",
		})
		return nil
	}
	image, region := d.image(), d.region()
	if image == "" {
		d.block(plan.Blocker{
			ID: NoMachines, What: fmt.Sprintf("group %s has no Machine, and there is no image for a new one", plan.Quote(groups[0])),
			Fix: "allocate_flycast first; then pass image to deploy, or have a person build and deploy one: " + d.flyDeploy(),
		})
		return nil
	}
	if region == "" {
		d.block(plan.Blocker{ID: NoRegion, What: fmt.Sprintf("group %s has no Machine, and the file has no primary_region for a new one", plan.Quote(groups[0])), Fix: "set primary_region in the file"})
		return nil
	}
	taken := make(map[string]bool)
	for _, group := range groups {
		if err := d.create(ctx, disks, group, image, region, taken); err != nil {
			return err
		}
	}
	return nil
}

// create plans the Machine of one group.
func (d *deployment) create(ctx context.Context, disks *disks, group, image, region string, taken map[string]bool) error {
	config, err := d.fresh(group, image)
	if err != nil {
		return err
	}
	guest, err := config.Guest()
	if err != nil {
		return err
	}
	if guest == nil {
		// What flyctl sends where the file has no [[vm]].
		guest = &machine.Guest{CPUKind: "shared", CPUs: 1, MemoryMB: 256, HostDedicationID: d.definition.HostDedicationID}
		if config, err = config.With("guest", guest); err != nil {
			return err
		}
	}
	create := rollout.Create{Group: group, Region: region, Config: config}
	mounts, err := config.Mounts()
	if err != nil {
		return err
	}
	if len(mounts) > 1 {
		d.block(plan.Blocker{ID: ReplacementNeeded, What: fmt.Sprintf("the file has %d [[mounts]] for group %s, but a Machine can have only one volume", len(mounts), plan.Quote(group)), Fix: "keep only one of them"})
		return nil
	}
	if len(mounts) > 0 {
		list, err := disks.all(ctx)
		if err != nil {
			return err
		}
		free := slices.IndexFunc(list, func(v fly.Volume) bool {
			return v.Name == mounts[0].Name && v.Region == region && v.AttachedMachine == "" && !taken[v.ID] && (v.HostStatus == "" || v.HostStatus == "ok")
		})
		if free >= 0 {
			create.Use = list[free].ID
			taken[create.Use] = true
			d.remark("the new Machine of group %s gets the existing unused volume %s", plan.Quote(group), create.Use)
		} else {
			create.Volume = d.volume(mounts[0].Name, region, image, guest)
		}
	}
	d.creates = append(d.creates, create)
	return nil
}

// volume is the new one that a mount asks for.
func (d *deployment) volume(name, region, image string, guest *machine.Guest) *fly.NewVolume {
	volume := &fly.NewVolume{Name: name, Region: region, SizeGB: 1, Encrypted: true, Guest: guest, Image: image}
	for _, mount := range d.definition.Mounts {
		if mount.Source != name {
			continue
		}
		volume.SizeGB, volume.AutoBackup = mount.InitialGB(), mount.ScheduledSnapshots
		if mount.SnapshotRetention != nil {
			volume.SnapshotRetention = *mount.SnapshotRetention
		}
		break
	}
	return volume
}

// fresh is the configuration of a new Machine.
func (d *deployment) fresh(group, image string) (machine.Config, error) {
	from, err := machine.Config{}.With("image", image)
	if err != nil {
		return machine.Config{}, err
	}
	config, err := drift.Apply(d.file, group, from)
	if err != nil {
		return machine.Config{}, plan.Invalid("group %s: %s", plan.Quote(group), outside.Error(err, 300))
	}
	return config, nil
}

// image is what a new Machine runs: what the call names, else what most of the
// app's Machines run, by its digest if a tag is all they name, else what the file names.
func (d *deployment) image() string {
	if d.in.Image != "" {
		return d.in.Image
	}
	if image := d.common(func(m fly.Machine) string { image, _ := pinned(m); return image }); image != "" {
		return image
	}
	if d.definition.Build != nil {
		return d.definition.Build.Image
	}
	return ""
}

// region is where a new Machine goes: the file's primary_region, else where most
// of the others are.
func (d *deployment) region() string {
	return cmp.Or(d.file.PrimaryRegion(), d.common(func(m fly.Machine) string { return m.Region }))
}

// common is the most frequent value among the Machines that fly deploy made,
// the first by name of several.
func (d *deployment) common(of func(fly.Machine) string) string {
	count, best := make(map[string]int), ""
	for _, m := range d.snapshot.Machines {
		value := of(m)
		if value == "" || !m.Config.FlyLaunch() {
			continue
		}
		count[value]++
		if n := count[value] - count[best]; best == "" || n > 0 || n == 0 && value < best {
			best = value
		}
	}
	return best
}

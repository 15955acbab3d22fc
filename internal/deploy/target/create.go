package target

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/convert"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// allVolumes returns the app's volumes. The first call reads them.
func (c *computation) allVolumes(ctx context.Context) ([]fly.Volume, error) {
	if c.volumes == nil {
		list, err := c.state.Volumes(ctx)
		if err != nil {
			return nil, err
		}
		c.volumes = &list
	}
	return *c.volumes, nil
}

// hasVolume reports whether a Machine has a volume.
func (c *computation) hasVolume(ctx context.Context, m fly.Machine) (bool, error) {
	if mounts, err := m.Config.Mounts(); err == nil && len(mounts) > 0 {
		return true, nil
	}
	list, err := c.allVolumes(ctx)
	return slices.ContainsFunc(list, func(v fly.Volume) bool { return v.AttachedMachine == m.ID }), err
}

// create adds one Machine for each group that has none, as fly deploy --ha=false does.
// The Machines in unnamed may be of any group.
func (c *computation) create(ctx context.Context, out *Targets, groups, unnamed []string) error {
	if len(groups) == 0 {
		return nil
	}
	if c.ServicesOnly {
		for _, group := range groups {
			out.Remark("group %s has no Machine; none is created, because scope services changes only services and checks",
				plan.Quote(group))
		}
		if len(groups) == len(c.File.Groups()) && len(out.Blockers) == 0 {
			out.Block(plan.Blocker{ID: NoMachines, What: "no process group of the file has a Machine",
				Fix: "deploy with scope all"})
		}
		return nil
	}
	image := AppImage(c.Source, c.state.Machines)
	region := cmp.Or(c.File.PrimaryRegion(), mostCommon(c.state.Machines,
		func(m fly.Machine) string { return m.Region }))
	first := plan.Quote(groups[0])
	switch {
	case len(unnamed) > 0:
		out.Block(plan.Blocker{
			ID: HostDown,
			What: fmt.Sprintf("group %s has no visible Machine, and the group of Machine %s cannot be read "+
				"because its host is down", first, plan.Few(unnamed)),
			Fix: "wait for the host: otherwise the group might get a second Machine",
		})
		return nil
	case image == "":
		out.Block(plan.Blocker{
			ID: NoMachines, What: fmt.Sprintf("group %s has no Machine, and there is no image for a new one", first),
			Fix: "allocate_flycast first; then pass image to deploy, or have a person build and deploy one: " + c.FlyDeploy,
		})
		return nil
	case region == "":
		out.Block(plan.Blocker{
			ID: NoRegion, What: fmt.Sprintf("group %s has no Machine, and the file has no primary_region for a new one",
				first),
			Fix: "set primary_region in the file",
		})
		return nil
	}
	taken := make(map[string]bool) // ids of volumes that new Machines of this plan use
	for _, group := range groups {
		create, mounts, err := c.newMachine(group, region, image)
		switch {
		case err != nil:
			return err
		case len(mounts) > 1:
			out.Block(plan.Blocker{ID: ReplacementNeeded, What: c.tooManyMounts(len(mounts), group),
				Fix: "keep only one of them"})
			continue
		case len(mounts) == 1:
			if create.Use, err = c.freeVolume(ctx, mounts[0].Name, region, taken); err != nil {
				return err
			}
			if create.Use == "" {
				create.Volume, err = c.newVolume(mounts[0].Name, region, image, create.Config)
				if err != nil {
					return err
				}
				break
			}
			taken[create.Use] = true
			out.Remark("the new Machine of group %s gets the existing unused volume %s", plan.Quote(group), create.Use)
		}
		out.Creates = append(out.Creates, create)
	}
	return nil
}

// newMachine returns the first Machine of a group that has none, without a volume, and the
// mounts of its configuration.
func (c *computation) newMachine(group, region, image string) (rollout.Create, []machine.Mount, error) {
	var none rollout.Create
	from, err := machine.Config{}.With("image", image)
	if err != nil {
		return none, nil, err
	}
	config, err := convert.Apply(c.File, group, from)
	if err != nil {
		return none, nil, plan.Invalid("group %s: %s", plan.Quote(group), outside.Error(err, 300))
	}
	guest, err := config.Guest()
	if err == nil && guest == nil { // what flyctl sends if the file has no [[vm]]
		guest = &machine.Guest{CPUKind: "shared", CPUs: 1, MemoryMB: 256, HostDedicationID: c.Definition.HostDedicationID}
		config, err = config.With("guest", guest)
	}
	if err != nil {
		return none, nil, err
	}
	mounts, err := config.Mounts()
	return rollout.Create{Group: group, Region: region, Config: config}, mounts, err
}

// freeVolume returns the id of an existing volume that a new Machine can use; empty if
// there is none. Volumes in taken are for other new Machines.
func (c *computation) freeVolume(ctx context.Context, name, region string, taken map[string]bool) (string, error) {
	list, err := c.allVolumes(ctx)
	for _, v := range list {
		healthy := v.HostStatus == "" || v.HostStatus == "ok"
		if v.Name == name && v.Region == region && v.AttachedMachine == "" && !taken[v.ID] && healthy {
			return v.ID, nil
		}
	}
	return "", err
}

// newVolume returns the volume to create for a mount of a new Machine. Its size and
// snapshots are those that the file sets for the mount.
func (c *computation) newVolume(name, region, image string, config machine.Config) (*fly.NewVolume, error) {
	guest, err := config.Guest()
	if err != nil {
		return nil, err
	}
	volume := &fly.NewVolume{Name: name, Region: region, SizeGB: 1, Encrypted: true, Guest: guest, Image: image}
	for _, mount := range c.Definition.Mounts {
		if mount.Source != name {
			continue
		}
		volume.SizeGB, volume.AutoBackup = mount.InitialGB(), mount.ScheduledSnapshots
		if mount.SnapshotRetention != nil {
			volume.SnapshotRetention = *mount.SnapshotRetention
		}
		break
	}
	return volume, nil
}

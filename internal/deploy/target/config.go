package target

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/convert"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// config returns the configuration that a Machine would get. Another image is put into the
// configuration that the conversion starts from: so a container that runs the app's
// image gets it too.
func (c *computation) config(group string, m fly.Machine) (machine.Config, error) {
	from := m.Config
	if c.Image != "" {
		var err error
		if from, err = from.With("image", c.Image); err != nil {
			return machine.Config{}, err
		}
	}
	after, err := convert.Apply(c.File, group, from)
	if err != nil {
		return machine.Config{}, err
	}
	if !c.ServicesOnly {
		return convert.KeepVolumes(m.Config, after)
	}
	config, err := withServices(m.Config, after)
	if err != nil || m.Config.IsFlyLaunch() {
		return config, err
	}
	return withLabels(config, after)
}

// withServices gives a configuration the services and checks of another one. A standby
// that has services is no longer a standby then.
func withServices(config, from machine.Config) (machine.Config, error) {
	var err error
	for _, key := range []string{"services", "checks"} {
		raw := from.Raw(key)
		if raw == nil {
			config = config.Without(key)
			continue
		}
		if config, err = config.With(key, raw); err != nil {
			return machine.Config{}, err
		}
	}
	if from.IsStandby() {
		return config, nil
	}
	return convert.WithoutStandbys(config)
}

// withLabels gives a configuration the labels of another one that make a Machine one of
// fly deploy's.
func withLabels(config, from machine.Config) (machine.Config, error) {
	return config.Merge("metadata", map[string]any{
		machine.MetadataPlatformVersion: from.Label(machine.MetadataPlatformVersion),
		machine.MetadataProcessGroup:    from.Label(machine.MetadataProcessGroup),
	})
}

// replaces says why the platform could not change one configuration into the other on
// the existing Machine; empty if it can (flyctl, machines_launchinput.go).
func (c *computation) replaces(group string, before, after machine.Config) (string, error) {
	if c.ServicesOnly {
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
		return c.tooManyMounts(len(want), group), nil
	case len(had) > 1:
		return fmt.Sprintf("it has %d volumes, but a fly.toml can name only one", len(had)), nil
	case len(had) > 0 && len(want) == 0:
		return fmt.Sprintf("it has the volume %s, but the file has no [[mounts]] for group %s",
			plan.Quote(had[0].Name), plan.Quote(group)), nil
	case len(had) == 0 && len(want) > 0:
		return fmt.Sprintf("the file mounts the volume %s, but it has none", plan.Quote(want[0].Name)), nil
	case len(had) > 0 && had[0].Name != "" && had[0].Name != want[0].Name:
		return fmt.Sprintf("the file mounts the volume %s, but it has %s",
			plan.Quote(want[0].Name), plan.Quote(had[0].Name)), nil
	}
	dedication, err := c.dedication(group)
	if err != nil {
		return "", err
	}
	if guest, err := before.Guest(); dedication != "" && err == nil && (guest == nil ||
		guest.HostDedicationID != dedication) {
		return fmt.Sprintf("the file requires the dedicated host %s", plan.Quote(dedication)), nil
	}
	return "", nil
}

func (c *computation) tooManyMounts(n int, group string) string {
	return fmt.Sprintf("the file has %d [[mounts]] for group %s, but a Machine can have only one volume",
		n, plan.Quote(group))
}

// dedication returns the host_dedication_id of a group: that of its [[vm]], else the file's
// own.
func (c *computation) dedication(group string) (string, error) {
	fresh, err := c.File.Apply(group, machine.Config{})
	if err != nil {
		return "", err
	}
	guest, err := fresh.Guest()
	if err != nil || guest == nil {
		return c.Definition.HostDedicationID, err
	}
	return guest.HostDedicationID, nil
}

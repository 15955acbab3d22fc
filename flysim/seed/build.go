package seed

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// Build creates the operator's apps on a platform, as `fly launch` and `fly deploy` would: with a
// release, started Machines, addresses and hostnames. An app that exists already, for example from
// an earlier run, is not changed. Build leaves no trace in Calls.
func Build(ctx context.Context, p *flysim.Platform, apps []App) error {
	for _, d := range apps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.build(p); err != nil {
			return fmt.Errorf("app %s: %w", d.Name, err)
		}
	}
	return nil
}

func (d App) build(p *flysim.Platform) error {
	_, err := p.Site(d.Name)
	if errors.Is(err, flysim.ErrGone) {
		err = d.create(p)
	}
	if err == nil {
		p.SetStartDelay(d.Name, d.delay)
		p.SetFlyToml(d.Name, d.file)
	}
	return err
}

func (d App) create(p *flysim.Platform) error {
	if err := p.CreateApp(d.Name, d.Organization, d.Network); err != nil {
		return err
	}
	p.SetStartDelay(d.Name, d.delay)
	release := p.AddRelease(d.Name, d.Image, d.definition)
	for _, kind := range d.Addresses {
		p.AddAddress(d.Name, kind, d.Organization, d.Network)
	}
	for _, name := range d.Hostnames {
		p.AddCertificate(d.Name, name)
	}
	for _, m := range d.Machines {
		config, err := withRelease(d.configs[m.Group], d.Image, release)
		if err != nil {
			return err
		}
		for range m.Count {
			mounted, err := d.mount(p, m.Region, config)
			if err != nil {
				return err
			}
			id := p.AddMachine(d.Name, m.Region, mounted)
			if len(d.sockets) > 0 || len(d.Command) > 0 { // a command reports later where it listens
				p.SetListen(d.Name, id, d.sockets)
			}
		}
	}
	return nil
}

// withRelease returns the configuration with what a deploy adds to that of fly.toml.
func withRelease(config spec.Config, image string, release flysim.Release) (spec.Config, error) {
	metadata, err := config.Metadata()
	if err != nil {
		return config, err
	}
	metadata[spec.ReleaseIDKey] = release.ID
	metadata[spec.ReleaseVersionKey] = strconv.Itoa(release.Version)
	if config, err = config.With("metadata", metadata); err != nil {
		return config, err
	}
	return config.With("image", image)
}

// mount creates a volume for each mount of a Machine, and returns the configuration with their ids.
func (d App) mount(p *flysim.Platform, region string, config spec.Config) (spec.Config, error) {
	mounts, err := config.Mounts()
	if err != nil || len(mounts) == 0 {
		return config, err
	}
	for i := range mounts {
		mounts[i].SizeGB, mounts[i].Encrypted = d.initialGB(mounts[i].Name), true
		mounts[i].Volume = p.AddVolume(d.Name, mounts[i].Name, region, mounts[i].SizeGB)
	}
	return config.With("mounts", mounts)
}

// initialGB returns the size of a new volume of that name.
func (d App) initialGB(name string) int {
	file, err := flytoml.Parse(d.FlyToml, d.file)
	if err != nil {
		return 1
	}
	definition, err := file.Definition()
	if err != nil {
		return 1
	}
	for _, m := range definition.Mounts {
		if m.Source == name {
			return m.InitialGB()
		}
	}
	return 1
}

// Package convert makes the configuration that a deploy gives one Machine: what a fly.toml
// says, the two rules of fly deploy that concern more than the file, and what of the
// existing configuration no fly.toml can say. It is pure.
package convert

import (
	"encoding/json"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// File is a fly.toml as far as the conversion needs it ([flytoml.File]).
type File interface {
	Apply(group string, existing machine.Config) (machine.Config, error)
}

// Apply is the file's own Apply, with two rules of fly deploy (flyctl,
// machines_launchinput.go): a standby whose group has services stops being one, and the
// container that is to run the app's image gets the one that the existing configuration
// names. Unlike fly deploy it keeps the unknown fields of services, ports, checks and other
// objects that the file has too.
func Apply(file File, group string, existing machine.Config) (machine.Config, error) {
	config, err := file.Apply(group, existing)
	if err != nil {
		return machine.Config{}, err
	}
	if len(config.ServicesOrNone()) > 0 {
		if config, err = WithoutStandbys(config); err != nil {
			return machine.Config{}, err
		}
	}
	if config, err = withAppImage(config, existing); err != nil {
		return machine.Config{}, err
	}
	return machine.KeepUnknown[convertedObjects](config, existing, machine.ByIdentity)
}

// convertedObjects are the objects that a conversion rewrites, as Fly's API documents
// them (fly-go's MachineConfig). A fly.toml cannot name what it does not know of them, so
// it cannot mean to remove it.
type convertedObjects struct {
	Services []machine.Service        `json:"services"`
	Checks   map[string]machine.Check `json:"checks"`
	Guest    machine.Guest            `json:"guest"`
	Restart  struct {
		Policy      string  `json:"policy"`
		MaxRetries  int     `json:"max_retries"`
		GPUBidPrice float64 `json:"gpu_bid_price"`
	} `json:"restart"`
	StopConfig struct {
		Timeout json.RawMessage `json:"timeout"`
		Signal  json.RawMessage `json:"signal"`
	} `json:"stop_config"`
}

// WithoutStandbys returns the configuration of a Machine that stands by for no other.
func WithoutStandbys(config machine.Config) (machine.Config, error) {
	if config.Raw("standbys") == nil {
		return config, nil
	}
	return config.Without("standbys").WithoutFields("env", machine.EnvStandbyFor)
}

// withAppImage puts the app's image where a file says [flytoml.AppImage]: the
// image of the Machine, or where it has none that of the container of this name.
func withAppImage(config, existing machine.Config) (machine.Config, error) {
	type container = map[string]json.RawMessage
	containers := func(c machine.Config) (list []container, err error) {
		raw := c.Raw("containers")
		if raw == nil {
			return nil, nil
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("machine configuration: field %q: %w", "containers", err)
		}
		return list, nil
	}
	text := func(raw json.RawMessage) (s string) {
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	list, err := containers(config)
	if err != nil {
		return machine.Config{}, err
	}
	had, err := containers(existing)
	if err != nil {
		return machine.Config{}, err
	}
	found := false
	for _, c := range list {
		if text(c["image"]) != flytoml.AppImage {
			continue
		}
		found = true
		image := config.Image()
		for _, h := range had {
			if before := text(h["image"]); image == "" && text(h["name"]) == text(c["name"]) && before != flytoml.AppImage {
				image = before
			}
		}
		if image == "" {
			return machine.Config{}, fmt.Errorf("container %q must run the app's image, but no image is known", text(c["name"]))
		}
		if c["image"], err = json.Marshal(image); err != nil {
			return machine.Config{}, err
		}
	}
	if !found {
		return config, nil
	}
	return config.With("containers", list)
}

package machine

import (
	"encoding/json"
	"fmt"
	"maps"
)

// WithoutDeployed returns the configuration without what a deploy adds to the
// fly.toml and what differs between Machines or releases: the image, the volumes
// of mounts, the Machines that a standby stands by for, and the release's
// metadata.
func (c Config) WithoutDeployed() (Config, error) {
	out, err := c.Without("image").WithoutFields("env", EnvStandbyFor)
	if err != nil {
		return Config{}, err
	}
	out, err = out.WithoutFields("metadata", MetadataFlyctlVersion, MetadataReleaseID, MetadataReleaseVersion)
	if err != nil || c.Raw("mounts") == nil {
		return out, err
	}
	var mounts []map[string]json.RawMessage
	if err := c.view("mounts", &mounts); err != nil {
		return Config{}, err
	}
	for _, mount := range mounts {
		maps.DeleteFunc(mount, func(key string, _ json.RawMessage) bool { return !MountFromFile(key) })
	}
	return out.With("mounts", mounts)
}

// Merge sets single fields of the object under a key and keeps the others. A nil value removes
// a field.
func (c Config) Merge(key string, fields map[string]any) (Config, error) {
	object := map[string]any{}
	if raw := c.Raw(key); raw != nil {
		old := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &old); err != nil {
			return Config{}, fmt.Errorf("machine configuration: field %q: %w", key, err)
		}
		for name, value := range old {
			object[name] = value
		}
	}
	for name, value := range fields {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = value
	}
	return c.With(key, object)
}

// WithoutFields removes fields of the object under a key. A configuration that has none of
// them stays as it is.
func (c Config) WithoutFields(key string, fields ...string) (Config, error) {
	var object map[string]json.RawMessage
	if err := c.view(key, &object); err != nil {
		return Config{}, err
	}
	had := len(object)
	for _, field := range fields {
		delete(object, field)
	}
	if len(object) == had {
		return c, nil
	}
	return c.With(key, object)
}

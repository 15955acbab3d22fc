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

// WithoutFields removes fields of the object under a key, if there is such an object.
func (c Config) WithoutFields(key string, fields ...string) (Config, error) {
	if c.Raw(key) == nil {
		return c, nil
	}
	remove := make(map[string]any, len(fields))
	for _, field := range fields {
		remove[field] = nil
	}
	return c.Merge(key, remove)
}

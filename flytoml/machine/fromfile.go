package machine

import (
	"encoding/json"
	"fmt"
	"maps"
)

// WithoutDeployed is a configuration without what a deploy adds to what the
// fly.toml says, which is another for every Machine or every release: the image,
// the volumes of mounts, whom a standby stands for, and the release's metadata.
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

// Merge sets single fields of the object under a key and leaves its others; a
// nil value removes a field.
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

// WithoutFields removes fields of the object under a key, if there is one.
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

// Package spec is a Machine's configuration as the emulated platform reads it: the JSON document of
// the Machines API.
//
// A [Config] keeps every field, including unknown ones. Typed views ([Config.Services],
// [Config.Checks], [Config.Mounts], …) read the fields that the platform, Fly Proxy, autostop and
// programs use. The types are flysim's own on purpose: if a client shared them with the platform
// that it is tested against, a test could not notice a field that both lack.
package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// Config is one configuration document. Values are immutable; the zero Config
// is the empty document.
type Config struct{ fields map[string]json.RawMessage }

// Parse decodes a JSON object; null is the empty document.
func Parse(document []byte) (Config, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return Config{}, fmt.Errorf("machine configuration: %w", err)
	}
	return Config{fields}, nil
}

// Of returns the configuration that a value encodes to, such as a client's own type or a
// [json.RawMessage].
func Of(document json.Marshaler) (Config, error) {
	if config, ok := document.(Config); ok {
		return config, nil
	}
	raw, err := document.MarshalJSON()
	if err != nil {
		return Config{}, err
	}
	return Parse(raw)
}

// MarshalJSON implements [json.Marshaler]. Keys are sorted; the bytes of values are those that were
// read.
func (c Config) MarshalJSON() ([]byte, error) {
	if c.fields == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(c.fields)
}

// String returns the JSON document.
func (c Config) String() string {
	document, err := c.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(document)
}

// UnmarshalJSON implements [json.Unmarshaler]; see [Parse].
func (c *Config) UnmarshalJSON(document []byte) error {
	parsed, err := Parse(document)
	if err == nil {
		*c = parsed
	}
	return err
}

// Raw returns the value of a top-level field as it was read, or nil if there is none.
func (c Config) Raw(key string) json.RawMessage { return bytes.Clone(c.fields[key]) }

// With returns a copy in which key has the JSON form of value.
func (c Config) With(key string, value any) (Config, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return Config{}, fmt.Errorf("machine configuration: field %q: %w", key, err)
	}
	fields := make(map[string]json.RawMessage, len(c.fields)+1)
	maps.Copy(fields, c.fields)
	fields[key] = raw
	return Config{fields}, nil
}

// Without returns a copy that lacks the fields.
func (c Config) Without(keys ...string) Config {
	fields := maps.Clone(c.fields)
	for _, key := range keys {
		delete(fields, key)
	}
	return Config{fields}
}

// view decodes a top-level field. An absent field gives the zero value.
func view[T any](c Config, key string) (value T, err error) {
	if raw, ok := c.fields[key]; ok {
		if err = json.Unmarshal(raw, &value); err != nil {
			err = fmt.Errorf("machine configuration: field %q: %w", key, err)
		}
	}
	return value, err
}

// Services returns the services through which Fly Proxy routes to the Machine.
func (c Config) Services() ([]Service, error) { return view[[]Service](c, "services") }

// Checks returns the top-level checks by name. Those of a service are in [Service.Checks].
func (c Config) Checks() (map[string]Check, error) { return view[map[string]Check](c, "checks") }

// Env returns the Machine's environment. Its values may be secrets.
func (c Config) Env() (map[string]string, error) { return view[map[string]string](c, "env") }

// Metadata returns the Machine's metadata.
func (c Config) Metadata() (map[string]string, error) {
	return view[map[string]string](c, "metadata")
}

// Mounts returns the volumes that the Machine mounts.
func (c Config) Mounts() ([]Mount, error) { return view[[]Mount](c, "mounts") }

// Guest returns the Machine's size, or nil if the document has none.
func (c Config) Guest() (*Guest, error) { return view[*Guest](c, "guest") }

// Image returns the reference of the Machine's image, or "" if there is none.
func (c Config) Image() string {
	image, err := view[string](c, "image")
	if err != nil {
		return ""
	}
	return image
}

// AutoDestroy reports whether the Machine is destroyed when its program ends.
func (c Config) AutoDestroy() bool {
	destroy, err := view[bool](c, "auto_destroy")
	return err == nil && destroy
}

// Label returns one entry of the metadata, or "" if there is none.
func (c Config) Label(key string) string {
	metadata, err := c.Metadata()
	if err != nil {
		return ""
	}
	return metadata[key]
}

// Metadata keys that flyctl sets.
const (
	ProcessGroupKey   = "fly_process_group"
	ReleaseIDKey      = "fly_release_id"
	ReleaseVersionKey = "fly_release_version"
)

// ProcessGroup returns the process group, from the metadata or else from the older key
// process_group.
func (c Config) ProcessGroup() string {
	if group := c.Label(ProcessGroupKey); group != "" {
		return group
	}
	return c.Label("process_group")
}

// Validate returns an error if a field has the wrong type. If it returns nil, the typed views
// cannot fail.
func (c Config) Validate() error {
	_, services := c.Services()
	_, checks := c.Checks()
	_, env := c.Env()
	_, metadata := c.Metadata()
	_, guest := c.Guest()
	_, mounts := c.Mounts()
	_, init := view[map[string]json.RawMessage](c, "init")
	return errors.Join(services, checks, env, metadata, guest, mounts, init)
}

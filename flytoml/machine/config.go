// Package machine is a Fly Machine's configuration as the JSON document that
// the Machines API takes and returns.
//
// A [Config] keeps every field, including unknown ones: an update through the API
// replaces the whole configuration, so a field that is lost here is lost on the
// platform. Typed views ([Config.Services],
// [Config.Checks], [Config.Guest], …) read parts of it; [Config.With] and
// [Config.Without] give a changed copy.
//
//	cfg, err := machine.ParseConfig(body)
//	services, err := cfg.Services()
//	changed, err := cfg.With("services", services)
//
// A view that is written back contains only the fields of its type. flyctl
// replaces services with those of fly.toml in the same way.
package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config is one configuration document. Values are immutable: methods that change
// something return a copy. The zero Config is the empty document.
type Config struct {
	fields map[string]json.RawMessage
}

// ParseConfig reads a JSON object.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	err := json.Unmarshal(data, &c)
	return c, err
}

// UnmarshalJSON implements [json.Unmarshaler]. It accepts an object, or null for the empty
// document.
func (c *Config) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		c.fields = nil
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("machine configuration: %w", err)
	}
	c.fields = fields
	return nil
}

// MarshalJSON implements [json.Marshaler]. Keys are sorted; values are the bytes that were
// read.
func (c Config) MarshalJSON() ([]byte, error) {
	if c.fields == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(c.fields)
}

// IsZero reports whether the document has no field.
func (c Config) IsZero() bool { return len(c.fields) == 0 }

// Keys returns the names of the top-level fields, sorted.
func (c Config) Keys() []string { return slices.Sorted(maps.Keys(c.fields)) }

// Raw returns the value of a top-level field as it was read, nil if there is none.
func (c Config) Raw(key string) json.RawMessage { return bytes.Clone(c.fields[key]) }

// With returns a copy in which the field key is the JSON form of value.
func (c Config) With(key string, value any) (Config, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return Config{}, fmt.Errorf("machine configuration: field %q: %w", key, err)
	}
	fields := maps.Clone(c.fields)
	if fields == nil {
		fields = make(map[string]json.RawMessage, 1)
	}
	fields[key] = raw
	return Config{fields}, nil
}

// Without returns a copy without the given fields.
func (c Config) Without(keys ...string) Config {
	fields := maps.Clone(c.fields)
	for _, key := range keys {
		delete(fields, key)
	}
	return Config{fields}
}

// view decodes a top-level field into v. If the field is absent, v does not change.
func (c Config) view(key string, v any) error {
	raw, ok := c.fields[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("machine configuration: field %q: %w", key, err)
	}
	return nil
}

// Services returns the services that Fly Proxy routes to this Machine.
func (c Config) Services() ([]Service, error) {
	var services []Service
	err := c.view("services", &services)
	return services, err
}

// Checks returns the top-level checks by name. The checks of services are in the services.
func (c Config) Checks() (map[string]Check, error) {
	var checks map[string]Check
	err := c.view("checks", &checks)
	return checks, err
}

// Env returns the Machine's environment variables. They may be secrets: never
// print or log the values, or send them anywhere but to the Machines API.
func (c Config) Env() (map[string]string, error) {
	var env map[string]string
	err := c.view("env", &env)
	return env, err
}

// Metadata returns the Machine's metadata: see the Metadata… constants.
func (c Config) Metadata() (map[string]string, error) {
	var metadata map[string]string
	err := c.view("metadata", &metadata)
	return metadata, err
}

// Guest returns the size of the Machine, nil if the document has none.
func (c Config) Guest() (*Guest, error) {
	var guest *Guest
	err := c.view("guest", &guest)
	return guest, err
}

// Mounts returns the volumes mounted into the Machine.
func (c Config) Mounts() ([]Mount, error) {
	var mounts []Mount
	err := c.view("mounts", &mounts)
	return mounts, err
}

// Image returns the reference of the image that the Machine runs, empty if there is none.
func (c Config) Image() string {
	var image string
	if c.view("image", &image) != nil {
		return ""
	}
	return image
}

// AutoDestroy reports whether the Machine is destroyed when it stops.
func (c Config) AutoDestroy() bool {
	var destroy bool
	return c.view("auto_destroy", &destroy) == nil && destroy
}

// Validate checks that every typed view can be read and that init is an object,
// so that later reads of a document from outside cannot fail.
func (c Config) Validate() error {
	_, services := c.Services()
	_, checks := c.Checks()
	_, env := c.Env()
	_, metadata := c.Metadata()
	_, guest := c.Guest()
	_, mounts := c.Mounts()
	var init map[string]json.RawMessage
	return errors.Join(services, checks, env, metadata, guest, mounts, c.view("init", &init))
}

// ProcessGroup returns the process group of the Machine as flyctl reads it:
// metadata fly_process_group, or else the older process_group; empty if there is
// neither.
func (c Config) ProcessGroup() string {
	metadata, err := c.Metadata()
	if err != nil {
		return ""
	}
	if group := metadata[MetadataProcessGroup]; group != "" {
		return group
	}
	return metadata["process_group"]
}

// Label returns one entry of the metadata. It is empty if there is none, or if
// the metadata cannot be read.
func (c Config) Label(key string) string {
	metadata, err := c.Metadata()
	if err != nil {
		return ""
	}
	return metadata[key]
}

// WithoutFlyctlVersion returns a copy whose metadata does not have the version of
// the flyctl that deployed the Machine. Each flyctl writes its own version, and
// other programs are not flyctl. Metadata that cannot be read stays as it is.
func (c Config) WithoutFlyctlVersion() Config {
	without, err := c.WithoutFields("metadata", MetadataFlyctlVersion)
	if err != nil {
		return c
	}
	return without
}

// IsFlyLaunch reports whether `fly deploy` manages the Machine: metadata
// fly_platform_version is v2, and the Machine is not a release-command or console
// Machine.
func (c Config) IsFlyLaunch() bool {
	metadata, err := c.Metadata()
	if err != nil || metadata[MetadataPlatformVersion] != "v2" {
		return false
	}
	group := c.ProcessGroup()
	return group != "fly_app_release_command" && group != "fly_app_console"
}

// IsOneCommand reports whether flyctl made the Machine for a single command: a
// release command, a console or a test.
func (c Config) IsOneCommand() bool {
	group := c.ProcessGroup()
	return strings.HasPrefix(group, "fly_app_") || group == "release_command"
}

// IsDetached reports whether the Machine is permanent but not managed by `fly
// deploy`: it was created through the Machines API or by `fly machine run`.
func (c Config) IsDetached() bool { return !c.IsFlyLaunch() && !c.IsOneCommand() }

// Metadata keys that flyctl reads and writes (fly-go, machine_types.go).
const (
	MetadataPlatformVersion = "fly_platform_version"
	MetadataProcessGroup    = "fly_process_group"
	MetadataReleaseID       = "fly_release_id"
	MetadataReleaseVersion  = "fly_release_version"
	MetadataFlyctlVersion   = "fly_flyctl_version"
	MetadataCanary          = "fly_canary"                   // "true" on a canary, a Machine that tests a release
	MetadataBlueGreenTag    = "fly_bluegreen_deployment_tag" // the time the set was created, or [SafeToDestroy]
)

// SafeToDestroy is the tag of a Machine whose replacement is in service.
const SafeToDestroy = "safe_to_destroy"

// EnvStandbyFor is the environment variable in which flyctl gives a standby the
// Machines that it stands by for.
const EnvStandbyFor = "FLY_STANDBY_FOR"

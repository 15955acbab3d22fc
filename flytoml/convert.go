package flytoml

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/google/shlex"
)

// Apply returns the configuration that `fly deploy` would give a Machine of the
// group whose configuration is existing. The zero Config means a new Machine.
//
// It sets and deletes exactly the fields that flyctl takes from fly.toml. It
// replaces env, services, checks, mounts, statics, metrics, files, stop_config,
// restart and init's cmd, entrypoint, exec and swap_size_mb, and removes those
// that the file does not set. It merges metadata, and replaces guest if a [[vm]]
// section applies to the group. Every other field, known or not, stays byte for
// byte. The caller must set the rest: image, the image of the container marked
// with [AppImage], release metadata, flyctl's version, the volumes of mounts (a
// mount is returned without volume, size and encryption), standbys, and a
// host_dedication_id without [[vm]].
//
// Where flyctl fails, Apply fails with the same words. It also fails, and names
// the key, if flyctl would read other files (local_path, machine_config =
// "x.json") and [File.WithFiles] was not used, if a compose file would have to be
// converted, if the file does not have the group, and if the file has more than
// [MaxGroups]. Errors never contain a value of an environment, the content of a
// file, or a check's header.
func (f *File) Apply(group string, existing machine.Config) (machine.Config, error) {
	if f.shapeError() != nil {
		return machine.Config{}, fmt.Errorf("can not flatten an invalid v2 application config: %w", f.shapeError())
	}
	if !f.def().HasGroup(group) {
		return machine.Config{}, fmt.Errorf("the file has no process group %s; it has %s",
			excerpt.Quote(group), excerpt.Line(strings.Join(f.Groups(), ", ")))
	}
	if n := len(f.def().Processes); n > MaxGroups {
		return machine.Config{}, fmt.Errorf("the file has %d process groups, more than the %d allowed", n, MaxGroups)
	}
	if group == "" { // as in flyctl's Flatten
		group = f.def().DefaultGroup()
	}
	return f.def().flatten(group).apply(group, existing, f.files)
}

// Services returns the services that a new Machine of the group would have.
func (f *File) Services(group string) ([]machine.Service, error) {
	config, err := f.Apply(group, machine.Config{})
	if err != nil {
		return nil, err
	}
	return config.Services()
}

// Parts of a Machine's configuration that come only from fly.toml.
type (
	wireStatic struct {
		GuestPath     string `json:"guest_path"`
		URLPrefix     string `json:"url_prefix"`
		TigrisBucket  string `json:"tigris_bucket"`
		IndexDocument string `json:"index_document"`
	}
	wireFile struct {
		GuestPath  string  `json:"guest_path,omitempty"`
		RawValue   *string `json:"raw_value,omitempty"`
		SecretName *string `json:"secret_name,omitempty"`
	}
	wireRestart struct {
		Policy     string `json:"policy,omitempty"`
		MaxRetries int    `json:"max_retries,omitempty"`
	}
	wireStop struct {
		Timeout *Duration `json:"timeout,omitempty"`
		Signal  *string   `json:"signal,omitempty"`
	}
)

// replacedFields returns the fields that come only from fly.toml. What the
// Machine or machine_config has there is discarded.
func replacedFields() []string {
	return []string{"env", "services", "checks", "mounts", "statics", "metrics", "files", "stop_config", "restart"}
}

// apply converts a flattened definition. The steps have flyctl's order
// (Config.updateMachineConfig), because it decides which of several errors is
// reported.
func (d *Definition) apply(group string, config machine.Config, local localFiles) (machine.Config, error) {
	files, err := d.wireFiles(local)
	if err != nil {
		return machine.Config{}, err
	}
	if config, err = d.mergeMachineConfig(config, local); err != nil {
		return machine.Config{}, err
	}
	b := &configBuilder{config: config.Without(replacedFields()...)}

	if len(d.Metrics) > 0 && d.Metrics[0].MachineMetrics != nil {
		b.set("metrics", d.Metrics[0].MachineMetrics)
	}

	init, err := d.init(group)
	if err != nil {
		return machine.Config{}, err
	}
	b.merge("init", init)

	b.merge("metadata", map[string]any{
		machine.MetadataPlatformVersion: "v2",
		machine.MetadataProcessGroup:    group,
	})

	services := make([]machine.Service, 0, len(d.Services)+1)
	for _, service := range d.AllServices() {
		services = append(services, service.ToMachine())
	}
	setIfAny(b, "services", services)

	checks, err := d.wireChecks(group)
	if err != nil {
		return machine.Config{}, err
	}
	if len(checks) > 0 {
		b.set("checks", checks)
	}

	env := make(map[string]string, len(d.Env)+2)
	maps.Copy(env, d.Env)
	env["FLY_PROCESS_GROUP"] = group
	if d.PrimaryRegion != "" {
		env["PRIMARY_REGION"] = d.PrimaryRegion
	}
	b.set("env", env)

	var statics []wireStatic
	for _, s := range d.Statics {
		statics = append(statics, wireStatic(s))
	}
	setIfAny(b, "statics", statics)

	var mounts []machine.Mount
	for _, mount := range d.Mounts {
		mounts = append(mounts, mount.wire())
	}
	setIfAny(b, "mounts", mounts)

	if d.KillSignal != nil || d.KillTimeout != nil {
		b.set("stop_config", wireStop{d.KillTimeout, d.KillSignal})
	}

	setIfAny(b, "files", files)

	guest, err := d.Guest()
	if err != nil {
		return machine.Config{}, err
	}
	if guest != nil {
		b.set("guest", guest)
	}

	for _, restart := range d.Restart {
		policy, err := restart.Policy.wire()
		if err != nil {
			return machine.Config{}, err
		}
		b.set("restart", wireRestart{policy, restart.MaxRetries})
	}
	return b.config, b.err
}

// init returns the fields of init that fly.toml decides. A nil value removes the field.
func (d *Definition) init(group string) (map[string]any, error) {
	var cmd []string
	if command := d.Processes[group]; command != "" {
		words, err := shlex.Split(command)
		if err != nil {
			return nil, fmt.Errorf("could not parse command for %s process group: %w", group, err)
		}
		cmd = words
	}
	init := map[string]any{"cmd": nil, "entrypoint": nil, "exec": nil, "swap_size_mb": nil}
	if x := d.Experimental; x != nil {
		if cmd == nil {
			cmd = x.Cmd
		}
		if len(x.Entrypoint) > 0 {
			init["entrypoint"] = x.Entrypoint
		}
		if len(x.Exec) > 0 {
			init["exec"] = x.Exec
		}
	}
	if len(cmd) > 0 {
		init["cmd"] = cmd
	}
	if d.SwapSizeMB != nil {
		init["swap_size_mb"] = *d.SwapSizeMB
	}
	return init, nil
}

// wireFiles returns the files that a Machine gets. Of two files with the same
// path the later wins, and a later one without content removes the earlier one
// (fly-go's MergeFiles).
func (d *Definition) wireFiles(local localFiles) ([]wireFile, error) {
	var order []string
	files := map[string]wireFile{}
	for _, file := range d.Files {
		wire := wireFile{GuestPath: file.GuestPath}
		switch {
		case file.LocalPath != "" && !local.isSet():
			return nil, fmt.Errorf(
				"[[files]] for %s takes its content from local_path, which is not supported here: use fly deploy, or "+
					"write the content as raw_value", excerpt.Quote(file.GuestPath))
		case file.LocalPath != "":
			content, err := local.base64(file.LocalPath)
			if err != nil {
				return nil, fmt.Errorf("could not read file %s: %w", file.LocalPath, err)
			}
			wire.RawValue = content
		case file.SecretName != "":
			wire.SecretName = &file.SecretName
		case file.RawValue != "":
			encoded := base64.StdEncoding.EncodeToString([]byte(file.RawValue))
			wire.RawValue = &encoded
		}
		_, seen := files[file.GuestPath]
		if seen && wire.SecretName == nil && wire.RawValue == nil {
			delete(files, file.GuestPath)
			order = slices.DeleteFunc(order, func(path string) bool { return path == file.GuestPath })
			continue
		}
		if !seen {
			order = append(order, file.GuestPath)
		}
		files[file.GuestPath] = wire
	}
	wires := make([]wireFile, 0, len(order))
	for _, path := range order {
		wires = append(wires, files[path])
	}
	return wires, nil
}

// IsKnown reports whether flyctl knows the policy.
func (p RestartPolicy) IsKnown() bool {
	_, err := p.wire()
	return err == nil
}

// wire returns the Machines API's word for the policy.
func (p RestartPolicy) wire() (string, error) {
	switch p {
	case "always", "on-failure":
		return string(p), nil
	case "never":
		return "no", nil
	}
	return "", fmt.Errorf("invalid restart policy: %s", string(p))
}

// configBuilder changes a configuration step by step and keeps the first error.
type configBuilder struct {
	config machine.Config
	err    error
}

func (b *configBuilder) set(key string, value any) {
	if b.err == nil {
		b.config, b.err = b.config.With(key, value)
	}
}

func setIfAny[T any](b *configBuilder, key string, values []T) {
	if len(values) > 0 {
		b.set(key, values)
	}
}

// merge sets single fields of an object: see [machine.Config.Merge].
func (b *configBuilder) merge(key string, fields map[string]any) {
	if b.err == nil {
		b.config, b.err = b.config.Merge(key, fields)
	}
}

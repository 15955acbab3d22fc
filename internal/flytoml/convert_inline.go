package flytoml

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// mergeMachineConfig lays the JSON of machine_config (or of the experimental
// section's) over a configuration, before anything else of the file, and
// gives the container that the app's image is for the image ".", which the
// deploy replaces. A file name in its place, and a compose file, are refused.
//
// The JSON is decoded over the existing configuration into one struct, as in
// flyctl: objects are merged, containers are merged by position, unknown keys
// of the JSON are dropped.
func (d *Definition) mergeMachineConfig(config machine.Config) (machine.Config, error) {
	if d.Build != nil && d.Build.Compose != nil {
		return machine.Config{}, errors.New("[build.compose] takes containers from a compose file, which is not supported here")
	}
	source := d.MachineConfig
	if source == "" && d.Experimental != nil {
		source = d.Experimental.MachineConfig
	}
	switch {
	case source == "":
		return config, nil
	case strings.HasPrefix(source, "{"):
	case strings.HasSuffix(source, ".json"):
		return machine.Config{}, fmt.Errorf("machine_config takes its content from the file %s, which is not supported here", quote(source))
	default:
		return machine.Config{}, fmt.Errorf("invalid machine config source: %s", quote(source))
	}

	existing, err := config.MarshalJSON()
	if err != nil {
		return machine.Config{}, err
	}
	var merged machineConfig
	if err := json.Unmarshal(existing, &merged); err != nil {
		return machine.Config{}, inFlyctlsWords(err)
	}
	before, err := fields(merged)
	if err != nil {
		return machine.Config{}, err
	}
	// The text may hold secrets: the message does not quote it, unlike flyctl's.
	if err := json.Unmarshal([]byte(source), &merged); err != nil {
		return machine.Config{}, fmt.Errorf("invalid machine config: %w", inFlyctlsWords(err))
	}
	if err := merged.selectContainer(d.Container); err != nil {
		return machine.Config{}, err
	}
	after, err := fields(merged)
	if err != nil {
		return machine.Config{}, err
	}

	for key := range before {
		if _, kept := after[key]; !kept {
			config = config.Without(key)
		}
	}
	for key, value := range after {
		if string(before[key]) == string(value) {
			continue
		}
		if config, err = config.With(key, keepUnknown(config.Raw(key), before[key], value)); err != nil {
			return machine.Config{}, err
		}
	}
	return config, nil
}

// fields are the top-level fields of v's JSON form.
func fields(v any) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	err = json.Unmarshal(data, &out)
	return out, err
}

// keepUnknown adds to an object the fields that the old one had and that were
// not understood. Anything but objects passes through.
func keepUnknown(old, understood, value json.RawMessage) json.RawMessage {
	var was, known, now map[string]json.RawMessage
	if json.Unmarshal(old, &was) != nil || json.Unmarshal(value, &now) != nil || now == nil {
		return value
	}
	if json.Unmarshal(understood, &known) != nil {
		known = nil
	}
	for key, field := range was {
		_, understood := known[key]
		if _, set := now[key]; !set && !understood {
			now[key] = field
		}
	}
	out, err := json.Marshal(now)
	if err != nil {
		return value
	}
	return out
}

// selectContainer marks the container that gets the app's image: the named
// one, else app, else the first. All others need an image.
func (c *machineConfig) selectContainer(name string) error {
	if len(c.Containers) == 0 {
		return nil
	}
	wanted := name
	if wanted == "" {
		wanted = defaultGroup
	}
	var selected *containerConfig
	for _, container := range c.Containers {
		if container == nil {
			return errors.New("invalid machine config: a container is null")
		}
		if selected == nil && container.Name == wanted {
			selected = container
		}
	}
	switch {
	case selected != nil:
	case name != "":
		return fmt.Errorf("container %s not found", quote(name))
	default:
		selected = c.Containers[0]
	}
	for _, container := range c.Containers {
		switch {
		case container == selected:
			container.Image = "."
		case container.Image == "":
			return fmt.Errorf("container %s must have an image specified", quote(container.Name))
		}
		for _, file := range container.Files {
			if file != nil && file.RawValue == nil && file.SecretName == nil && file.LocalPath != "" {
				return fmt.Errorf("container %s takes the content of %s from local_path, which is not supported here",
					quote(container.Name), quote(file.GuestPath))
			}
			if file != nil {
				file.LocalPath = ""
			}
		}
	}
	return nil
}

// machineConfig is fly-go's MachineConfig, as far as fly.toml does not replace
// its fields in any case.
type machineConfig struct {
	Init                    *machineInit       `json:"init,omitempty"`
	Guest                   *MachineGuest      `json:"guest,omitempty"`
	Metadata                map[string]string  `json:"metadata,omitempty"`
	Image                   string             `json:"image,omitempty"`
	Schedule                string             `json:"schedule,omitempty"`
	AutoDestroy             bool               `json:"auto_destroy,omitempty"`
	DNS                     *dnsConfig         `json:"dns,omitempty"`
	Processes               []machineProcess   `json:"processes,omitempty"`
	Standbys                []string           `json:"standbys,omitempty"`
	Containers              []*containerConfig `json:"containers,omitempty"`
	Volumes                 []*volumeConfig    `json:"volumes,omitempty"`
	Rootfs                  *machineRootfs     `json:"rootfs,omitempty"`
	CacheDrive              *machineCacheDrive `json:"cache_drive,omitempty"`
	Spot                    *machineSpot       `json:"spot,omitempty"`
	VMSize                  string             `json:"size,omitempty"`
	DisableMachineAutostart *bool              `json:"disable_machine_autostart,omitempty"`
}

type (
	machineInit struct {
		Exec       []string `json:"exec,omitempty"`
		Entrypoint []string `json:"entrypoint,omitempty"`
		Cmd        []string `json:"cmd,omitempty"`
		Tty        bool     `json:"tty,omitempty"`
		SwapSizeMB *int     `json:"swap_size_mb,omitempty"`
		KernelArgs []string `json:"kernel_args,omitempty"`
	}
	dnsConfig struct {
		SkipRegistration bool             `json:"skip_registration,omitempty"`
		Nameservers      []string         `json:"nameservers,omitempty"`
		Searches         []string         `json:"searches,omitempty"`
		Options          []dnsOption      `json:"options,omitempty"`
		DNSForwardRules  []dnsForwardRule `json:"dns_forward_rules,omitempty"`
		Hostname         string           `json:"hostname,omitempty"`
		HostnameFqdn     string           `json:"hostname_fqdn,omitempty"`
	}
	dnsOption struct {
		Name  string `json:"name,omitempty"`
		Value string `json:"value,omitempty"`
	}
	dnsForwardRule struct {
		Basename string `json:"basename,omitempty"`
		Addr     string `json:"addr,omitempty"`
	}
	machineProcess struct {
		ExecOverride       []string          `json:"exec,omitempty"`
		EntrypointOverride []string          `json:"entrypoint,omitempty"`
		CmdOverride        []string          `json:"cmd,omitempty"`
		UserOverride       string            `json:"user,omitempty"`
		ExtraEnv           map[string]string `json:"env,omitempty"`
		Secrets            []machineSecret   `json:"secrets,omitempty"`
		IgnoreAppSecrets   bool              `json:"ignore_app_secrets,omitempty"`
		EnvFrom            []envFrom         `json:"env_from,omitempty"`
	}
	machineSecret struct {
		EnvVar string `json:"env_var"`
		Name   string `json:"name"`
	}
	envFrom struct {
		EnvVar   string `json:"env_var"`
		FieldRef string `json:"field_ref"`
	}
	containerConfig struct {
		Name               string                 `json:"name"`
		Image              string                 `json:"image"`
		ExecOverride       []string               `json:"exec,omitempty"`
		EntrypointOverride []string               `json:"entrypoint,omitempty"`
		CmdOverride        []string               `json:"cmd,omitempty"`
		UserOverride       string                 `json:"user,omitempty"`
		ExtraEnv           map[string]string      `json:"env,omitempty"`
		Secrets            []machineSecret        `json:"secrets,omitempty"`
		EnvFrom            []envFrom              `json:"env_from,omitempty"`
		Files              []*containerFile       `json:"files,omitempty"`
		Restart            *machineRestart        `json:"restart,omitempty"`
		Stop               *wireStop              `json:"stop,omitempty"`
		DependsOn          []containerDependency  `json:"depends_on,omitempty"`
		Healthchecks       []containerHealthcheck `json:"healthchecks,omitempty"`
		Mounts             []containerMount       `json:"mounts,omitempty"`
	}
	containerFile struct {
		GuestPath   string  `json:"guest_path,omitempty"`
		RawValue    *string `json:"raw_value,omitempty"`
		SecretName  *string `json:"secret_name,omitempty"`
		ImageConfig *string `json:"image_config,omitempty"`
		Mode        uint32  `json:"mode,omitempty"`
		LocalPath   string  `json:"local_path,omitempty"` // flyctl's own, never sent
	}
	machineRestart struct {
		Policy      string  `json:"policy,omitempty"`
		MaxRetries  int     `json:"max_retries,omitempty"`
		GPUBidPrice float32 `json:"gpu_bid_price,omitempty"`
	}
	containerDependency struct {
		Name      string `json:"name"`
		Condition string `json:"condition"`
	}
	containerMount struct {
		Name string `json:"name"`
		Path string `json:"path"`
	}
	containerHealthcheck struct {
		Name             string           `json:"name"`
		Interval         int64            `json:"interval,omitempty"`
		GracePeriod      int64            `json:"grace_period,omitempty"`
		SuccessThreshold int32            `json:"success_threshold,omitempty"`
		FailureThreshold int32            `json:"failure_threshold,omitempty"`
		Timeout          int64            `json:"timeout,omitempty"`
		Kind             string           `json:"kind,omitempty"`
		Unhealthy        string           `json:"unhealthy,omitempty"`
		HTTP             *httpHealthcheck `json:"http,omitempty"`
		TCP              *tcpHealthcheck  `json:"tcp,omitempty"`
		Exec             *execHealthcheck `json:"exec,omitempty"`
	}
	httpHealthcheck struct {
		Port          int32            `json:"port"`
		Method        string           `json:"method,omitempty"`
		Path          string           `json:"path,omitempty"`
		Headers       []machine.Header `json:"headers,omitempty"`
		Scheme        string           `json:"scheme,omitempty"`
		TLSSkipVerify *bool            `json:"tls_skip_verify,omitempty"`
		TLSServerName string           `json:"tls_server_name,omitempty"`
	}
	tcpHealthcheck struct {
		Port int32 `json:"port"`
	}
	execHealthcheck struct {
		Command []string `json:"command"`
	}
	volumeConfig struct {
		Name    string         `json:"name"`
		TempDir *tempDirVolume `json:"temp_dir,omitempty"`
		Image   string         `json:"image,omitempty"`
	}
	tempDirVolume struct {
		StorageType string `json:"storage_type"`
		SizeMB      uint64 `json:"size_mb,omitempty"`
	}
	machineRootfs struct {
		SizeGB  uint64               `json:"size_gb,omitempty"`
		Persist MachinePersistRootfs `json:"persist,omitempty"`
	}
	machineCacheDrive struct {
		SizeMB uint64 `json:"size_mb,omitempty"`
	}
	machineSpot struct {
		MaxPriceFraction float64 `json:"max_price_fraction,omitempty"`
	}
)

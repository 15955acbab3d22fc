package flytoml

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// machineConfig is fly-go's MachineConfig. The types of its fields have fly-go's
// names in lower case, except for those in flyGoNames.
type machineConfig struct {
	Env                     map[string]string       `json:"env,omitempty"`
	Mounts                  []machine.Mount         `json:"mounts,omitempty"`
	Services                []machineService        `json:"services,omitempty"`
	Metrics                 *MachineMetrics         `json:"metrics,omitempty"`
	Checks                  map[string]machineCheck `json:"checks,omitempty"`
	Statics                 []*wireStatic           `json:"statics,omitempty"`
	Files                   []*containerFile        `json:"files,omitempty"`
	Restart                 *machineRestart         `json:"restart,omitempty"`
	StopConfig              *wireStop               `json:"stop_config,omitempty"`
	Init                    *machineInit            `json:"init,omitempty"`
	Guest                   *MachineGuest           `json:"guest,omitempty"`
	Metadata                map[string]string       `json:"metadata,omitempty"`
	Image                   string                  `json:"image,omitempty"`
	Schedule                string                  `json:"schedule,omitempty"`
	AutoDestroy             bool                    `json:"auto_destroy,omitempty"`
	DNS                     *dnsConfig              `json:"dns,omitempty"`
	Processes               []machineProcess        `json:"processes,omitempty"`
	Standbys                []string                `json:"standbys,omitempty"`
	Containers              []*containerConfig      `json:"containers,omitempty"`
	Volumes                 []*volumeConfig         `json:"volumes,omitempty"`
	Rootfs                  *machineRootfs          `json:"rootfs,omitempty"`
	CacheDrive              *machineCacheDrive      `json:"cache_drive,omitempty"`
	Spot                    *machineSpot            `json:"spot,omitempty"`
	VMSize                  string                  `json:"size,omitempty"`
	DisableMachineAutostart *bool                   `json:"disable_machine_autostart,omitempty"`
}

type (
	machineService struct {
		Protocol                 string                `json:"protocol,omitempty"`
		InternalPort             int                   `json:"internal_port,omitempty"`
		Autostop                 *Autostop             `json:"autostop,omitempty"`
		Autostart                *bool                 `json:"autostart,omitempty"`
		MinMachinesRunning       *int                  `json:"min_machines_running,omitempty"`
		Ports                    []machine.Port        `json:"ports,omitempty"`
		Checks                   []machineServiceCheck `json:"checks,omitempty"`
		Concurrency              *machine.Concurrency  `json:"concurrency,omitempty"`
		ForceInstanceKey         *string               `json:"force_instance_key"`
		ForceInstanceDescription *string               `json:"force_instance_description,omitempty"`
	}
	machineServiceCheck struct {
		Port              *int             `json:"port,omitempty"`
		Type              *string          `json:"type,omitempty"`
		Interval          *Duration        `json:"interval,omitempty"`
		Timeout           *Duration        `json:"timeout,omitempty"`
		GracePeriod       *Duration        `json:"grace_period,omitempty"`
		HTTPMethod        *string          `json:"method,omitempty"`
		HTTPPath          *string          `json:"path,omitempty"`
		HTTPProtocol      *string          `json:"protocol,omitempty"`
		HTTPSkipTLSVerify *bool            `json:"tls_skip_verify,omitempty"`
		HTTPTLSServerName *string          `json:"tls_server_name,omitempty"`
		HTTPHeaders       []machine.Header `json:"headers,omitempty"`
	}
	machineCheck struct {
		Port              *int              `json:"port,omitempty"`
		Type              *string           `json:"type,omitempty"`
		Kind              *machineCheckKind `json:"kind,omitempty"`
		Interval          *Duration         `json:"interval,omitempty"`
		Timeout           *Duration         `json:"timeout,omitempty"`
		GracePeriod       *Duration         `json:"grace_period,omitempty"`
		HTTPMethod        *string           `json:"method,omitempty"`
		HTTPPath          *string           `json:"path,omitempty"`
		HTTPProtocol      *string           `json:"protocol,omitempty"`
		HTTPSkipTLSVerify *bool             `json:"tls_skip_verify,omitempty"`
		HTTPTLSServerName *string           `json:"tls_server_name,omitempty"`
		HTTPHeaders       []machine.Header  `json:"headers,omitempty"`
	}
	machineCheckKind string
	machineInit      struct {
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
		Name             string `json:"name"`
		Interval         int64  `json:"interval,omitempty"`
		GracePeriod      int64  `json:"grace_period,omitempty"`
		SuccessThreshold int32  `json:"success_threshold,omitempty"`
		FailureThreshold int32  `json:"failure_threshold,omitempty"`
		Timeout          int64  `json:"timeout,omitempty"`
		Kind             string `json:"kind,omitempty"`
		Unhealthy        string `json:"unhealthy,omitempty"`
		containerHealthcheckType
	}
	containerHealthcheckType struct {
		HTTP *httpHealthcheck `json:"http,omitempty"`
		TCP  *tcpHealthcheck  `json:"tcp,omitempty"`
		Exec *execHealthcheck `json:"exec,omitempty"`
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
		Name string `json:"name"`
		volumeResource
	}
	volumeResource struct {
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

// isEmpty reports whether a file has no content yet. A null entry is not empty, because there is
// nothing to fill.
func (f *containerFile) isEmpty() bool {
	return f != nil && f.RawValue == nil && f.SecretName == nil
}

// flyGoNames maps our type names to fly-go's, where they differ in more than the case of the
// first letter.
func flyGoNames() map[string]string {
	return map[string]string{
		"Port":            "MachinePort",
		"Concurrency":     "MachineServiceConcurrency",
		"HTTPResponse":    "HTTPResponseOptions",
		"Header":          "MachineHTTPHeader",
		"Mount":           "MachineMount",
		"Autostop":        "MachineAutostop",
		"wireStatic":      "Static",
		"wireStop":        "StopConfig",
		"containerFile":   "File",
		"dnsConfig":       "DNSConfig",
		"dnsOption":       "dnsOption",
		"dnsForwardRule":  "dnsForwardRule",
		"httpHealthcheck": "HTTPHealthcheck",
		"tcpHealthcheck":  "TCPHealthcheck",
	}
}

func flyGoName(name string) string {
	if known, ok := flyGoNames()[name]; ok || name == "" {
		return known
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

var (
	ourType     = regexp.MustCompile(`\b(flytoml|machine)\.(\w+)`)
	ourEmbedded = strings.NewReplacer("containerHealthcheckType.", "ContainerHealthcheckType.",
		"volumeResource.", "VolumeResource.")
)

// inFlyGosWords rewrites a type mismatch with the names of fly-go's structs, as
// flyctl's message has them.
func inFlyGosWords(err error) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	kind := ourType.ReplaceAllStringFunc(mismatch.Type.String(), func(name string) string {
		_, name, _ = strings.Cut(name, ".")
		if strings.HasPrefix(name, "local") {
			return "config." + flyGoName(name)
		}
		return "fly." + flyGoName(name)
	})
	if kind == "map[string]json.RawMessage" {
		kind = "map[string]interface {}"
	}
	if mismatch.Struct == "" && mismatch.Field == "" {
		return fmt.Errorf("json: cannot unmarshal %s into Go value of type %s", mismatch.Value, kind)
	}
	return fmt.Errorf("json: cannot unmarshal %s into Go struct field %s.%s of type %s",
		mismatch.Value, flyGoName(mismatch.Struct), ourEmbedded.Replace(mismatch.Field), kind)
}

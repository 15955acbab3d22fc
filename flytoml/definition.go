package flytoml

import (
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Definition is a fly.toml as flyctl understands it, with old spellings
// translated and without keys that flyctl does not know. The fields and their
// JSON names are those of flyctl's appconfig.Config; the definition stored with a
// release has this form.
type Definition struct {
	App            string    `json:"app,omitempty"`
	PrimaryRegion  string    `json:"primary_region,omitempty"`
	KillSignal     *string   `json:"kill_signal,omitempty"`
	KillTimeout    *Duration `json:"kill_timeout,omitempty"`
	SwapSizeMB     *int      `json:"swap_size_mb,omitempty"`
	ConsoleCommand string    `json:"console_command,omitempty"`

	Experimental *Experimental     `json:"experimental,omitempty"`
	Build        *Build            `json:"build,omitempty"`
	Deploy       *Deploy           `json:"deploy,omitempty"`
	Env          map[string]string `json:"env,omitempty"` // may hold secrets

	Processes        map[string]string         `json:"processes,omitempty"`
	Mounts           []Mount                   `json:"mounts,omitempty"`
	HTTPService      *HTTPService              `json:"http_service,omitempty"`
	Services         []Service                 `json:"services,omitempty"`
	Checks           map[string]*ToplevelCheck `json:"checks,omitempty"`
	Files            []GuestFile               `json:"files,omitempty"`
	HostDedicationID string                    `json:"host_dedication_id,omitempty"`

	MachineConfig string                 `json:"machine_config,omitempty"`
	Container     string                 `json:"container,omitempty"`
	MachineChecks []*ServiceMachineCheck `json:"machine_checks,omitempty"`

	Restart []Restart  `json:"restart,omitempty"`
	VM      []*Compute `json:"vm,omitempty"`
	Statics []Static   `json:"statics,omitempty"`
	Metrics []*Metrics `json:"metrics,omitempty"`
}

// Experimental is the [experimental] section.
type Experimental struct {
	Cmd            []string `json:"cmd,omitempty"`
	Entrypoint     []string `json:"entrypoint,omitempty"`
	Exec           []string `json:"exec,omitempty"`
	AutoRollback   bool     `json:"auto_rollback,omitempty"`
	EnableConsul   bool     `json:"enable_consul,omitempty"`
	EnableEtcd     bool     `json:"enable_etcd,omitempty"`
	LazyLoadImages bool     `json:"lazy_load_images,omitempty"`
	Attached       Attached `json:"attached,omitzero"`
	MachineConfig  string   `json:"machine_config,omitempty"`
}

// Attached lists secrets of attached apps that are exported to this one.
type Attached struct {
	Secrets AttachedSecrets `json:"secrets,omitzero"`
}

// AttachedSecrets is the secrets table of [Attached].
type AttachedSecrets struct {
	Export map[string]string `json:"export,omitempty"`
}

// Build is the [build] section.
type Build struct {
	Builder           string            `json:"builder,omitempty"`
	Args              map[string]string `json:"args,omitempty"`
	Buildpacks        []string          `json:"buildpacks,omitempty"`
	Image             string            `json:"image,omitempty"`
	Settings          map[string]any    `json:"settings,omitempty"`
	Builtin           string            `json:"builtin,omitempty"`
	Dockerfile        string            `json:"dockerfile,omitempty"`
	Ignorefile        string            `json:"ignorefile,omitempty"`
	DockerBuildTarget string            `json:"build-target,omitempty"`
	Compose           *BuildCompose     `json:"compose,omitempty"`
	Compression       string            `json:"compression,omitempty"`
	CompressionLevel  *int              `json:"compression_level,omitempty"`
}

// BuildCompose names the compose file that the containers come from.
type BuildCompose struct {
	File string `json:"file,omitempty"`
}

// Deploy is the [deploy] section.
type Deploy struct {
	Strategy              string    `json:"strategy,omitempty"`
	MaxUnavailable        *float64  `json:"max_unavailable,omitempty"`
	WaitTimeout           *Duration `json:"wait_timeout,omitempty"`
	ReleaseCommand        string    `json:"release_command,omitempty"`
	ReleaseCommandTimeout *Duration `json:"release_command_timeout,omitempty"`
	ReleaseCommandCompute *Compute  `json:"release_command_vm,omitempty"`
	SeedCommand           string    `json:"seed_command,omitempty"`
}

// Mount is one [[mounts]] section.
type Mount struct {
	Source                  string   `json:"source,omitempty"`
	Destination             string   `json:"destination,omitempty"`
	InitialSize             string   `json:"initial_size,omitempty"`
	SnapshotRetention       *int     `json:"snapshot_retention,omitempty"`
	ScheduledSnapshots      *bool    `json:"scheduled_snapshots,omitempty"`
	AutoExtendSizeThreshold int      `json:"auto_extend_size_threshold,omitempty"`
	AutoExtendSizeIncrement string   `json:"auto_extend_size_increment,omitempty"`
	AutoExtendSizeLimit     string   `json:"auto_extend_size_limit,omitempty"`
	Processes               []string `json:"processes,omitempty"`
}

// HTTPService is the [http_service] section. Its ports are always 80 and 443.
type HTTPService struct {
	InternalPort       int                    `json:"internal_port,omitempty"`
	ForceHTTPS         bool                   `json:"force_https,omitempty"`
	AutoStopMachines   *Autostop              `json:"auto_stop_machines,omitempty"`
	AutoStartMachines  *bool                  `json:"auto_start_machines,omitempty"`
	MinMachinesRunning *int                   `json:"min_machines_running,omitempty"`
	Processes          []string               `json:"processes,omitempty"`
	Concurrency        *machine.Concurrency   `json:"concurrency,omitempty"`
	TLSOptions         *machine.TLSOptions    `json:"tls_options,omitempty"`
	HTTPOptions        *machine.HTTPOptions   `json:"http_options,omitempty"`
	HTTPChecks         []*ServiceHTTPCheck    `json:"checks,omitempty"`
	MachineChecks      []*ServiceMachineCheck `json:"machine_checks,omitempty"`
}

// Service is one [[services]] section.
type Service struct {
	Protocol           string                 `json:"protocol,omitempty"`
	InternalPort       int                    `json:"internal_port,omitempty"`
	AutoStopMachines   *Autostop              `json:"auto_stop_machines,omitempty"`
	AutoStartMachines  *bool                  `json:"auto_start_machines,omitempty"`
	MinMachinesRunning *int                   `json:"min_machines_running,omitempty"`
	Ports              []machine.Port         `json:"ports,omitempty"`
	Concurrency        *machine.Concurrency   `json:"concurrency,omitempty"`
	TCPChecks          []*ServiceTCPCheck     `json:"tcp_checks,omitempty"`
	HTTPChecks         []*ServiceHTTPCheck    `json:"http_checks,omitempty"`
	MachineChecks      []*ServiceMachineCheck `json:"machine_checks,omitempty"`
	Processes          []string               `json:"processes,omitempty"`
}

// ServiceTCPCheck is a TCP check of a service.
type ServiceTCPCheck struct {
	Interval    *Duration `json:"interval,omitempty"`
	Timeout     *Duration `json:"timeout,omitempty"`
	GracePeriod *Duration `json:"grace_period,omitempty"`
}

// ServiceHTTPCheck is an HTTP check of a service.
type ServiceHTTPCheck struct {
	Interval          *Duration         `json:"interval,omitempty"`
	Timeout           *Duration         `json:"timeout,omitempty"`
	GracePeriod       *Duration         `json:"grace_period,omitempty"`
	HTTPMethod        *string           `json:"method,omitempty"`
	HTTPPath          *string           `json:"path,omitempty"`
	HTTPProtocol      *string           `json:"protocol,omitempty"`
	HTTPTLSSkipVerify *bool             `json:"tls_skip_verify,omitempty"`
	HTTPTLSServerName *string           `json:"tls_server_name,omitempty"`
	HTTPHeaders       map[string]string `json:"headers,omitempty"` // may hold secrets
}

// ServiceMachineCheck describes a test Machine that `fly deploy` runs. It is not
// part of a Machine's configuration.
type ServiceMachineCheck struct {
	Command     []string  `json:"command,omitempty"`
	Image       string    `json:"image,omitempty"`
	Entrypoint  []string  `json:"entrypoint,omitempty"`
	KillSignal  *string   `json:"kill_signal,omitempty"`
	KillTimeout *Duration `json:"kill_timeout,omitempty"`
}

// ToplevelCheck is one [checks.NAME] section.
type ToplevelCheck struct {
	Port              *int              `json:"port,omitempty"`
	Type              *string           `json:"type,omitempty"`
	Interval          *Duration         `json:"interval,omitempty"`
	Timeout           *Duration         `json:"timeout,omitempty"`
	GracePeriod       *Duration         `json:"grace_period,omitempty"`
	HTTPMethod        *string           `json:"method,omitempty"`
	HTTPPath          *string           `json:"path,omitempty"`
	HTTPProtocol      *string           `json:"protocol,omitempty"`
	HTTPTLSSkipVerify *bool             `json:"tls_skip_verify,omitempty"`
	HTTPTLSServerName *string           `json:"tls_server_name,omitempty"`
	HTTPHeaders       map[string]string `json:"headers,omitempty"` // may hold secrets
	Processes         []string          `json:"processes,omitempty"`
}

// GuestFile is one [[files]] section. flyctl ignores Processes: every group gets
// every file.
type GuestFile struct {
	GuestPath  string   `json:"guest_path,omitempty"`
	LocalPath  string   `json:"local_path,omitempty"`
	SecretName string   `json:"secret_name,omitempty"`
	RawValue   string   `json:"raw_value,omitempty"` // may hold a secret
	Processes  []string `json:"processes,omitempty"`
}

// Restart is one [[restart]] section.
type Restart struct {
	Policy     RestartPolicy `json:"policy,omitempty"`
	MaxRetries int           `json:"retries,omitempty"`
	Processes  []string      `json:"processes,omitempty"`
}

// RestartPolicy is always, never or on-failure.
type RestartPolicy string

// Compute is one [[vm]] section.
type Compute struct {
	Size   string `json:"size,omitempty"`
	Memory string `json:"memory,omitempty"`
	*MachineGuest
	Processes []string `json:"processes,omitempty"`
}

// MachineGuest holds the keys of [[vm]] that a Machine's guest has under the same names.
type MachineGuest struct {
	CPUKind          string               `json:"cpu_kind,omitempty"`
	CPUs             int                  `json:"cpus,omitempty"`
	MemoryMB         int                  `json:"memory_mb,omitempty"`
	MaxMemoryMB      int                  `json:"max_memory_mb,omitempty"`
	GPUs             int                  `json:"gpus,omitempty"`
	GPUKind          string               `json:"gpu_kind,omitempty"`
	HostDedicationID string               `json:"host_dedication_id,omitempty"`
	PersistRootfs    MachinePersistRootfs `json:"persist_rootfs,omitempty"`
	KernelArgs       []string             `json:"kernel_args,omitempty"`
}

// MachinePersistRootfs is never, always or restart.
type MachinePersistRootfs string

// Static is one [[statics]] section.
type Static struct {
	GuestPath     string `json:"guest_path,omitempty"`
	URLPrefix     string `json:"url_prefix,omitempty"`
	TigrisBucket  string `json:"tigris_bucket,omitempty"`
	IndexDocument string `json:"index_document,omitempty"`
}

// Metrics is one [[metrics]] section.
type Metrics struct {
	*MachineMetrics
	Processes []string `json:"processes,omitempty"`
}

// MachineMetrics says where Fly scrapes a Machine's metrics.
type MachineMetrics struct {
	Port  int    `json:"port,omitempty"`
	Path  string `json:"path,omitempty"`
	HTTPS bool   `json:"https,omitempty"`
}

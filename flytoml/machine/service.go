package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Service is one entry of a configuration's services: how Fly Proxy routes to the
// Machine. Names and omissions are those of fly-go's MachineService.
// force_instance_key is always written, as flyctl does.
type Service struct {
	Protocol                 string       `json:"protocol,omitempty"`
	InternalPort             int          `json:"internal_port,omitempty"`
	Autostop                 *Autostop    `json:"autostop,omitempty"`
	Autostart                *bool        `json:"autostart,omitempty"`
	MinMachinesRunning       *int         `json:"min_machines_running,omitempty"`
	Ports                    []Port       `json:"ports,omitempty"`
	Checks                   []Check      `json:"checks,omitempty"`
	Concurrency              *Concurrency `json:"concurrency,omitempty"`
	ForceInstanceKey         *string      `json:"force_instance_key"`
	ForceInstanceDescription *string      `json:"force_instance_description,omitempty"`
}

// Port is an external port, or a range of them, and how it is handled.
type Port struct {
	Port              *int               `json:"port,omitempty"`
	StartPort         *int               `json:"start_port,omitempty"`
	EndPort           *int               `json:"end_port,omitempty"`
	Handlers          []string           `json:"handlers,omitempty"`
	ForceHTTPS        bool               `json:"force_https,omitempty"`
	TLSOptions        *TLSOptions        `json:"tls_options,omitempty"`
	HTTPOptions       *HTTPOptions       `json:"http_options,omitempty"`
	ProxyProtoOptions *ProxyProtoOptions `json:"proxy_proto_options,omitempty"`
}

// String returns the port as people write it: 443 or 9000-9010.
func (p Port) String() string {
	switch {
	case p.Port != nil:
		return fmt.Sprint(*p.Port)
	case p.StartPort != nil && p.EndPort != nil:
		return fmt.Sprintf("%d-%d", *p.StartPort, *p.EndPort)
	case p.StartPort != nil:
		return fmt.Sprintf("%d-65535", *p.StartPort)
	case p.EndPort != nil:
		return fmt.Sprintf("0-%d", *p.EndPort)
	}
	return "none"
}

// TLSOptions are the options of a port with the tls handler.
type TLSOptions struct {
	ALPN              []string `json:"alpn,omitempty"`
	Versions          []string `json:"versions,omitempty"`
	DefaultSelfSigned *bool    `json:"default_self_signed,omitempty"`
}

// HTTPOptions are the options of a port with the http handler.
type HTTPOptions struct {
	Compress           *bool         `json:"compress,omitempty"`
	Response           *HTTPResponse `json:"response,omitempty"`
	H2Backend          *bool         `json:"h2_backend,omitempty"`
	IdleTimeout        *uint32       `json:"idle_timeout,omitempty"`
	HeadersReadTimeout *uint32       `json:"headers_read_timeout,omitempty"`
	ReplayCache        []ReplayCache `json:"replay_cache,omitempty"`
}

// HTTPResponse is how Fly Proxy changes responses. A header's value is a string,
// a list of strings, or false (remove the header), so it is raw JSON.
type HTTPResponse struct {
	Headers  map[string]json.RawMessage `json:"headers,omitempty"`
	Pristine *bool                      `json:"pristine,omitempty"`
}

// ReplayCache configures caching of fly-replay decisions.
type ReplayCache struct {
	PathPrefix  string `json:"path_prefix"`
	TTLSeconds  int    `json:"ttl_seconds"`
	Type        string `json:"type"`
	Name        string `json:"name"`
	AllowBypass bool   `json:"allow_bypass,omitempty"`
}

// ProxyProtoOptions are the options of a port with the proxy_proto handler.
type ProxyProtoOptions struct {
	Version string `json:"version,omitempty"`
}

// Concurrency holds the limits that autostart and autostop use.
type Concurrency struct {
	Type      string `json:"type,omitempty"`
	HardLimit int    `json:"hard_limit,omitempty"`
	SoftLimit int    `json:"soft_limit,omitempty"`
}

// What concurrency limits count.
const (
	CountRequests    = "requests"
	CountConnections = "connections"
)

// defaultSoftLimit is the soft limit of a service that does not set one (Fly
// docs, "fly.toml", concurrency).
const defaultSoftLimit = 20

// Limits is what Fly Proxy counts as a service's load, and the limits.
type Limits struct {
	Unit string // connections or requests
	Soft int    // never 0
	Hard int    // 0 means none
}

// Limits returns the service's limits, with Fly's defaults for what is not set.
func (s Service) Limits() Limits {
	l := Limits{Unit: "connections", Soft: defaultSoftLimit}
	c := s.Concurrency
	if c == nil {
		return l
	}
	if c.Type == CountRequests {
		l.Unit = c.Type
	}
	l.Hard = max(c.HardLimit, 0)
	switch {
	case c.SoftLimit > 0:
		l.Soft = c.SoftLimit
	case l.Hard > 0:
		l.Soft = min(l.Soft, l.Hard)
	}
	return l
}

// Check is a health check of a service or of the whole Machine. Durations are Go
// duration strings ("15s"). Only top-level checks have a Kind.
type Check struct {
	Port          *int     `json:"port,omitempty"`
	Type          *string  `json:"type,omitempty"`
	Kind          *string  `json:"kind,omitempty"`
	Interval      *string  `json:"interval,omitempty"`
	Timeout       *string  `json:"timeout,omitempty"`
	GracePeriod   *string  `json:"grace_period,omitempty"`
	Method        *string  `json:"method,omitempty"`
	Path          *string  `json:"path,omitempty"`
	Protocol      *string  `json:"protocol,omitempty"`
	TLSSkipVerify *bool    `json:"tls_skip_verify,omitempty"`
	TLSServerName *string  `json:"tls_server_name,omitempty"`
	Headers       []Header `json:"headers,omitempty"`
}

// Header is a header that a check sends. Its values may be credentials.
type Header struct {
	Name   string   `json:"name,omitempty"`
	Values []string `json:"values,omitempty"`
}

// Guest is the size of a Machine.
type Guest struct {
	CPUKind          string   `json:"cpu_kind,omitempty"`
	CPUs             int      `json:"cpus,omitempty"`
	MemoryMB         int      `json:"memory_mb,omitempty"`
	MaxMemoryMB      int      `json:"max_memory_mb,omitempty"`
	GPUs             int      `json:"gpus,omitempty"`
	GPUKind          string   `json:"gpu_kind,omitempty"`
	HostDedicationID string   `json:"host_dedication_id,omitempty"`
	PersistRootfs    string   `json:"persist_rootfs,omitempty"`
	KernelArgs       []string `json:"kernel_args,omitempty"`
}

// Mount is a volume mounted into a Machine.
type Mount struct {
	Encrypted              bool   `json:"encrypted,omitempty"`
	Path                   string `json:"path,omitempty"`
	SizeGB                 int    `json:"size_gb,omitempty"`
	Volume                 string `json:"volume,omitempty"`
	Name                   string `json:"name,omitempty"`
	ExtendThresholdPercent int    `json:"extend_threshold_percent,omitempty"`
	AddSizeGB              int    `json:"add_size_gb,omitempty"`
	SizeGBLimit            int    `json:"size_gb_limit,omitempty"`
}

// MountFromFile reports whether fly.toml sets a field of a mount. The other
// fields belong to the volume and come from the Machine.
func MountFromFile(field string) bool {
	switch field {
	case "name", "path", "extend_threshold_percent", "add_size_gb", "size_gb_limit":
		return true
	}
	return false
}

// Autostop is what Fly Proxy does with an idle Machine.
type Autostop int

// The three settings. The API uses false for off, true for stop, and "suspend". The
// strings "off" and "stop" are accepted too.
const (
	AutostopOff Autostop = iota
	AutostopStop
	AutostopSuspend
)

// ParseAutostop reads the word for a setting in a fly.toml or in the API.
func ParseAutostop(s string) (Autostop, error) {
	switch s {
	case "off":
		return AutostopOff, nil
	case "stop":
		return AutostopStop, nil
	case "suspend":
		return AutostopSuspend, nil
	}
	return 0, fmt.Errorf("invalid autostop string value %q", s)
}

// String returns off, stop or suspend.
func (a Autostop) String() string {
	switch a {
	case AutostopStop:
		return "stop"
	case AutostopSuspend:
		return "suspend"
	}
	return "off"
}

// MarshalJSON writes the form that the API returns.
func (a Autostop) MarshalJSON() ([]byte, error) {
	switch a {
	case AutostopStop:
		return []byte("true"), nil
	case AutostopSuspend:
		return []byte(`"suspend"`), nil
	}
	return []byte("false"), nil
}

// UnmarshalJSON reads a boolean or one of the three words.
func (a *Autostop) UnmarshalJSON(data []byte) error {
	switch {
	case bytes.Equal(data, []byte("null")):
		return nil
	case bytes.Equal(data, []byte("true")):
		*a = AutostopStop
		return nil
	case bytes.Equal(data, []byte("false")):
		*a = AutostopOff
		return nil
	}
	var word string
	if err := json.Unmarshal(data, &word); err != nil {
		return fmt.Errorf("invalid autostop value %s", data)
	}
	parsed, err := ParseAutostop(word)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

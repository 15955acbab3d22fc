package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Service says how Fly Proxy routes to the Machine.
type Service struct {
	Protocol         string   `json:"protocol"`
	InternalPort     int      `json:"internal_port"`
	Autostop         Autostop `json:"autostop"` // absent: off
	Autostart        *bool    `json:"autostart"`
	MinRunning       int      `json:"min_machines_running"`
	Ports            []Port   `json:"ports"`
	Checks           []Check  `json:"checks"`
	Concurrency      *Limits  `json:"concurrency"`
	InstanceKey      string   `json:"force_instance_key"`
	InstanceKeyShown string   `json:"force_instance_description"`
}

// Autostop says what Fly Proxy does with an idle Machine.
type Autostop int

// The settings of autostop.
const (
	AutostopOff Autostop = iota
	AutostopStop
	AutostopSuspend
)

// UnmarshalJSON reads false, true, "off", "stop" or "suspend".
func (a *Autostop) UnmarshalJSON(raw []byte) error {
	switch string(bytes.TrimSpace(raw)) {
	case "null":
	case "false", `"off"`:
		*a = AutostopOff
	case "true", `"stop"`:
		*a = AutostopStop
	case `"suspend"`:
		*a = AutostopSuspend
	default:
		var word string
		if json.Unmarshal(raw, &word) == nil {
			return fmt.Errorf("invalid autostop string value %q", word)
		}
		return fmt.Errorf("invalid autostop value %s", raw)
	}
	return nil
}

// Port is an external port, or a range of them.
type Port struct {
	Port       *int     `json:"port"`
	First      *int     `json:"start_port"`
	Last       *int     `json:"end_port"`
	Handlers   []string `json:"handlers"`
	ForceHTTPS bool     `json:"force_https"`
	TLS        struct {
		ALPN       []string `json:"alpn"`
		Versions   []string `json:"versions"`
		SelfSigned bool     `json:"default_self_signed"`
	} `json:"tls_options"`
	HTTP       HTTPOptions `json:"http_options"`
	ProxyProto struct {
		Version string `json:"version"`
	} `json:"proxy_proto_options"`
}

// Covers reports whether the entry is for the port, or for a range that contains it.
func (p Port) Covers(port int) bool {
	switch {
	case p.Port != nil:
		return *p.Port == port
	case p.First == nil && p.Last == nil:
		return false
	}
	return (p.First == nil || *p.First <= port) && (p.Last == nil || port <= *p.Last)
}

// HTTPOptions are the options of a port with the http handler.
type HTTPOptions struct {
	Compress bool `json:"compress"`
	Response struct {
		// Headers to set or to remove: each value is a string, a list of strings, or false.
		Headers  map[string]json.RawMessage `json:"headers"`
		Pristine bool                       `json:"pristine"` // Fly Proxy adds no header of its own
	} `json:"response"`
	H2Backend          bool   `json:"h2_backend"` // HTTP/2 without TLS to the Machine
	IdleTimeout        uint32 `json:"idle_timeout"`
	HeadersReadTimeout uint32 `json:"headers_read_timeout"`
	ReplayCache        []struct {
		PathPrefix  string `json:"path_prefix"`
		TTLSeconds  int    `json:"ttl_seconds"`
		Type        string `json:"type"`
		Name        string `json:"name"`
		AllowBypass bool   `json:"allow_bypass"`
	} `json:"replay_cache"`
}

// Limits is a service's concurrency.
type Limits struct {
	Type string `json:"type"` // requests or connections
	Hard int    `json:"hard_limit"`
	Soft int    `json:"soft_limit"`
}

// defaultSoftLimit is the soft limit of a service without one (Fly docs, "fly.toml", concurrency).
const defaultSoftLimit = 20

// Limits returns the service's concurrency with Fly's defaults: type connections, and a soft limit
// that is never 0. A hard limit of 0 means no limit.
func (s Service) Limits() Limits {
	l := Limits{Type: "connections", Soft: defaultSoftLimit}
	if s.Concurrency == nil {
		return l
	}
	if s.Concurrency.Type == "requests" {
		l.Type = "requests"
	}
	l.Hard = max(s.Concurrency.Hard, 0)
	switch {
	case s.Concurrency.Soft > 0:
		l.Soft = s.Concurrency.Soft
	case l.Hard > 0:
		l.Soft = min(l.Soft, l.Hard)
	}
	return l
}

// Check is a health check of a service or of the whole Machine.
type Check struct {
	Port          int    `json:"port"` // 0: the service's
	Type          string `json:"type"`
	Kind          string `json:"kind"`
	Interval      string `json:"interval"`
	Timeout       string `json:"timeout"`
	GracePeriod   string `json:"grace_period"`
	Method        string `json:"method"`
	Path          string `json:"path"`
	Protocol      string `json:"protocol"`
	TLSSkipVerify bool   `json:"tls_skip_verify"`
	TLSServerName string `json:"tls_server_name"`
	Headers       []struct {
		Name   string   `json:"name"`
		Values []string `json:"values"`
	} `json:"headers"`
}

// Guest is a Machine's size.
type Guest struct {
	CPUKind          string   `json:"cpu_kind"`
	CPUs             int      `json:"cpus"`
	MemoryMB         int      `json:"memory_mb"`
	MaxMemoryMB      int      `json:"max_memory_mb"`
	GPUs             int      `json:"gpus"`
	GPUKind          string   `json:"gpu_kind"`
	HostDedicationID string   `json:"host_dedication_id"`
	PersistRootfs    string   `json:"persist_rootfs"`
	KernelArgs       []string `json:"kernel_args"`
}

// Mount says where a volume is mounted in a Machine.
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

package flysim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// accept turns a configuration from a request into the one that is stored. Fields are stored as
// they came, known or not, with three exceptions that follow Fly: autostop is echoed as false, true
// or "suspend"; fly.toml's names for autostop and autostart are dropped silently from services; and
// a Machine without a guest gets the smallest one, because flyctl's `machine status` and `scale
// count` expect a guest. [Options.DropUnknown] drops every field that Fly does not document.
func (p *Platform) accept(raw json.RawMessage) (spec.Config, error) {
	if isNull(raw) {
		return spec.Config{}, invalid("config is required")
	}
	if p.options.DropUnknown {
		raw = publishedShape().prune(raw)
	}
	config, err := spec.Parse(raw)
	if err != nil {
		return spec.Config{}, invalid("invalid config: %v", err)
	}
	if config.Image() == "" {
		return spec.Config{}, invalid("invalid config.image: image is required")
	}
	if err := config.Validate(); err != nil {
		return spec.Config{}, invalid("invalid config: %v", err)
	}
	if isNull(config.Raw("guest")) {
		if config, err = config.With("guest", json.RawMessage(defaultGuest)); err != nil {
			return spec.Config{}, err
		}
	}
	if config.Raw("services") == nil {
		return config, nil
	}
	var services []map[string]json.RawMessage
	if err := json.Unmarshal(config.Raw("services"), &services); err != nil {
		return spec.Config{}, invalid("invalid config.services: %v", err)
	}
	for _, service := range services {
		delete(service, "auto_stop_machines")
		delete(service, "auto_start_machines")
		switch string(service["autostop"]) {
		case `"off"`:
			service["autostop"] = json.RawMessage("false")
		case `"stop"`:
			service["autostop"] = json.RawMessage("true")
		}
	}
	return config.With("services", services)
}

// defaultGuest is the size of a Machine whose configuration has no guest: shared-cpu-1x (Machines
// API, "Machine config object properties").
const defaultGuest = `{"cpu_kind":"shared","cpus":1,"memory_mb":256}`

// probe is a configured health check, reduced to what the platform uses.
type probe struct {
	name string
	port int // 0: not configured
}

// probesOf returns the checks of a configuration: those of the services in order, then the
// top-level ones by name.
func probesOf(config spec.Config) []probe {
	type check struct {
		Type string `json:"type"`
		Port int    `json:"port"`
	}
	var services []struct {
		InternalPort int     `json:"internal_port"`
		Checks       []check `json:"checks"`
	}
	var found []probe
	if json.Unmarshal(config.Raw("services"), &services) == nil {
		for _, service := range services {
			for _, c := range service.Checks {
				port := service.InternalPort
				if c.Port != 0 {
					port = c.Port
				}
				found = append(found, probe{fmt.Sprintf("servicecheck-%02d-%s-%d", len(found), c.Type, port), port})
			}
		}
	}
	var named map[string]check
	if json.Unmarshal(config.Raw("checks"), &named) == nil {
		for _, name := range slices.Sorted(maps.Keys(named)) {
			found = append(found, probe{name, named[name].Port})
		}
	}
	return found
}

// internalPorts returns a socket for each distinct port and protocol of the services, and for each
// port of the checks: by default a program listens on every port that is checked.
func internalPorts(config spec.Config) []socket {
	var services []struct {
		Protocol     string `json:"protocol"`
		InternalPort int    `json:"internal_port"`
	}
	if raw := config.Raw("services"); raw != nil && json.Unmarshal(raw, &services) != nil {
		return nil
	}
	var sockets []socket
	for _, service := range services {
		s := socket{proto: "tcp", address: fmt.Sprintf("0.0.0.0:%d", service.InternalPort)}
		if service.Protocol == "udp" {
			s = socket{proto: "udp", address: fmt.Sprintf("172.19.0.2:%d", service.InternalPort)}
		}
		if service.InternalPort > 0 && !slices.Contains(sockets, s) {
			sockets = append(sockets, s)
		}
	}
	for _, p := range probesOf(config) {
		s := socket{proto: "tcp", address: fmt.Sprintf("0.0.0.0:%d", p.port)}
		if p.port > 0 && !slices.Contains(sockets, s) {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// updateFlags returns the flags of fly machine update that fix a blocker of a Machine;
// empty if there are none. What only a person knows is in capital letters.
func updateFlags(id string, m fly.Machine) string {
	switch id {
	case plan.NoServices:
		return "--port 80:PORT/tcp:http --autostop=stop --autostart=true (PORT is where the program listens)"
	case plan.NoPorts:
		return newPort(m)
	case plan.ForceHTTPS:
		if flags, ok := withoutRedirect(m.Config); ok {
			return flags
		}
		return servicesWithoutRedirect(m.Config)
	case plan.TLSOnly:
		return plainPorts(m)
	case plan.BindLoopback:
		return "--image IMAGE (IMAGE is a build that listens on 0.0.0.0 at internal_port)"
	}
	return ""
}

// newPort returns the --port flag that gives the service of a Machine its first port:
// 80 for HTTP, the program's own port for a database. It is empty if the Machine has
// several services, or if the service has no internal port.
func newPort(m fly.Machine) string {
	alone := Snapshot{Machines: []fly.Machine{m}}.NewService()
	switch {
	case alone.InternalPort == 0:
		return ""
	case alone.Create == plan.CreateTCP:
		return fmt.Sprintf("--port %d:%d/tcp", alone.InternalPort, alone.InternalPort)
	}
	return fmt.Sprintf("--port 80:%d/tcp:http", alone.InternalPort)
}

// withoutRedirect returns the --port flags that define the ports of services again,
// without force_https: the handler "-" removes all ports of a service, and each port
// after it gets only its handlers (flyctl, DetermineServices). ok is false if flags
// cannot express all properties of a port.
func withoutRedirect(config machine.Config) (flags string, ok bool) {
	services, err := config.Services()
	if err != nil || !onlyKeys(config, "port", "handlers", "force_https") {
		return "", false
	}
	var out []string
	seen := make(map[int]bool)
	for _, sv := range services {
		if sv.Protocol == "udp" {
			continue
		}
		if seen[sv.InternalPort] { // flags cannot distinguish the two services
			return "", false
		}
		seen[sv.InternalPort] = true
		if !slices.ContainsFunc(sv.Ports, forcesHTTPS) {
			continue
		}
		for i, p := range sv.Ports {
			if p.Port == nil || sv.Protocol != "tcp" || slices.ContainsFunc(p.Handlers, isUnsafeHandler) {
				return "", false
			}
			if i == 0 {
				out = append(out, fmt.Sprintf("--port %d:%d/tcp:-", *p.Port, sv.InternalPort))
			}
			port := append([]string{fmt.Sprintf("%d:%d/tcp", *p.Port, sv.InternalPort)}, p.Handlers...)
			out = append(out, "--port "+strings.Join(port, ":"))
		}
	}
	return strings.Join(out, " "), len(out) > 0
}

// isUnsafeHandler reports whether a handler, which may be any text, cannot be used in
// a command as it is.
func isUnsafeHandler(handler string) bool {
	return handler == "" || strings.Trim(handler, "abcdefghijklmnopqrstuvwxyz0123456789_") != ""
}

// onlyKeys reports whether the ports of the services have no other fields than these.
func onlyKeys(config machine.Config, keys ...string) bool {
	var services []struct {
		Ports []map[string]json.RawMessage `json:"ports"`
	}
	if json.Unmarshal(config.Raw("services"), &services) != nil {
		return false
	}
	for _, sv := range services {
		for _, port := range sv.Ports {
			for key := range port {
				if !slices.Contains(keys, key) {
					return false
				}
			}
		}
	}
	return true
}

// maxInline limits the length of a configuration in a command.
const maxInline = 1500

// servicesWithoutRedirect returns the flag with the complete services, with force_https
// false; empty if they are too long for a command, or may contain a secret.
func servicesWithoutRedirect(config machine.Config) string {
	var services []map[string]json.RawMessage
	if json.Unmarshal(config.Raw("services"), &services) != nil {
		return ""
	}
	for i, sv := range services {
		if strings.Contains(strings.ToLower(string(sv["checks"])), "headers") {
			return ""
		}
		var ports []map[string]json.RawMessage
		if json.Unmarshal(sv["ports"], &ports) != nil {
			continue
		}
		for _, port := range ports {
			if _, set := port["force_https"]; set {
				port["force_https"] = json.RawMessage("false")
			}
		}
		body, err := json.Marshal(ports)
		if err != nil {
			return ""
		}
		services[i]["ports"] = body
	}
	body, err := json.Marshal(map[string]any{"services": services})
	notASCII := func(c rune) bool { return c < ' ' || c > '~' }
	if err != nil || len(body) > maxInline || strings.ContainsFunc(string(body), notASCII) {
		return ""
	}
	return "--machine-config '" + strings.ReplaceAll(string(body), "'", `'\''`) + "'"
}

// plainPorts returns the --port flags that add a port without TLS for each program that
// only ports with TLS lead to: 80 for HTTP, otherwise the program's own port, or the
// next free one.
func plainPorts(m fly.Machine) string {
	services, err := m.Config.Services()
	if err != nil {
		return ""
	}
	var used spans
	used.add(services)
	tlsPorts := Snapshot{Machines: []fly.Machine{m}}.tlsOnly()
	var out []string
	done := make(map[int]bool)
	for _, sv := range services {
		isTLSOnly := func(p machine.Port) bool { return slices.Contains(tlsPorts, p.String()) }
		if !slices.ContainsFunc(sv.Ports, isTLSOnly) || done[sv.InternalPort] {
			continue
		}
		done[sv.InternalPort] = true
		port, handler := sv.InternalPort, ""
		isHTTP := func(p machine.Port) bool { return slices.Contains(p.Handlers, "http") }
		if slices.ContainsFunc(sv.Ports, isHTTP) {
			port, handler = 80, ":http"
		}
		port = used.firstFree(port)
		if port == 0 || sv.Protocol != "tcp" {
			return ""
		}
		used = append(used, span{port, port})
		out = append(out, fmt.Sprintf("--port %d:%d/tcp%s", port, sv.InternalPort, handler))
	}
	return strings.Join(out, " ")
}

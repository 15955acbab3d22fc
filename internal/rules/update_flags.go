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

// updateFlags are the flags of fly machine update that take a blocker from one
// Machine; empty if there are none. What only the person knows stands in capital
// letters.
func updateFlags(id string, m fly.Machine) string {
	switch id {
	case plan.NoServices:
		return "--port 80:PORT/tcp:http --autostop=stop --autostart=true (PORT is where its program listens)"
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
		return "--image IMAGE (IMAGE is a build in which it listens on 0.0.0.0 at internal_port)"
	}
	return ""
}

// newPort is the --port flag that gives the service of a Machine its first port:
// 80 for HTTP, the program's own for a database. It is empty if the Machine has
// several services, or one that does not say where its program listens.
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

// withoutRedirect are --port flags that define the ports of services again, without
// force_https: the handler "-" takes all ports of a service, and each port that
// follows gets its handlers and nothing else (flyctl, DetermineServices). ok is
// false where flags cannot say all that a port has.
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
		if seen[sv.InternalPort] { // flags could not tell the two apart
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
			out = append(out, "--port "+strings.Join(append([]string{fmt.Sprintf("%d:%d/tcp", *p.Port, sv.InternalPort)}, p.Handlers...), ":"))
		}
	}
	return strings.Join(out, " "), len(out) > 0
}

// notAWord reports whether a handler is not one that can stand in a command as it
// is: it comes from outside.
func isUnsafeHandler(handler string) bool {
	return handler == "" || strings.Trim(handler, "abcdefghijklmnopqrstuvwxyz0123456789_") != ""
}

// onlyKeys reports whether no port of the services has other fields than these.
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

// maxInline bounds a configuration in a command.
const maxInline = 1500

// servicesWithoutRedirect gives the services whole, with force_https false: empty
// if they are too long for a command, or hold what may be a secret.
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
	odd := func(c rune) bool { return c < ' ' || c > '~' }
	if err != nil || len(body) > maxInline || strings.ContainsFunc(string(body), odd) {
		return ""
	}
	return "--machine-config '" + strings.ReplaceAll(string(body), "'", `'\''`) + "'"
}

// plainPorts are --port flags for a plain port beside each program that is offered
// with TLS alone: 80 for HTTP, else the program's own port, or the next that is
// free.
func plainPorts(m fly.Machine) string {
	services, err := m.Config.Services()
	if err != nil {
		return ""
	}
	var taken spans
	taken.add(services)
	offered := Snapshot{Machines: []fly.Machine{m}}.tlsOnly()
	var out []string
	done := make(map[int]bool)
	for _, sv := range services {
		tls := slices.ContainsFunc(sv.Ports, func(p machine.Port) bool { return slices.Contains(offered, p.String()) })
		if !tls || done[sv.InternalPort] {
			continue
		}
		done[sv.InternalPort] = true
		port, handler := sv.InternalPort, ""
		if slices.ContainsFunc(sv.Ports, func(p machine.Port) bool { return slices.Contains(p.Handlers, "http") }) {
			port, handler = 80, ":http"
		}
		port = taken.free(port)
		if port == 0 || sv.Protocol != "tcp" {
			return ""
		}
		taken = append(taken, span{port, port})
		out = append(out, fmt.Sprintf("--port %d:%d/tcp%s", port, sv.InternalPort, handler))
	}
	return strings.Join(out, " ")
}

package rules

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// PlainTarget is a port that callers over Flycast use: one without TLS.
type PlainTarget struct {
	Port int
	HTTP bool
}

// PlainTargets returns the ports without TLS of an app's services, each once. Of a range, the first
// port stands for all.
func PlainTargets(s Snapshot) []PlainTarget {
	var out []PlainTarget
	for _, services := range s.services() {
		for _, sv := range services {
			if sv.IsUDP() {
				continue
			}
			for _, p := range sv.Ports {
				low, _, ok := p.Range()
				if !ok || slices.Contains(p.Handlers, "tls") || slices.Contains(p.Handlers, "pg_tls") {
					continue
				}
				target := PlainTarget{Port: low, HTTP: machine.Port.IsHTTP(p)}
				if !slices.Contains(out, target) {
					out = append(out, target)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b PlainTarget) int { return a.Port - b.Port })
	return out
}

package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
)

// isStrayService reports whether a service is only a part of [http_service] under the
// wrong name: a [[services]] that comes into being by [[services.http_checks]],
// say, beside [http_service].
func (l *linter) isStrayService(s serviceAt) bool {
	if s.http || l.def.HTTPService == nil {
		return false
	}
	table, _ := s.value.(map[string]any)
	return edit.IsStray(slices.Collect(maps.Keys(table)), "ports")
}

// reportStray reports such a service, in place of all that it lacks.
func (l *linter) reportStray(s serviceAt) {
	var fixes []string
	for _, part := range []struct{ key, fix string }{
		{"http_checks", "name [[services.http_checks]] [[http_service.checks]]"},
		{"tcp_checks", "write [[services.tcp_checks]] as [[http_service.checks]], which are HTTP checks"},
		{"concurrency", "name [services.concurrency] [http_service.concurrency]"},
		{"ports", "remove [[services.ports]]: [http_service] listens on 80 and 443"},
	} {
		if l.under(s.spot, part.key).read {
			fixes = append(fixes, part.fix)
		}
	}
	fix := strings.Join(fixes, "; ")
	if fix == "" {
		fix = "move its keys to [http_service], or remove it"
	}
	l.warn(FindingStrayService, s.spot, message{
		"this is a service of its own, without a port to send requests to, and no part of [http_service]",
		"flyctl takes [[services]], and each table in it, for another service beside [http_service]: its checks and limits do not count for that one", fix})
}

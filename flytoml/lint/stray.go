package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
)

// isStrayService reports whether a service is only a part of [http_service] under
// the wrong name, for example a [[services]] that exists only because of
// [[services.http_checks]].
func (l *linter) isStrayService(s serviceAt) bool {
	if s.http || l.def.HTTPService == nil {
		return false
	}
	table, _ := s.value.(map[string]any)
	return edit.IsStray(slices.Collect(maps.Keys(table)), "ports")
}

// reportStray reports such a service, instead of everything it lacks.
func (l *linter) reportStray(s serviceAt) {
	var fixes []string
	for _, part := range []struct{ key, fix string }{
		{"http_checks", "rename [[services.http_checks]] to [[http_service.checks]]"},
		{"tcp_checks", "replace [[services.tcp_checks]] with [[http_service.checks]], which are HTTP checks"},
		{"concurrency", "rename [services.concurrency] to [http_service.concurrency]"},
		{"ports", "remove [[services.ports]]: [http_service] always listens on 80 and 443"},
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
		"this is a separate service without a port to send requests to, not a part of [http_service]",
		"flyctl reads [[services]], and each table in it, as another service: its checks and limits do not apply " +
			"to [http_service]",
		fix})
}

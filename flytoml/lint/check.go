package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// checkServiceChecks looks at the checks of one service.
func (l *linter) checkServiceChecks(s serviceAt) {
	list := l.under(s.spot, "tcp_checks")
	for i, check := range s.TCPChecks {
		if check != nil {
			l.checkServiceCheck(l.item(list, i), "TCP", check.Interval, check.Timeout, check.GracePeriod)
		}
	}
	list = l.under(s.spot, "http_checks")
	if s.http {
		list = l.under(s.spot, "checks")
	}
	for i, check := range s.HTTPChecks {
		if check == nil {
			continue
		}
		at := l.item(list, i)
		l.checkServiceCheck(at, "HTTP", check.Interval, check.Timeout, check.GracePeriod)
		if check.HTTPPath != nil {
			l.checkSlash(l.under(at, "path"), *check.HTTPPath, "the check")
		}
		if check.HTTPMethod != nil && *check.HTTPMethod != strings.ToUpper(*check.HTTPMethod) {
			method := l.under(at, "method")
			capitals := strings.ToUpper(*check.HTTPMethod)
			finding := l.info(FindingCheckMethod, method, message{
				fmt.Sprintf("the check sends the method %s as it is written", excerpt.Quote(*check.HTTPMethod)),
				"HTTP methods are in upper case; flyctl converts only those of top-level [checks]", "write " +
					excerpt.Quote(capitals)})
			if isPlainWord(capitals) {
				finding.Edit = replaceValue(method, l.quoted(method, capitals))
			}
		}
		if !s.answersHTTP() && len(s.Ports) > 0 && (check.HTTPProtocol == nil || *check.HTTPProtocol != "https") {
			l.info(FindingCheckType, at, message{
				"this is an HTTP check, but the service has no http handler",
				"the check sends plain HTTP to internal_port, whatever the handlers are: it fails if the app expects " +
					"TLS or another protocol",
				`if the app expects TLS there, set protocol = "https"; if it does not speak HTTP, use a TCP check`,
			})
		}
	}
	l.checkMachineChecks(l.under(s.spot, "machine_checks"), s.MachineChecks)
}

// isPlainWord reports whether s has capital letters only, which need no escapes.
func isPlainWord(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (l *linter) checkMachineChecks(list spot, checks []*flytoml.ServiceMachineCheck) {
	for i, check := range checks {
		if check == nil {
			continue
		}
		at := l.item(list, i)
		l.checkDuration(l.under(at, "kill_timeout"), check.KillTimeout)
		if len(check.Command) == 0 {
			l.error(FindingCheckCommand, at, message{
				"the machine check has no command",
				"flyctl cannot create a Machine for it, so a deploy fails after it has updated the first Machine",
				`set command, for example ["/bin/check"]`})
		}
	}
}

// checkServiceCheck checks the durations of a health check.
func (l *linter) checkServiceCheck(at spot, kind string, interval, timeout, grace *flytoml.Duration) {
	fields := []struct {
		key string
		d   *flytoml.Duration
	}{{"interval", interval}, {"timeout", timeout}, {"grace_period", grace}}
	sane := true
	for i, field := range fields {
		place := l.under(at, field.key)
		if !l.checkDuration(place, field.d) {
			sane = false
			continue
		}
		var only [3]*flytoml.Duration
		only[i] = field.d
		service := flytoml.Service{Ports: make([]machine.Port, 1)}
		if kind == "TCP" {
			service.TCPChecks = []*flytoml.ServiceTCPCheck{{Interval: only[0], Timeout: only[1], GracePeriod: only[2]}}
		} else {
			service.HTTPChecks = []*flytoml.ServiceHTTPCheck{{Interval: only[0], Timeout: only[1], GracePeriod: only[2]}}
		}
		verdict, _ := (&flytoml.Definition{Services: []flytoml.Service{service}}).Verdict()
		if warning := strings.TrimPrefix(verdict, "WARN "); warning != "" {
			sane = false
			l.warn(FindingCheckClamped, place, message{
				excerpt.Line(strings.TrimSpace(warning)),
				"Fly limits the durations of service checks to between 1 second and 1 minute",
				"use a duration from 1s to 60s",
			})
		}
	}
	if sane {
		l.checkTimeout(at, interval, timeout)
	}
}

func (l *linter) checkTimeout(at spot, interval, timeout *flytoml.Duration) {
	if interval != nil && timeout != nil && *timeout > *interval {
		l.warn(FindingCheckTimeout, l.under(at, "timeout"), message{
			fmt.Sprintf("the timeout of %s is longer than the interval of %s", timeout, interval),
			"a check can still be waiting for its answer when the next one is due",
			"use an interval that is at least as long as the timeout"})
	}
}

// checkTopLevelChecks looks at [checks].
func (l *linter) checkTopLevelChecks(root spot) {
	spots := l.checks(root)
	for _, name := range slices.Sorted(maps.Keys(l.def.Checks)) {
		check, at := l.def.Checks[name], spots[name]
		if check == nil {
			continue
		}
		sane := l.checkDuration(l.under(at, "interval"), check.Interval)
		sane = l.checkDuration(l.under(at, "timeout"), check.Timeout) && sane
		l.checkDuration(l.under(at, "grace_period"), check.GracePeriod)
		only := &flytoml.Definition{Checks: map[string]*flytoml.ToplevelCheck{name: check}}
		if _, refused := only.Verdict(); sane && !refused { // what flyctl refuses is told elsewhere
			l.checkTimeout(at, check.Interval, check.Timeout)
		}
		if check.Port != nil && !machine.IsPort(*check.Port) {
			l.reportPortRange(l.under(at, "port"), *check.Port)
		}
	}
}

// checkDuration checks how a duration is written; d is how flyctl reads it. It
// returns false if the author cannot have meant that value.
func (l *linter) checkDuration(s spot, d *flytoml.Duration) bool {
	const why = "a number without a unit means milliseconds in [checks] and under [[services]], seconds in " +
		"kill_timeout, and nanoseconds everywhere else"
	var n float64
	switch value := s.value.(type) {
	case int64:
		n = float64(value)
	case int:
		n = float64(value)
	case float64:
		n = value
	case string:
		if value != "" || d != nil {
			return true
		}
	case nil:
		return true
	}
	key := s.path[strings.LastIndexByte(s.path, '.')+1:]
	switch {
	case d == nil:
		l.warn(FindingDurationDropped, s, message{
			fmt.Sprintf("flyctl silently drops %s", key),
			"a duration is text with a unit or, except in YAML, a number; flyctl drops anything else, and empty text",
			`write a duration with a unit, for example "15s"`})
		return false
	case n == 0:
		return true
	case flytoml.Duration(n) == *d && *d < flytoml.Duration(time.Millisecond):
		l.warn(FindingNanoseconds, s, message{
			fmt.Sprintf("%s is %s: a number without a unit means nanoseconds here", key, d),
			why,
			`add a unit, for example "15s"`,
		})
		return false
	}
	l.info(FindingBareDuration, s, message{
		fmt.Sprintf("%s is a number without a unit, which flyctl reads as %s here", key, d),
		why,
		fmt.Sprintf(`write "%s"`, d),
	}).Edit = replaceValue(s, l.quoted(s, d.String()))
	return true
}

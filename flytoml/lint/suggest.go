package lint

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
)

// suggestion is what a key that flyctl does not know was probably meant to be.
type suggestion struct {
	fix    string // in words; empty if nothing is near
	rename string // the name that it can only be; empty if that is not certain
}

// suggest finds what an unknown key of a table was meant to be.
func (l *linter) suggest(s spot, plain, key string, known *schema.Key) suggestion {
	if len(key) > 2*excerpt.MaxQuoted {
		return suggestion{}
	}
	if fix := wordFor(plain, key); fix != "" {
		return suggestion{fix: fix}
	}
	names := known.SortedNames()
	if name := l.vocabulary().onlyName(key, names); name != "" {
		return suggestion{fix: fmt.Sprintf("did you mean %s?", name), rename: name}
	}
	if fix := otherUnit(key, s.value, names, known); fix != "" {
		return suggestion{fix: fix}
	}
	if name := negated(key, names); name != "" {
		return suggestion{fix: fmt.Sprintf("remove it, or use %s, which says the opposite: the value is not the same then", name)}
	}
	name := nearest(key, names)
	switch {
	case name == "":
		return suggestion{}
	case opposite(key, name):
		return suggestion{fix: fmt.Sprintf("remove it, or use %s, which says the opposite: the value is not the same then", name)}
	}
	return suggestion{fix: fmt.Sprintf("did you mean %s?", name)}
}

// vocabulary is the words of flyctl's keys.
func (l *linter) vocabulary() vocabulary {
	if l.words == nil {
		l.words = vocabularyOf(l.tablesWith())
	}
	return l.words
}

// spelling is the edit that writes a word as flyctl knows it, where the value is
// that word with other separators or capitals; nil if it is not.
func (l *linter) spelling(s spot, known ...string) *TextEdit {
	word, _ := s.value.(string)
	for _, name := range known {
		if word != name && sameLetters(word, name) {
			return replaceValue(s, l.quoted(s, name))
		}
	}
	return nil
}

// onlyName is the one of the names that a name can only be; empty if there is
// none, or more than one.
func (v vocabulary) onlyName(name string, names []string) string {
	if !isName(name) {
		return ""
	}
	only, split := "", splitWords(name)
	for _, known := range names {
		if d := len(name) - len(known); d > 3 || d < -6 || !v.sameName(split, known) {
			continue
		}
		if only != "" {
			return ""
		}
		only = known
	}
	return only
}

// nearest is the name that a key is most like, empty if none is near.
func nearest(key string, names []string) string {
	key = strings.ToLower(key)
	bare := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "_", ""), "-", "") }
	letters := bare(key)
	limit := 1 // one letter off in a short name, two or a quarter in a longer one
	if len(key) > 3 {
		limit = max(len(key)/4, 2)
	}
	name, best := "", limit+1
	for _, candidate := range names {
		if len(candidate)-len(key) > limit || len(key)-len(candidate) > limit {
			continue
		}
		if n := levenshtein.ComputeDistance(key, candidate); n < best {
			name, best = candidate, n
		}
	}
	if name != "" {
		return name
	}
	for _, candidate := range names {
		// A name that was cut short: autostop for auto_stop_machines.
		if len(letters) >= 4 && strings.HasPrefix(bare(candidate), letters) {
			return candidate
		}
	}
	return ""
}

// opposite reports whether two names differ in a word that turns the meaning
// around, or names another thing of the same kind.
func opposite(a, b string) bool {
	pairs := [][2]string{
		{"min", "max"}, {"start", "stop"}, {"soft", "hard"}, {"internal", "external"}, {"enable", "disable"},
		{"include", "exclude"}, {"increment", "decrement"}, {"cpu", "gpu"}, {"cpus", "gpus"}, {"tcp", "udp"},
		{"local", "remote"}, {"v4", "v6"}, {"read", "write"}, {"attached", "detached"},
	}
	left, right := splitWords(a), splitWords(b)
	if len(left) != len(right) {
		return false
	}
	for i, word := range left {
		other := right[i]
		for _, prefix := range []string{"un", "non", "not", "no", "dis", "in", "de"} {
			if word == prefix+other || other == prefix+word {
				return true
			}
		}
		if slices.ContainsFunc(pairs, func(p [2]string) bool {
			return word == p[0] && other == p[1] || word == p[1] && other == p[0]
		}) {
			return true
		}
	}
	return false
}

// negated is the name that a key has with a no before or in it; empty if there
// is none.
func negated(key string, names []string) string {
	parts := splitWords(key)
	for i, word := range parts {
		if !slices.Contains([]string{"no", "not", "non", "never", "without", "disable", "disabled"}, word) {
			continue
		}
		rest := strings.Join(slices.Delete(slices.Clone(parts), i, i+1), "")
		for _, name := range names {
			if rest == strings.Join(splitWords(name), "") {
				return name
			}
		}
	}
	return ""
}

// unit is one of time or of size, in nanoseconds or bytes.
type unit struct {
	size  bool
	parts int64
}

func unitNamed(word string) (unit, bool) {
	switch word {
	case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds":
		return unit{parts: int64(time.Millisecond)}, true
	case "s", "sec", "secs", "second", "seconds":
		return unit{parts: int64(time.Second)}, true
	case "m", "min", "mins", "minute", "minutes":
		return unit{parts: int64(time.Minute)}, true
	case "h", "hour", "hours":
		return unit{parts: int64(time.Hour)}, true
	case "kb", "kib":
		return unit{true, 1 << 10}, true
	case "mb", "mib":
		return unit{true, 1 << 20}, true
	case "gb", "gib":
		return unit{true, 1 << 30}, true
	case "tb", "tib":
		return unit{true, 1 << 40}, true
	}
	return unit{}, false
}

// otherUnit tells how to write a value whose key has a unit that the known key
// does not have; empty if the key is not of that kind.
func otherUnit(key string, value any, names []string, known *schema.Key) string {
	parts := splitWords(key)
	if len(parts) < 2 {
		return ""
	}
	word := parts[len(parts)-1]
	from, ok := unitNamed(word)
	if !ok {
		return ""
	}
	stem := strings.Join(parts[:len(parts)-1], "")
	best, plainName := "", ""
	for _, name := range names {
		theirs := splitWords(name)
		if strings.Join(theirs, "") == stem {
			plainName = name
		}
		last := theirs[len(theirs)-1]
		if to, ok := unitNamed(last); ok && to.size == from.size && strings.Join(theirs[:len(theirs)-1], "") == stem {
			best = name
		}
	}
	n, isNumber := numberOf(value)
	amount := n * float64(from.parts)
	switch {
	case best != "":
		to, _ := unitNamed(splitWords(best)[len(splitWords(best))-1])
		if whole := amount / float64(to.parts); isNumber && whole == math.Trunc(whole) && math.Abs(whole) < 1<<31 {
			return fmt.Sprintf("did you mean %s? It counts in another unit: %s = %d", best, best, int64(whole))
		}
		return fmt.Sprintf("did you mean %s? It counts in another unit: convert the value", best)
	case plainName == "":
		return ""
	case known.Keys[plainName].IsDuration() && !from.size:
		if isNumber && math.Abs(amount) < math.MaxInt64 {
			return fmt.Sprintf("did you mean %s? The unit belongs in its value: %s = %q", plainName, plainName, flytoml.Duration(amount).String())
		}
		return fmt.Sprintf("did you mean %s? The unit belongs in its value: %s = \"5%s\", say", plainName, plainName, word)
	case from.size && known.Keys[plainName].Type != reflect.TypeFor[string]():
		return ""
	case from.size:
		if isNumber && n == math.Trunc(n) && math.Abs(n) < 1<<31 {
			return fmt.Sprintf("did you mean %s? The unit belongs in its value: %s = \"%d%s\"", plainName, plainName, int64(n), word)
		}
		return fmt.Sprintf("did you mean %s? The unit belongs in its value: %s = \"1%s\", say", plainName, plainName, word)
	}
	return ""
}

// numberOf is a number as each of the formats decodes it.
func numberOf(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// wordFor tells what to write in place of keys that people use and that are
// not near the right one.
func wordFor(plain, key string) string {
	key = strings.ToLower(strings.Join(splitWords(key), "_"))
	table := plain
	switch {
	case plain == "services" || plain == "http_service":
		table = "service"
	case plain == "mount":
		table = "mounts"
	case isVM(plain), plain == "deploy.release_command_vm":
		table = "vm"
	case strings.HasSuffix(plain, "checks") || strings.HasPrefix(plain, "checks."):
		table = "check"
	}
	const noMaximum = "remove it: there is no maximum to set. Fly Proxy starts and stops the Machines that there are and creates none; `fly scale count` sets their number"
	switch table + "." + key {
	case "service.max_machines_running", "service.max_machines", "service.max_instances", ".max_machines_running", ".max_machines":
		return noMaximum
	case "service.min_machines", "service.min_instances", "service.min_count":
		return "did you mean min_machines_running?"
	case "service.auto_suspend", "service.auto_suspend_machines":
		return `write auto_stop_machines = "suspend"`
	case "service.health_checks", "service.health_check", "service.healthcheck", "service.healthchecks":
		if plain == "http_service" {
			return "name it [[http_service.checks]]"
		}
		return "name it [[services.http_checks]] or [[services.tcp_checks]]"
	case ".health_checks", ".health_check", ".healthcheck", ".healthchecks", ".check", ".http_checks", ".tcp_checks":
		return "name it [[http_service.checks]], or [checks.NAME]"
	case "service.external_port", "service.public_port":
		return "write it as port in [[services.ports]]; [http_service] listens on 80 and 443"
	case "build.target", "build.docker_build_target", "build.stage", "build.docker_target":
		return "did you mean build-target?"
	case "build.build_args", "build.build_arg", ".build_args", "build.docker_args":
		return "name it [build.args]"
	case "build.context", "build.build_context":
		return "remove it: flyctl builds from the folder that `fly deploy FOLDER` names, or from the current one"
	case "build.docker_file":
		return "did you mean dockerfile?"
	case "restart.max_retries", "restart.max_retry", "restart.retry":
		return "did you mean retries?"
	case "deploy.release_cmd", "deploy.release":
		return "did you mean release_command?"
	case "deploy.max_surge":
		return "remove it: flyctl replaces Machines in place; max_unavailable says how many at a time"
	case "experimental.command":
		return "did you mean cmd?"
	case "mounts.name", "mounts.volume":
		return "did you mean source? It is the name of the volume"
	case "mounts.path", "mounts.target", "mounts.dest", "mounts.mount_path":
		return "did you mean destination?"
	case "mounts.size", "mounts.size_gb":
		return `did you mean initial_size? It is the size of a new volume, as in "10GB"`
	case "vm.ram", "vm.mem":
		return "did you mean memory?"
	case "vm.cpu", "vm.cpu_count", "vm.vcpus", "vm.num_cpus":
		return "did you mean cpus?"
	case "vm.count", "vm.replicas", ".count", ".replicas", ".instances", "processes.count":
		return "remove it: `fly scale count` sets the number of Machines"
	case "check.initial_delay", "check.start_period", "check.delay":
		return "did you mean grace_period?"
	case ".name", ".app_name":
		return "did you mean app?"
	case ".region", ".regions":
		return "did you mean primary_region? It is one region"
	case ".volumes", ".volume":
		return "name it [[mounts]]"
	case ".environment", ".env_vars", ".variables":
		return "name it [env]"
	case ".secrets":
		return "remove it: `fly secrets set` keeps secrets, and they do not belong in this file"
	case ".command", ".cmd":
		return "write it in [processes], as in app = \"COMMAND\""
	case ".dockerfile", ".builder", ".buildpacks":
		return "move it to [build]"
	}
	return ""
}

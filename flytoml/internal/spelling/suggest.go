package spelling

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
)

// Suggestion is what a key that flyctl does not know was probably meant to be.
type Suggestion struct {
	Fix    string // in words; empty if nothing is near
	Rename string // the name that it can only be; empty if that is not certain
}

// Suggest finds what an unknown key of a table was meant to be. plain is the path of
// the table, and known its keys.
func (v Vocabulary) Suggest(value any, plain, key string, known *schema.Key) Suggestion {
	if len(key) > 2*excerpt.MaxQuoted {
		return Suggestion{}
	}
	if fix := wordFor(plain, key); fix != "" {
		return Suggestion{Fix: fix}
	}
	names := known.SortedNames()
	if name := v.OnlyName(key, names); name != "" {
		return Suggestion{Fix: fmt.Sprintf("did you mean %s?", name), Rename: name}
	}
	if fix := otherUnit(key, value, names, known); fix != "" {
		return Suggestion{Fix: fix}
	}
	if name := negated(key, names); name != "" {
		return Suggestion{
			Fix: fmt.Sprintf("remove it, or use %s, which means something else: change the value too", name)}
	}
	name := Nearest(key, names)
	switch {
	case name == "":
		return Suggestion{}
	case isOpposite(key, name):
		return Suggestion{
			Fix: fmt.Sprintf("remove it, or use %s, which means something else: change the value too", name)}
	}
	return Suggestion{Fix: fmt.Sprintf("did you mean %s?", name)}
}

// Nearest returns the name that is most similar to key, or "" if none is.
func Nearest(key string, names []string) string {
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

// isOpposite reports whether two names differ in a word that reverses the meaning,
// or that names another thing of the same kind.
func isOpposite(a, b string) bool {
	pairs := [][2]string{
		{"min", "max"}, {"start", "stop"}, {"soft", "hard"}, {"internal", "external"}, {"enable", "disable"},
		{"include", "exclude"}, {"increment", "decrement"}, {"cpu", "gpu"}, {"cpus", "gpus"}, {"tcp", "udp"},
		{"local", "remote"}, {"v4", "v6"}, {"read", "write"}, {"attached", "detached"},
	}
	left, right := SplitWords(a), SplitWords(b)
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

// negated returns the name that key negates with a word such as no, or "".
func negated(key string, names []string) string {
	parts := SplitWords(key)
	for i, word := range parts {
		if !slices.Contains([]string{"no", "not", "non", "never", "without", "disable", "disabled"}, word) {
			continue
		}
		rest := strings.Join(slices.Delete(slices.Clone(parts), i, i+1), "")
		for _, name := range names {
			if rest == strings.Join(SplitWords(name), "") {
				return name
			}
		}
	}
	return ""
}

// wordFor says what to write instead of a common wrong key that is not similar to
// the right one.
func wordFor(plain, key string) string {
	key = strings.ToLower(strings.Join(SplitWords(key), "_"))
	table := plain
	switch {
	case plain == "services" || plain == "http_service":
		table = "service"
	case plain == "mount":
		table = "mounts"
	case schema.IsVM(plain), plain == "deploy.release_command_vm":
		table = "vm"
	case strings.HasSuffix(plain, "checks") || strings.HasPrefix(plain, "checks."):
		table = "check"
	}
	const noMaximum = "remove it: there is no maximum to set. Fly Proxy starts and stops existing Machines and " +
		"never creates one; `fly scale count` sets their number"
	switch table + "." + key {
	case "service.max_machines_running", "service.max_machines", "service.max_instances",
		".max_machines_running", ".max_machines":
		return noMaximum
	case "service.min_machines", "service.min_instances", "service.min_count":
		return "did you mean min_machines_running?"
	case "service.auto_suspend", "service.auto_suspend_machines":
		return `write auto_stop_machines = "suspend"`
	case "service.health_checks", "service.health_check", "service.healthcheck", "service.healthchecks":
		if plain == "http_service" {
			return "rename it to [[http_service.checks]]"
		}
		return "rename it to [[services.http_checks]] or [[services.tcp_checks]]"
	case ".health_checks", ".health_check", ".healthcheck", ".healthchecks", ".check", ".http_checks", ".tcp_checks":
		return "rename it to [[http_service.checks]], or [checks.NAME]"
	case "service.external_port", "service.public_port":
		return "write it as port in [[services.ports]]; [http_service] always listens on 80 and 443"
	case "build.target", "build.docker_build_target", "build.stage", "build.docker_target":
		return "did you mean build-target?"
	case "build.build_args", "build.build_arg", ".build_args", "build.docker_args":
		return "rename it to [build.args]"
	case "build.context", "build.build_context":
		return "remove it: flyctl builds in the directory given to `fly deploy`, or in the current one"
	case "build.docker_file":
		return "did you mean dockerfile?"
	case "restart.max_retries", "restart.max_retry", "restart.retry":
		return "did you mean retries?"
	case "deploy.release_cmd", "deploy.release":
		return "did you mean release_command?"
	case "deploy.max_surge":
		return "remove it: flyctl updates Machines in place; max_unavailable sets how many at a time"
	case "experimental.command":
		return "did you mean cmd?"
	case "mounts.name", "mounts.volume":
		return "did you mean source? It is the name of the volume"
	case "mounts.path", "mounts.target", "mounts.dest", "mounts.mount_path":
		return "did you mean destination?"
	case "mounts.size", "mounts.size_gb":
		return `did you mean initial_size? It is the size of a new volume, for example "10GB"`
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
		return "did you mean primary_region? It takes one region"
	case ".volumes", ".volume":
		return "rename it to [[mounts]]"
	case ".environment", ".env_vars", ".variables":
		return "rename it to [env]"
	case ".secrets":
		return "remove it: secrets do not belong in this file; use `fly secrets set`"
	case ".command", ".cmd":
		return "write it in [processes], for example app = \"COMMAND\""
	case ".dockerfile", ".builder", ".buildpacks":
		return "move it to [build]"
	}
	return ""
}

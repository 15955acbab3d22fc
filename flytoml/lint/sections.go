package lint

import (
	"encoding/base64"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
)

// regionName matches the form of Fly's regions, an airport code.
var regionName = regexp.MustCompile(`^[a-z]{3}$`)

// signalName matches the names of Linux's signals.
var signalName = regexp.MustCompile(
	`^SIG(HUP|INT|QUIT|ILL|TRAP|ABRT|IOT|BUS|FPE|KILL|USR[12]|SEGV|PIPE|ALRM|TERM|STKFLT|` +
		`CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|POLL|PWR|SYS|RTMIN(\+\d+)?|RTMAX(-\d+)?)$`)

// checkFile checks the file as a whole, even if flyctl cannot read it.
func (l *linter) checkFile(root spot) {
	if len(l.file.Document()) == 0 {
		l.info(FindingEmpty, spot{}, message{
			"the file is empty",
			"flyctl accepts it: a deploy creates one process group without services",
			"run `fly launch`, or add app and a service",
		})
		return
	}
	if app := l.under(root, "app"); !app.read || app.value == "" {
		l.info(FindingNoApp, app, message{
			"the file does not name its app",
			"flyctl then needs -a or FLY_APP, and nothing prevents a deploy to the wrong app",
			`add app = "NAME" at the top`,
		})
	}
	l.checkAppName(root)
	region := l.under(root, "primary_region")
	if name, ok := region.value.(string); ok && name != "" && !regionName.MatchString(name) {
		l.warn(FindingRegion, region, message{
			fmt.Sprintf("there is no region %s", excerpt.Quote(name)),
			"a region has three lowercase letters; flyctl does not check it, and new Machines and " +
				"min_machines_running depend on it",
			"use a region from `fly platform regions`",
		})
	}
	processes := l.under(root, "processes")
	items, _ := processes.value.([]any)
	for i, item := range items {
		if process, ok := item.(map[string]any); !ok || process["name"] == nil {
			l.warn(FindingProcessesDropped, l.item(processes, i), message{
				"flyctl drops this process",
				"in a list, each process must be a table with name and command; flyctl silently drops any other item",
				`write [processes] with a line NAME = "COMMAND" for each process`})
		}
	}
}

// checkSections checks everything except the services.
func (l *linter) checkSections(root spot) {
	l.checkGroups(root)
	l.checkEnv(root)
	l.checkFiles(root)
	l.checkGuestFiles(root)
	l.checkStatics(root)
	l.checkSizes(root)
	l.checkGuests(root)
	l.checkMounts(root)
	l.checkVolumes(root)
	l.checkURLPaths(root)
	l.checkPortVariable(root)
	l.checkDeploy(root)
	l.checkTopLevelChecks(root)
	l.checkMachineChecks(l.under(root, "machine_checks"), l.def.MachineChecks)
	l.checkExperimental(root)
	if conflict := l.buildConflict(); conflict != "" {
		l.warn(FindingBuildConflict, l.under(root, "build"), message{
			excerpt.Line(strings.TrimSpace(conflict)),
			"flyctl uses only one of them, in its own order of preference",
			"keep only one of image, dockerfile, builder and builtin",
		})
	}
	if signal := l.def.KillSignal; signal != nil && !signalName.MatchString(*signal) {
		l.warn(FindingKillSignal, l.under(root, "kill_signal"), message{
			fmt.Sprintf("there is no signal %s", excerpt.Quote(*signal)),
			"Fly expects the name of a signal; flyctl does not check it", `write a name such as "SIGTERM"`})
	}
	// Fly waits no longer than this for a program to end.
	const longest = 5 * time.Minute
	timeout := l.under(root, "kill_timeout")
	l.checkDuration(timeout, l.def.KillTimeout)
	if d := l.def.KillTimeout; d != nil && time.Duration(*d) > longest {
		l.warn(FindingKillTimeout, timeout, message{
			fmt.Sprintf("kill_timeout is %s, longer than Fly waits", d),
			"Fly waits at most five minutes before it kills the program",
			`use "5m" or less`,
		})
	}
}

// checkExperimental looks for keys that have moved out of [experimental], and work
// there only if their new place is empty.
func (l *linter) checkExperimental(root spot) {
	section := l.under(root, "experimental")
	for _, moved := range []struct{ old, now, title string }{
		{"kill_timeout", "kill_timeout", "kill_timeout at the top of the file"},
		{"metrics_port", "metrics", "[metrics]"},
		{"metrics_path", "metrics", "[metrics]"},
	} {
		old := l.under(section, moved.old)
		if !old.read {
			continue
		}
		const why = "flyctl moves the key to its current place, unless that is already set"
		if l.under(root, moved.now).read {
			l.warn(FindingDeadKey, old, message{
				moved.old + " does nothing: the file has " + moved.title,
				why,
				"remove it",
			})
			continue
		}
		l.info(FindingDeadKey, old, message{moved.old + " has moved", why, "write " + moved.title})
	}
}

// secretName matches the names of variables that usually hold a secret. To
// machine.IsSecret every variable is one; a finding about every variable would be noise.
var secretName = regexp.MustCompile(
	`(?i)(^|_)(password|passwd|secret|token|api_?key|private_key|secret_key(_base)?|access_key|credentials)$`)

func (l *linter) checkEnv(root spot) {
	s := l.under(root, "env")
	tables := []spot{s}
	if list, ok := s.value.([]any); ok {
		tables = nil
		for i := range list {
			tables = append(tables, l.item(s, i))
		}
	}
	for _, table := range tables {
		vars, _ := table.value.(map[string]any)
		for name, value := range vars {
			l.checkVariable(l.step(table, layout.Join(table.path, name), value, true), name)
		}
	}
}

// checkVariable checks one variable of [env]. Its value is never in a finding.
func (l *linter) checkVariable(s spot, name string) {
	switch {
	case name == "FLY_PROCESS_GROUP" && s.value != l.standard, name == "PRIMARY_REGION" &&
		l.def.PrimaryRegion != "" && s.value != l.def.PrimaryRegion:
		l.warn(FindingEnvOverwritten, s, message{
			"flyctl overwrites " + name,
			"flyctl sets FLY_PROCESS_GROUP to the group's name and, if the file has a primary_region, PRIMARY_REGION to that",
			"remove it, or use another name",
		})
		return
	}
	if kind := l.changes(s); kind != "" {
		l.warn(FindingEnvText, s, message{
			"the Machine gets a different text than the file shows",
			"flyctl turns " + kind + " into text as Go prints it",
			"put the value in quotes",
		})
	}
	if value, ok := s.value.(string); ok && value != "" && !strings.HasPrefix(value, "$") && secretName.MatchString(name) {
		l.info(FindingEnvSecret, s, message{
			fmt.Sprintf("%s has a value in the file, and its name looks like a secret", excerpt.Quote(name)),
			"the file is kept with the source code, and `fly config show` shows [env] to everyone who can read the app",
			"if it is a secret, remove it and use `fly secrets set`",
		})
	}
}

// changes names the kind of a value that changes its spelling when it becomes
// text, or returns "" if it does not.
func (l *linter) changes(s spot) string {
	source := l.source(s)
	switch value := s.value.(type) {
	case nil, string, bool:
		return ""
	case int, int64:
		if source == "" || source == legacy.Text(value) {
			return ""
		}
		return "a number"
	case float64:
		if source == legacy.Text(value) || source == "" && legacy.Text(value) == plainNumber(value) {
			return ""
		}
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	if source == legacy.Text(s.value) {
		return ""
	}
	return "a date or time"
}

func plainNumber(n float64) string {
	if n == math.Trunc(n) {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%f", n)
}

func (l *linter) checkFiles(root spot) {
	spots := l.list(root, "files")
	groups := len(l.def.Groups())
	for i, file := range l.def.Files {
		at := nth(spots, i)
		if len(file.Processes) > 0 && groups > 1 {
			l.warn(FindingFilesProcesses, l.under(at, "processes"), message{
				"the file goes to every process group",
				"flyctl merges [[files]] before it looks at processes, so the list has no effect",
				"remove processes, and expect the file on all Machines",
			})
		}
		if looksEncoded(file.RawValue) {
			l.warn(FindingRawValue, l.under(at, "raw_value"), message{
				"raw_value looks as if it is already encoded",
				"flyctl encodes it in Base64 itself, despite what Fly's documentation says: the Machine would get the encoded text",
				"write the plain content",
			})
		}
	}
}

// looksEncoded reports whether a text is another text in Base64.
func looksEncoded(s string) bool {
	s = strings.Join(strings.Fields(s), "")
	plain, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(plain) < 9 || !utf8.Valid(plain) {
		return false
	}
	return !strings.ContainsFunc(string(plain), func(r rune) bool {
		return !excerpt.IsVisible(r) &&
			r != '\n' && r != '\r' && r != '\t'
	})
}

func (l *linter) checkSizes(root spot) {
	spots := l.list(root, "compute", "computes", "vm")
	for i, vm := range l.def.VM {
		if vm == nil || vm.Memory == "" || vm.MachineGuest == nil || vm.MemoryMB == 0 {
			continue
		}
		// `fly launch` writes both, with the same amount.
		if mb, err := flytoml.Megabytes(vm.Memory); err != nil || mb != vm.MemoryMB {
			l.warn(FindingMemoryTwice, l.under(nth(spots, i), "memory_mb"), message{
				"memory and memory_mb differ",
				"flyctl uses memory_mb and ignores memory",
				"keep one of them",
			})
		}
	}
	if len(l.def.VM) == 0 && l.def.HostDedicationID != "" {
		l.warn(FindingHostDedication, l.under(root, "host_dedication_id"), message{
			"flyctl ignores host_dedication_id here",
			"flyctl puts it in the Machine's configuration only together with a [[vm]] section",
			"add a [[vm]] section, or set host_dedication_id in one",
		})
	}
}

func (l *linter) checkMounts(root spot) {
	spots := l.list(root, "mount", "mounts")
	for i, mount := range l.def.Mounts {
		for _, field := range []struct{ key, value string }{{"source", mount.Source}, {"destination", mount.Destination}} {
			if field.value == "" {
				l.warn(FindingMountIncomplete, l.under(nth(spots, i), field.key), message{
					"the mount has no " + field.key,
					"a mount needs the name of a volume and the directory to mount it at; flyctl checks neither before a deploy",
					"set " + field.key,
				})
				break
			}
		}
	}
}

func (l *linter) checkDeploy(root spot) {
	d := l.def.Deploy
	if d == nil {
		return
	}
	at := l.under(root, "deploy")
	l.checkDuration(l.under(at, "wait_timeout"), d.WaitTimeout)
	l.checkDuration(l.under(at, "release_command_timeout"), d.ReleaseCommandTimeout)
	strategy := l.under(at, "strategy")
	if d.Strategy == "bluegreen" {
		if !hasChecks(l.def) {
			l.error(FindingBluegreenChecks, strategy, message{
				"a bluegreen deploy needs a health check, but the file has none",
				"flyctl waits until the new Machines are healthy before it routes to them, and refuses to start without a check",
				"add a check to a service, or use another strategy",
			})
		}
		if len(l.def.Mounts) > 0 {
			l.warn(FindingBluegreenMounts, strategy, message{
				"a bluegreen deploy does not work with volumes",
				"it creates a second set of Machines, but a volume belongs to one Machine",
				`use "rolling"`,
			})
		}
	}
	if n := d.MaxUnavailable; n != nil && (*n <= 0 || *n > 1 && *n != math.Trunc(*n)) {
		l.warn(FindingMaxUnavailable, l.under(at, "max_unavailable"), message{
			fmt.Sprintf("max_unavailable cannot be %g", *n),
			"below 1 it is a share of the group's Machines; from 1 on it is their number",
			"use a share above 0, for example 0.33, or a whole number",
		})
	}
}

// hasChecks reports whether there is a health check.
func hasChecks(d *flytoml.Definition) bool {
	for _, s := range d.AllServices() {
		if len(s.TCPChecks)+len(s.HTTPChecks) > 0 {
			return true
		}
	}
	return len(d.Checks) > 0
}

// buildConflict returns flyctl's warning about several ways to build, or "" if
// there is at most one.
func (l *linter) buildConflict() string {
	if l.def.Build == nil {
		return ""
	}
	build := *l.def.Build
	build.Compression, build.CompressionLevel = "", nil // which have findings of their own
	text, _ := (&flytoml.Definition{Build: &build}).Verdict()
	return strings.TrimPrefix(text, "WARN ")
}

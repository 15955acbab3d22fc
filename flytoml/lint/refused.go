package lint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// whyInvalid says what happens because of a value that flyctl refuses.
const whyInvalid = "`fly config validate` and every deploy fail"

// reportRefused reports what flyctl refuses, and what it cannot create Machines
// from, each at its own place. It applies the rules of Validate and Apply to one
// section at a time.
func (l *linter) reportRefused(root spot) {
	if l.refusal == nil {
		l.reportInvalidCommands(root)
		l.reportInvalidDeploy(root)
		l.reportInvalidChecks(root)
		l.reportInvalidMounts(root)
		l.reportInvalidRestart(root)
		l.reportUnconvertible(root)
	}
	if l.errors > 0 {
		return
	}
	// What has no place of its own: a value of the wrong shape inside a list,
	// or a rule of flyctl's that is not known here.
	var invalid *flytoml.InvalidError
	if errors.As(l.file.Validate(), &invalid) {
		l.error(FindingInvalid, spot{}, message{
			"flyctl refuses the file: " + excerpt.Line(invalid.Reason),
			whyInvalid,
			"correct the value",
		})
	}
}

// reportVerdict reports each line of flyctl's verdict at the place that key finds. Where
// one of the words was meant that flyctl takes there, an edit writes it.
func (l *linter) reportVerdict(part flytoml.Definition, fix string, key func(line string) spot, words ...string) {
	verdict, refused := part.Verdict()
	if !refused {
		return
	}
	for line := range strings.Lines(verdict) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "WARN") {
			at := key(line)
			finding := l.error(FindingInvalid, at, message{
				"flyctl refuses this: " + excerpt.Line(line),
				whyInvalid,
				fix,
			})
			finding.Edit = l.spelling(at, words...)
		}
	}
}

// closeQuotes is the fix of a command that cannot be split into words.
const closeQuotes = "close every quote; flyctl splits the command into words as a shell does"

// reportInvalidCommands reports commands that flyctl cannot split, and compression that it does not know.
func (l *linter) reportInvalidCommands(root spot) {
	l.reportVerdict(flytoml.Definition{ConsoleCommand: l.def.ConsoleCommand}, closeQuotes,
		func(string) spot { return l.under(root, "console_command") })
	processes := l.under(root, "processes")
	named := l.byName(processes)
	for _, name := range slices.Sorted(maps.Keys(l.def.Processes)) {
		l.reportVerdict(flytoml.Definition{Processes: map[string]string{name: l.def.Processes[name]}},
			closeQuotes, func(string) spot {
				if s, ok := named[name]; ok {
					return l.under(s, "command")
				}
				return l.under(processes, name)
			})
	}
	if l.def.Build == nil {
		return
	}
	build := l.under(root, "build")
	compression := &flytoml.Build{Compression: l.def.Build.Compression, CompressionLevel: l.def.Build.CompressionLevel}
	l.reportVerdict(flytoml.Definition{Build: compression}, "correct the value, or remove it", func(line string) spot {
		if strings.Contains(line, "level") {
			return l.under(build, "compression_level")
		}
		return l.under(build, "compression")
	}, "gzip", "zstd")
}

func (l *linter) reportInvalidDeploy(root spot) {
	if l.def.Deploy == nil {
		return
	}
	deploy := l.under(root, "deploy")
	l.reportVerdict(flytoml.Definition{Deploy: &flytoml.Deploy{ReleaseCommand: l.def.Deploy.ReleaseCommand}},
		closeQuotes, func(string) spot { return l.under(deploy, "release_command") })
	strategy := flytoml.Definition{Deploy: &flytoml.Deploy{Strategy: l.def.Deploy.Strategy},
		Mounts: make([]flytoml.Mount, len(l.def.Mounts))}
	l.reportVerdict(strategy, `use "rolling" (the default) or another strategy that fits`,
		func(string) spot { return l.under(deploy, "strategy") },
		"canary", "rolling", "immediate", "bluegreen")
}

func (l *linter) reportInvalidChecks(root spot) {
	all := l.checks(root)
	for _, name := range slices.Sorted(maps.Keys(l.def.Checks)) {
		l.reportVerdict(flytoml.Definition{Checks: map[string]*flytoml.ToplevelCheck{name: l.def.Checks[name]}},
			"use type http or tcp, an interval of at least 2s, and a timeout of at most 60s", func(line string) spot {
				line = line[strings.LastIndexByte(line, '\'')+1:] // behind the name
				for _, key := range []string{"interval", "timeout"} {
					if strings.HasPrefix(line, " "+key) {
						return l.under(all[name], key)
					}
				}
				return l.under(all[name], "type")
			}, "http", "tcp")
	}
}

func (l *linter) reportInvalidMounts(root spot) {
	spots := l.list(root, "mount", "mounts")
	for i, mount := range l.def.Mounts {
		at := nth(spots, i)
		l.reportVerdict(flytoml.Definition{Mounts: []flytoml.Mount{mount}}, "correct the value, or remove it",
			func(line string) spot {
				for _, key := range []string{"initial_size", "snapshot_retention", "auto_extend_size_threshold",
					"auto_extend_size_increment", "auto_extend_size_limit"} {
					if strings.Contains(line, key) {
						if s := l.under(at, key); s.read {
							return s
						}
					}
				}
				return at
			})
	}
}

func (l *linter) reportInvalidRestart(root spot) {
	spots := l.list(root, "restart")
	for i, restart := range l.def.Restart {
		restart.Processes = nil // looked at with the other sections' groups
		l.reportVerdict(flytoml.Definition{Restart: []flytoml.Restart{restart}},
			restartFor(string(restart.Policy)), func(string) spot { return l.under(nth(spots, i), "policy") },
			"always", "on-failure", "never")
	}
}

// restartFor says which policy to use instead of an unknown one.
func restartFor(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "no", "none", "false", "off":
		return `write "never"`
	case "unless-stopped":
		return `write "always": a Machine that is stopped on purpose stays stopped`
	case "on-error", "on-fail", "failure":
		return `write "on-failure"`
	}
	return `write "always", "on-failure" or "never"`
}

// reportUnconvertible reports sections that are valid, but on which flyctl fails
// when it makes a Machine's configuration, after it has created the release.
func (l *linter) reportUnconvertible(root spot) {
	const why = "`fly config validate` does not check this; a deploy fails after it has created its release"
	d := l.def
	vms := l.list(root, "compute", "computes", "vm")
	used := slices.Sorted(maps.Values(l.effectiveVMs()))
	for _, i := range slices.Compact(used) {
		if _, err := (&flytoml.Definition{VM: d.VM[i : i+1]}).Guest(); err != nil {
			l.reportNoSize(nth(vms, i), err, why)
		}
	}
	serves := map[string]bool{}
	if d.HTTPService != nil {
		for _, group := range l.members(d.HTTPService.Processes) {
			serves[group] = true
		}
	}
	checks := l.checks(root)
	for _, name := range slices.Sorted(maps.Keys(d.Checks)) {
		check := d.Checks[name]
		if check == nil || check.Port != nil {
			continue
		}
		for _, group := range l.members(check.Processes) {
			if !serves[group] && d.HasGroup(group) {
				l.error(FindingUnconvertible, checks[name], message{
					fmt.Sprintf("the check has no port, and the group %s has no [http_service] to take one from",
						excerpt.Quote(group)), why, "set port"})
				break
			}
		}
	}
	l.reportOtherFiles(root)
}

// whyOutside says how flyctl finds a file that is not checked here.
const whyOutside = "flyctl opens it relative to the directory it runs in, and fails if it is not there"

// reportOtherFiles reports settings that depend on other files.
func (l *linter) reportOtherFiles(root spot) {
	const fix = "check that file too"
	files := l.list(root, "files")
	for i, file := range l.def.Files {
		if file.LocalPath != "" {
			l.info(FindingOutsideFile, l.under(nth(files, i), "local_path"), message{
				"the file's content comes from " + excerpt.Quote(file.LocalPath), whyOutside, fix})
		}
	}
	inline := flytoml.Definition{MachineConfig: l.def.MachineConfig, Container: l.def.Container,
		Build: l.def.Build, Experimental: l.def.Experimental}
	if inline.Build != nil && inline.Build.Compose != nil {
		l.info(FindingOutsideFile, l.under(l.under(root, "build"), "compose"), message{
			"the containers come from a compose file", whyOutside, fix})
		return
	}
	source, at := inline.MachineConfig, l.under(root, "machine_config")
	if source == "" && inline.Experimental != nil {
		source, at = inline.Experimental.MachineConfig, l.under(l.under(root, "experimental"), "machine_config")
	}
	if source == "" {
		return
	}
	if strings.HasSuffix(source, ".json") && !strings.HasPrefix(source, "{") {
		l.info(FindingOutsideFile, at, message{
			"part of the Machine's configuration comes from " + excerpt.Quote(source), whyOutside, fix})
		return
	}
	err := inline.CheckMachineConfig(func(name string) {
		l.info(FindingOutsideFile, at, message{
			"the content of a file on the Machine comes from " + excerpt.Quote(name), whyOutside, fix})
	})
	if err != nil {
		l.error(FindingUnconvertible, at, message{
			"flyctl cannot use it: " + excerpt.Line(err.Error()),
			"machine_config is a Machine's configuration in JSON, or the name of a .json file with it",
			"correct the value",
		})
	}
}

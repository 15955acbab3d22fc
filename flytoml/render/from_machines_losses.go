package render

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// WouldChange lists what deploying the file would change on a Machine of the
// group with the live configuration, sorted by path. It leaves out the image, the
// release's metadata, what a deploy restores (a mount's volume, a standby), and
// different spellings of the same duration ("60s", "1m0s"). It fails where
// [flytoml.File.Apply] fails.
func WouldChange(f *flytoml.File, group string, live machine.Config) ([]machine.Change, error) {
	after, err := f.Apply(group, live)
	if err != nil {
		return nil, err
	}
	return fileChanges(live, after)
}

// fileChanges returns the differences that come from the file, without those that
// the rollout creates or removes.
func fileChanges(before, after machine.Config) ([]machine.Change, error) {
	before, err := before.Without("standbys").WithoutDeployed()
	if err != nil {
		return nil, err
	}
	if after, err = after.Without("standbys").WithoutDeployed(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(machine.Diff(before, after), sameDuration), nil
}

// sameDuration reports whether a change only spells a duration differently.
func sameDuration(c machine.Change) bool {
	name := c.Path[strings.LastIndexByte(c.Path, '.')+1:]
	if !slices.Contains([]string{"interval", "timeout", "grace_period"}, name) {
		return false
	}
	before, wasOK := quotedDuration(c.Before)
	after, isOK := quotedDuration(c.After)
	return wasOK && isOK && before == after
}

func quotedDuration(text string) (time.Duration, bool) {
	var s string
	if json.Unmarshal([]byte(text), &s) != nil {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// maxPaths is the most paths that one line of a note lists.
const maxPaths = 100

// losses returns notes on what a file made from the configurations cannot
// express. They are found by converting the file, so they are exact.
func losses(f *flytoml.File, groups map[string]machine.Config) ([]Note, error) {
	unknown := Note{Text: "Machines do not store [build], [deploy] and console_command."}
	if def, _ := f.SharedDefinition(); len(def.Mounts) > 0 {
		unknown.Text = "Machines do not store [build], [deploy], console_command and snapshot settings of [[mounts]]."
	}
	lean, configs, variables, err := withoutVariables(f, groups)
	if err != nil {
		return nil, err
	}
	changed, kept, refused := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		would, keeps, err := compareGroup(lean, group, configs[group])
		if err != nil {
			refused[excerpt.Line(err.Error())] = append(refused[excerpt.Line(err.Error())], excerpt.Quote(group))
			continue
		}
		for _, kind := range []struct {
			words  string
			belong func(machine.Change) bool
		}{
			{"would lose", func(c machine.Change) bool { return c.After == "" }},
			{"would get", func(c machine.Change) bool { return c.Before == "" }},
			{"would get a different", func(c machine.Change) bool { return c.Before != "" && c.After != "" }},
		} {
			if paths := Paths(filterChanges(would, kind.belong), configs[group]); len(paths) > 0 {
				line := kind.words + " " + outside.List(paths, maxPaths)
				changed[line] = append(changed[line], excerpt.Quote(group))
			}
		}
		if line, ok := variables[group]; ok {
			changed[line] = append(changed[line], excerpt.Quote(group))
		}
		if paths := Paths(keeps, configs[group]); len(paths) > 0 {
			line := "keeps " + outside.List(paths, maxPaths)
			kept[line] = append(kept[line], excerpt.Quote(group))
		}
	}

	notes := []Note{unknown}
	var invalid *flytoml.InvalidError
	if err := f.Validate(); errors.As(err, &invalid) {
		lines := strings.Split(invalid.Text, "\n")
		notes = append(notes, Note{Text: "flyctl refuses this file as it is:", Lines: lines[min(1, len(lines)-1):]})
	}
	for _, part := range []struct {
		text  string
		lines map[string][]string
	}{
		{"flyctl cannot convert this file for some groups:", refused},
		{"A fly.toml cannot express everything that Machines have. A deploy would change them:", changed},
		{"Not in this file, because fly.toml does not set it. A deploy keeps it as it is:", kept},
	} {
		if len(part.lines) > 0 {
			notes = append(notes, Note{part.text, byGroups(part.lines)})
		}
	}
	return notes, nil
}

// compareGroup returns what deploying the file would change on a Machine, and
// what it would keep although it is not in the file.
func compareGroup(f *flytoml.File, group string, live machine.Config) (would, keeps []machine.Change, err error) {
	if would, err = WouldChange(f, group, live); err != nil {
		return nil, nil, err
	}
	fresh, err := f.Apply(group, machine.Config{})
	if err != nil {
		return nil, nil, err
	}
	all, err := fileChanges(live, fresh)
	if err != nil {
		return nil, nil, err
	}
	keeps = slices.DeleteFunc(all, func(c machine.Change) bool {
		_, found := slices.BinarySearchFunc(would, c.Path,
			func(w machine.Change, path string) int { return strings.Compare(w.Path, path) })
		return found
	})
	return would, keeps, nil
}

// Paths returns the paths of changes of a configuration, in the same order. If
// all values under a top-level key are added or removed, only the key is listed.
func Paths(changes []machine.Change, before machine.Config) []string {
	gone, come := map[string]int{}, map[string]int{}
	for _, c := range changes {
		switch {
		case c.After == "":
			gone[c.Key()]++
		case c.Before == "":
			come[c.Key()]++
		}
	}
	had := map[string]int{} // the number of values under each key
	for _, c := range changes {
		key := c.Key()
		if _, counted := had[key]; counted {
			continue
		}
		had[key] = 0
		if raw := before.Raw(key); raw != nil {
			if alone, err := (machine.Config{}).With(key, raw); err == nil {
				had[key] = len(machine.Diff(alone, machine.Config{}))
			}
		}
	}
	var paths []string
	for _, c := range changes {
		path, key := c.Path, c.Key()
		if gone[key] > 1 && gone[key] == had[key] || come[key] > 1 && had[key] == 0 {
			path = key
		}
		if len(paths) == 0 || paths[len(paths)-1] != path {
			paths = append(paths, path)
		}
	}
	return paths
}

// byGroups prefixes each line with its groups. Groups with the same line are listed together.
func byGroups(lines map[string][]string) []string {
	var out []string
	for line, groups := range lines {
		out = append(out, outside.List(groups, 10)+" "+line)
	}
	slices.Sort(out)
	return out
}

func filterChanges(changes []machine.Change, keep func(machine.Change) bool) []machine.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c machine.Change) bool { return !keep(c) })
}

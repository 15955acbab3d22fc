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
)

// WouldChange lists what a deploy of the file would change on a Machine of the
// group that has the live configuration, sorted by path. The image, the
// release's metadata and what a deploy puts back (a mount's volume, a standby)
// are not in it, nor are spellings of one duration ("60s", "1m0s"). It fails
// where [File.Apply] does.
func WouldChange(f *flytoml.File, group string, live machine.Config) ([]machine.Change, error) {
	after, err := f.Apply(group, live)
	if err != nil {
		return nil, err
	}
	return fileChanges(live, after)
}

// fileChanges are the differences that the rollout does not make or mend.
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

// sameDuration tells two spellings of one duration.
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

// The most paths that one line of a note names.
const maxPaths = 100

// losses are the notes about what a file made from the configurations cannot
// say. They are found by converting it, so that they are exact.
func losses(f *flytoml.File, groups map[string]machine.Config) ([]Note, error) {
	unknown := Note{Text: "Machines do not tell [build], [deploy] and console_command."}
	if def, _ := f.SharedDefinition(); len(def.Mounts) > 0 {
		unknown.Text = "Machines do not tell [build], [deploy], console_command and the snapshots of [[mounts]]."
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
			{"would get another", func(c machine.Change) bool { return c.Before != "" && c.After != "" }},
		} {
			if paths := Paths(filterChanges(would, kind.belong), configs[group]); len(paths) > 0 {
				line := kind.words + " " + Listed(paths, maxPaths)
				changed[line] = append(changed[line], excerpt.Quote(group))
			}
		}
		if line, ok := variables[group]; ok {
			changed[line] = append(changed[line], excerpt.Quote(group))
		}
		if paths := Paths(keeps, configs[group]); len(paths) > 0 {
			line := "keeps " + Listed(paths, maxPaths)
			kept[line] = append(kept[line], excerpt.Quote(group))
		}
	}

	notes := []Note{unknown}
	var invalid *flytoml.InvalidError
	if err := f.Validate(); errors.As(err, &invalid) {
		lines := strings.Split(invalid.Text, "\n")
		notes = append(notes, Note{Text: "flyctl refuses this file as it stands:", Lines: lines[min(1, len(lines)-1):]})
	}
	for _, part := range []struct {
		text  string
		lines map[string][]string
	}{
		{"flyctl cannot convert this file for some groups:", refused},
		{"No fly.toml can say all that the Machines have. A deploy of this file would change them:", changed},
		{"Not in this file as no fly.toml decides it. A deploy leaves it as it is:", kept},
	} {
		if len(part.lines) > 0 {
			notes = append(notes, Note{part.text, byGroups(part.lines)})
		}
	}
	return notes, nil
}

// compareGroup is what a deploy of the file would change on a Machine, and what it
// would keep although the file does not say it.
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

// Paths are the paths of changes of a configuration, sorted as they are. A
// top-level key stands for the values under it where all of them come or go.
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
	had := map[string]int{} // how many values a key has
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

// byGroups puts the groups before each line, those of one line together.
func byGroups(lines map[string][]string) []string {
	var out []string
	for line, groups := range lines {
		out = append(out, Listed(groups, 10)+" "+line)
	}
	slices.Sort(out)
	return out
}

func filterChanges(changes []machine.Change, keep func(machine.Change) bool) []machine.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c machine.Change) bool { return !keep(c) })
}

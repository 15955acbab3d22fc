package deployed

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// The most that one line of a note names.
const (
	maxIDs   = 5
	maxPaths = 50
)

// groupOf returns the process group of a Machine. Without one it is of the group app,
// as flyctl has it.
func groupOf(m fly.Machine) string {
	if group := m.Config.ProcessGroup(); group != "" {
		return group
	}
	return "app"
}

// deployedMachines returns the Machines that a deploy of the app concerns, by id, and a note
// about the others.
func deployedMachines(machines []fly.Machine) ([]fly.Machine, []render.Note) {
	var launched []fly.Machine
	ids := map[string][]string{}
	for _, m := range machines {
		if reason := exclusionReason(m); reason != "" {
			ids[reason] = append(ids[reason], m.ID)
			continue
		}
		launched = append(launched, m)
	}
	slices.SortFunc(launched, func(a, b fly.Machine) int { return strings.Compare(a.ID, b.ID) })
	if len(ids) == 0 {
		return launched, nil
	}
	note := render.Note{Text: "Machines that do not count here:"}
	for _, reason := range slices.Sorted(maps.Keys(ids)) {
		note.Lines = append(note.Lines, someIDs(ids[reason])+": "+reason)
	}
	return launched, []render.Note{note}
}

// adopted returns the Machines of an app of which fly deploy made none, with a note:
// they get the file by a deploy that adopts them only.
func adopted(machines []fly.Machine) ([]fly.Machine, []render.Note) {
	var list []fly.Machine
	var ids []string
	for _, m := range machines {
		if m.Whole() && m.Config.IsDetached() && m.State != "destroyed" && m.State != "destroying" {
			list, ids = append(list, m), append(ids, m.ID)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortFunc(list, func(a, b fly.Machine) int { return strings.Compare(a.ID, b.ID) })
	return list, []render.Note{{Text: "Not made by fly deploy, which leaves them alone (no metadata " +
		"fly_platform_version = v2):", Lines: []string{someIDs(ids)}}}
}

// exclusionReason returns why a Machine says nothing about the app's fly.toml, empty if it
// does (flyctl, flaps.ListFlyAppsMachines).
func exclusionReason(m fly.Machine) string {
	switch {
	case m.State == "destroyed" || m.State == "destroying":
		return "destroyed"
	case !m.Whole():
		return "the platform did not send the whole configuration"
	case m.Config.IsOneCommand():
		return "made for one command (a release command, a console, a test)"
	case !m.Config.IsFlyLaunch():
		return "not made by fly deploy (no metadata fly_platform_version = v2)"
	}
	return ""
}

// unusualReason returns why a Machine does not count where its group has others, empty if it
// is an ordinary Machine.
func unusualReason(config machine.Config) string {
	var standbys []string
	var schedule string
	switch {
	case json.Unmarshal(config.Raw("standbys"), &standbys) == nil && len(standbys) > 0:
		return "standby"
	case json.Unmarshal(config.Raw("schedule"), &schedule) == nil && schedule != "":
		return "scheduled"
	case config.AutoDestroy():
		return "destroyed when it stops"
	}
	return ""
}

// machineSet holds the Machines of one group with one configuration, as far as a fly.toml
// could decide it.
type machineSet struct {
	group   string
	config  machine.Config
	ids     []string
	version int // the newest release that made one of them
}

// fromFile returns the part of a configuration that a fly.toml could decide: without
// image, release, volume and standby, which are each Machine's own. One that
// cannot be read is returned whole.
func fromFile(config machine.Config) machine.Config {
	part, err := config.Without("standbys").WithoutDeployed()
	if err != nil {
		return config
	}
	return part
}

// byConfig gathers Machines that are alike, in the order they are found.
func byConfig(machines []fly.Machine) []*machineSet {
	var sets []*machineSet
	index := map[[2]string]*machineSet{}
	for _, m := range machines {
		part := fromFile(m.Config)
		key := [2]string{groupOf(m), part.Hash()}
		set := index[key]
		if set == nil {
			set = &machineSet{group: key[0], config: m.Config}
			index[key] = set
			sets = append(sets, set)
		}
		set.ids = append(set.ids, m.ID)
		if metadata, err := m.Config.Metadata(); err == nil {
			if version, err := strconv.Atoi(metadata[machine.MetadataReleaseVersion]); err == nil {
				set.version = max(set.version, version)
			}
		}
	}
	return sets
}

// typical returns one configuration for each process group: the one that most of
// its Machines have, of equally common ones that of the newest release, then
// of the lowest id. Notes name the Machines that differ.
func typical(launched []fly.Machine) (map[string]machine.Config, []render.Note) {
	chosen, notes := selectUsual(launched)
	sets := byConfig(chosen)
	most := map[string]*machineSet{}
	for _, set := range sets {
		best := most[set.group]
		if best == nil || len(set.ids) > len(best.ids) || len(set.ids) == len(best.ids) && set.version > best.version {
			most[set.group] = set
		}
	}
	groups := make(map[string]machine.Config, len(most))
	for name, set := range most {
		groups[name] = set.config
	}
	differ := render.Note{Text: "The Machines of a group differ: this file has what most of them have. The " +
		"others differ in:"}
	for _, set := range sets {
		if best := most[set.group]; set != best {
			from := fromFile(best.config)
			differ.Lines = append(differ.Lines, set.differIn(render.Paths(machine.Diff(from, fromFile(set.config)), from)))
		}
	}
	if len(differ.Lines) > 0 {
		notes = append([]render.Note{differ}, notes...)
	}
	return groups, notes
}

// selectUsual returns the Machines that count. It leaves out standbys, scheduled Machines and those
// that destroy themselves, except where a group has no others.
func selectUsual(launched []fly.Machine) ([]fly.Machine, []render.Note) {
	usual := map[string]bool{}
	for _, m := range launched {
		if unusualReason(m.Config) == "" {
			usual[groupOf(m)] = true
		}
	}
	var chosen []fly.Machine
	out, only := map[string][]string{}, map[string]bool{}
	for _, m := range launched {
		why := unusualReason(m.Config)
		if why != "" && usual[groupOf(m)] {
			out[why] = append(out[why], m.ID)
			continue
		}
		if why != "" {
			only[groupOf(m)] = true
		}
		chosen = append(chosen, m)
	}
	var notes []render.Note
	note := render.Note{Text: "Machines that were left out, because their group has others:"}
	for _, why := range slices.Sorted(maps.Keys(out)) {
		note.Lines = append(note.Lines, someIDs(out[why])+": "+why)
	}
	if len(out) > 0 {
		notes = append(notes, note)
	}
	note = render.Note{Text: "Process groups with only standbys, scheduled Machines, or Machines that " +
		"destroy themselves:"}
	for _, name := range slices.Sorted(maps.Keys(only)) {
		note.Lines = append(note.Lines, strconv.Quote(name))
	}
	if len(only) > 0 {
		notes = append(notes, note)
	}
	return chosen, notes
}

// differences returns the notes about Machines that a deploy of the file would
// change: by hand since the release, or not yet by it.
func differences(file *flytoml.File, launched []fly.Machine) []render.Note {
	present := map[string]bool{}
	differ := render.Note{Text: "Machines that differ from the release, changed since or not yet by it. A " +
		"deploy of this file would change:"}
	for _, set := range byConfig(launched) {
		present[set.group] = true
		changes, err := render.WouldChange(file, set.group, set.config)
		switch {
		case err != nil:
			differ.Lines = append(differ.Lines, fmt.Sprintf("%s of %q: cannot be compared: %s",
				someIDs(set.ids), set.group, err))
		case len(changes) > 0:
			differ.Lines = append(differ.Lines, set.differIn(render.Paths(changes, fromFile(set.config))))
		}
	}
	var notes []render.Note
	if len(differ.Lines) > 0 {
		notes = append(notes, differ)
	}
	missing := render.Note{Text: "Process groups without a Machine:"}
	for _, name := range file.Groups() {
		if !present[name] {
			missing.Lines = append(missing.Lines, strconv.Quote(name))
		}
	}
	if len(missing.Lines) > 0 {
		notes = append(notes, missing)
	}
	return notes
}

// differIn returns the line of a note that names these Machines and the paths.
func (s *machineSet) differIn(paths []string) string {
	return fmt.Sprintf("%s of %q: %s", someIDs(s.ids), s.group, outside.List(paths, maxPaths))
}

func someIDs(ids []string) string {
	if len(ids) == 1 {
		return "Machine " + ids[0]
	}
	return fmt.Sprintf("%d Machines (%s)", len(ids), outside.List(ids, maxIDs))
}

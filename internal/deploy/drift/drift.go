// Package drift compares three things for each process group: what live
// Machines have, what a fly.toml makes of them, and what the app's last release
// made of them. It finds what a deploy would change, and since when: whether the file was
// edited after the release, or a Machine was changed.
//
// It is pure: no request, no file. All three sides are configurations of the
// same Machine, as a conversion starts from the one that is there and keeps
// what fly.toml does not say: a size without [[vm]] is no drift. Nor is the
// image, what a deploy notes about its release in the metadata, which volume a
// mount has, and FLY_STANDBY_FOR, which fly deploy itself sets and drops.
package drift

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/convert"
)

// Converter is a fly.toml as far as a comparison needs it (flytoml.File).
type Converter interface {
	Groups() []string
	DefaultGroup() string
	Apply(group string, existing machine.Config) (machine.Config, error)
}

// Input is what is compared.
type Input struct {
	File     Converter // what would be deployed
	Base     Converter // the same before its services were edited; nil if it is unknown
	Release  Converter // as last released (flytoml.FromDefinition); nil if there is none
	Version  int       // of Release; 0 if it is unknown
	Machines []Machine
}

// Machine is a live Machine with its whole configuration.
type Machine struct {
	ID     string
	Group  string // process group; empty: as the configuration's metadata says
	Config machine.Config
}

// Origin is where a difference between a Machine and the file comes from.
type Origin string

// The origins.
const (
	FromEdit Origin = "edit" // the edit of the services, beside Input.Base; whatever the release says
	FromFile Origin = "file" // the file was edited since the release; the Machine is as released
	FromLive Origin = "live" // the Machine was changed since the release; the file is as released
	FromBoth Origin = "both" // both were, each in its own way
	// Behind: the Machine is not as released, and did not get the release (Group.Behind); who
	// made the difference is unknown.
	Behind  Origin = "behind"
	Unknown Origin = "unknown" // there is no release to compare with
)

// Fate is what fly deploy does with a process group.
type Fate string

// The fates.
const (
	Same    Fate = "same"    // nothing: the Machines are as the file makes them
	Update  Fate = "update"  // it updates Machines of it
	Destroy Fate = "destroy" // the file lacks the group: its Machines go
	Create  Fate = "create"  // the group has no Machine: some come
)

// Report is the whole comparison. Its order is always the same, whatever the
// order of the Machines was.
type Report struct {
	Version   int      `json:"version,omitempty"`   // of the release that was compared with
	Groups    []Group  `json:"groups"`              // by name
	Unmanaged []string `json:"unmanaged,omitempty"` // Machines that fly deploy did not make and leaves alone
}

// Group is one process group.
type Group struct {
	Name       string   `json:"name"`
	Fate       Fate     `json:"fate"`
	Machines   []string `json:"machines"`             // ids, sorted
	Unreleased string   `json:"unreleased,omitempty"` // why there is nothing released to compare with
	// Machines that differ and did not get the release: their metadata names an older one
	Behind      []string     `json:"behind,omitempty"`
	Differences []Difference `json:"differences,omitempty"` // by their first Machine
}

// Difference is what is different about Machines that differ alike.
type Difference struct {
	Machines []string `json:"machines"` // ids, sorted
	Fields   []Field  `json:"fields"`   // by path
}

// Field is one value that a deploy would change. Values are compact JSON, empty
// where there is none; what may be a secret is masked and shows only its length.
// Release is empty too if Origin is unknown, and where the group is Unreleased.
type Field struct {
	Path    string `json:"path"` // services[0].ports[1].port, as [machine.Diff] writes it
	Live    string `json:"live,omitempty"`
	File    string `json:"file,omitempty"`
	Release string `json:"release,omitempty"`
	Origin  Origin `json:"origin"`
}

// Key returns the top-level field of the configuration that the value lies in.
func (f Field) Key() string { return machine.Change{Path: f.Path}.Key() }

// Differs reports whether a deploy would do anything.
func (r Report) Differs() bool {
	return slices.ContainsFunc(r.Groups, func(g Group) bool { return g.Fate != Same })
}

// Compare makes the report. Machines whose group the caller does not name and
// whose metadata says that fly deploy did not make them are left out.
//
// It fails if the file cannot be converted for a group that has Machines. A
// release that cannot be converted counts as none, and the group says why; a base
// that cannot be converted counts as none.
func Compare(in Input) (Report, error) {
	report := Report{Groups: []Group{}}
	if in.Release != nil {
		report.Version = in.Version
	}
	machines := slices.Clone(in.Machines)
	slices.SortStableFunc(machines, func(a, b Machine) int { return cmp.Compare(a.ID, b.ID) })
	live := make(map[string][]Machine)
	for _, m := range machines {
		group := m.Group
		if group == "" {
			if !m.Config.IsFlyLaunch() {
				report.Unmanaged = append(report.Unmanaged, m.ID)
				continue
			}
			group = cmp.Or(m.Config.ProcessGroup(), in.File.DefaultGroup())
		}
		live[group] = append(live[group], m)
	}
	groups := in.File.Groups()
	names := append(slices.Collect(maps.Keys(live)), groups...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		group := Group{Name: name, Fate: Same, Machines: machineIDs(live[name])}
		switch {
		case !slices.Contains(groups, name):
			group.Fate = Destroy
		case len(live[name]) == 0:
			group.Fate = Create
		default:
			if err := in.differences(&group, live[name]); err != nil {
				return Report{}, fmt.Errorf("group %q: %w", name, err)
			}
		}
		report.Groups = append(report.Groups, group)
	}
	return report, nil
}

func machineIDs(machines []Machine) []string {
	out := make([]string, len(machines))
	for i, m := range machines {
		out[i] = m.ID
	}
	return out
}

// differences compares the Machines of a group. Those with one configuration
// are compared once; those that differ alike become one entry.
func (in Input) differences(group *Group, machines []Machine) error {
	compared := make(map[string][]Field) // hash of what is compared, and whether it is behind → how it differs
	entry := make(map[string]int)        // fields, as text → index in group.Differences
	for _, m := range machines {
		live, err := stripDeployed(m.Config)
		if err != nil {
			return err
		}
		version := versionOf(m.Config)
		behind := in.Release != nil && 0 < version && version < in.Version
		hash := live.Hash() + strconv.FormatBool(behind)
		fields, done := compared[hash]
		if !done {
			var unreleased string
			if fields, unreleased, err = in.fields(group.Name, m.Config, live, behind); err != nil {
				return err
			}
			compared[hash], group.Unreleased = fields, cmp.Or(group.Unreleased, unreleased)
		}
		if len(fields) == 0 {
			continue
		}
		if behind {
			group.Behind = append(group.Behind, m.ID)
		}
		alike := fmt.Sprintf("%q", fields)
		at, seen := entry[alike]
		if !seen {
			at = len(group.Differences)
			entry[alike] = at
			group.Differences = append(group.Differences, Difference{Fields: fields})
		}
		group.Differences[at].Machines = append(group.Differences[at].Machines, m.ID)
	}
	if len(group.Differences) > 0 {
		group.Fate = Update
	}
	return nil
}

// versionOf returns the release that a Machine was last deployed with, 0 if it is not
// known.
func versionOf(config machine.Config) int {
	metadata, err := config.Metadata()
	if err != nil {
		return 0
	}
	version, err := strconv.Atoi(metadata[machine.MetadataReleaseVersion])
	if err != nil {
		return 0
	}
	return version
}

// fields compares one configuration: what of it is compared is live.
func (in Input) fields(group string, existing, live machine.Config, behind bool) (fields []Field,
	unreleased string, err error) {
	file, err := comparedConfig(in.File, group, existing)
	if err != nil {
		return nil, "", err
	}
	changes := machine.Diff(live, file)
	if len(changes) == 0 {
		return nil, "", nil
	}
	release, unreleased := in.released(group, existing)
	var edited map[string]bool
	if in.Base != nil {
		if base, err := comparedConfig(in.Base, group, existing); err == nil {
			edited = changedPaths(base, file)
		}
	}
	byHand, inFile := changedPaths(release, live), changedPaths(release, file)
	liveText, fileText, releaseText := valuesByPath(live), valuesByPath(file), valuesByPath(release)
	for _, c := range changes {
		field := Field{Path: c.Path, Live: liveText[c.Path], File: fileText[c.Path], Origin: Unknown}
		if unreleased == "" {
			field.Release = releaseText[c.Path]
			field.Origin = originSince(byHand[c.Path], inFile[c.Path], behind)
		}
		if edited[c.Path] {
			field.Origin = FromEdit
		}
		fields = append(fields, field)
	}
	return fields, unreleased, nil
}

// originSince returns the origin of a difference that was made after the release.
func originSince(live, file, behind bool) Origin {
	switch {
	case live && behind:
		return Behind
	case live && file:
		return FromBoth
	case live:
		return FromLive
	}
	return FromFile
}

// released returns what the last release made of the Machine, or why that is unknown.
func (in Input) released(group string, existing machine.Config) (release machine.Config, unreleased string) {
	switch {
	case in.Release == nil:
		return machine.Config{}, "there is no release to compare with"
	case !slices.Contains(in.Release.Groups(), group):
		return machine.Config{}, "the last release does not have the group"
	}
	release, err := comparedConfig(in.Release, group, existing)
	if err != nil {
		return machine.Config{}, fmt.Sprintf("the last release cannot be converted: %.200s", err.Error())
	}
	return release, ""
}

// comparedConfig returns what is compared of the configuration that a file gives a Machine.
func comparedConfig(file Converter, group string, existing machine.Config) (machine.Config, error) {
	config, err := convert.Apply(file, group, existing)
	if err != nil {
		return machine.Config{}, err
	}
	return stripDeployed(config)
}

// stripDeployed returns a configuration without what a deploy sets of its own accord.
func stripDeployed(config machine.Config) (machine.Config, error) {
	config, err := config.WithoutDeployed()
	if err != nil {
		return machine.Config{}, err
	}
	return config.WithoutFields("metadata",
		machine.MetadataPlatformVersion, machine.MetadataProcessGroup, "process_group", "fly_builder_id")
}

// changedPaths returns the paths at which two configurations differ.
func changedPaths(a, b machine.Config) map[string]bool {
	out := make(map[string]bool)
	for _, c := range machine.Diff(a, b) {
		out[c.Path] = true
	}
	return out
}

// valuesByPath returns all values of a configuration by path, secrets masked.
func valuesByPath(config machine.Config) map[string]string {
	out := make(map[string]string)
	for _, c := range machine.Diff(config, machine.Config{}) {
		out[c.Path] = c.Before
	}
	return out
}

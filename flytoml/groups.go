package flytoml

import (
	"maps"
	"slices"
	"sync"
)

// DefaultGroup is the only group of a file without [processes].
const DefaultGroup = "app"

// Definition returns the file as flyctl understands it. The error says, in
// flyctl's words, why flyctl could not decode it; then only App is set, and every
// conversion fails. Callers may change the result.
func (f *File) Definition() (*Definition, error) {
	if f.doc == nil {
		return f.define()
	}
	return define(f.doc)
}

// SharedDefinition returns the same as [File.Definition], but without copying:
// callers must not change it.
func (f *File) SharedDefinition() (*Definition, error) { return f.define() }

// Groups returns the process groups, sorted: the keys of [processes], or "app" if there are
// none.
func (f *File) Groups() []string { return f.def().Groups() }

// DefaultGroup returns the group of sections without processes: "app" if the file
// has that group, else the first group by name.
func (f *File) DefaultGroup() string { return f.def().DefaultGroup() }

// PrimaryRegion returns primary_region, empty if the file has none.
func (f *File) PrimaryRegion() string { return f.def().PrimaryRegion }

// ReleaseCommand returns the [deploy] section's release_command, empty if there is none.
func (f *File) ReleaseCommand() string {
	if f.def().Deploy == nil {
		return ""
	}
	return f.def().Deploy.ReleaseCommand
}

// HasService reports whether one of the given process groups has a service; no
// groups mean all. It also reports true if a group cannot be converted.
func (f *File) HasService(groups ...string) bool {
	if len(groups) == 0 {
		groups = f.Groups()
	}
	for _, group := range groups {
		if services, err := f.Services(group); err != nil || len(services) > 0 {
			return true
		}
	}
	return false
}

// Groups returns the process groups, sorted: see [File.Groups].
func (d *Definition) Groups() []string {
	if len(d.Processes) == 0 {
		return []string{DefaultGroup}
	}
	return slices.Sorted(maps.Keys(d.Processes))
}

// HasGroup reports whether the definition has a process group.
func (d *Definition) HasGroup(name string) bool {
	if len(d.Processes) == 0 {
		return name == DefaultGroup
	}
	_, ok := d.Processes[name]
	return ok
}

// DefaultGroup returns the group of sections without processes: see [File.DefaultGroup].
func (d *Definition) DefaultGroup() string {
	if d.HasGroup(DefaultGroup) {
		return DefaultGroup
	}
	first, found := "", false
	for name := range d.Processes {
		if !found || name < first {
			first, found = name, true
		}
	}
	return first
}

// flatten returns the part of the definition that applies to one group (flyctl's
// Config.Flatten). It shares memory with d, and leaves the sections' Processes as
// they are; nothing reads them afterwards.
//
// [env], [[statics]], stop settings and swap apply to every group. So do
// [[files]]: flyctl merges them before it looks at their processes.
func (d *Definition) flatten(group string) *Definition {
	// This runs for each section, and in a file with many groups for each group too.
	standard := sync.OnceValue(func() bool { return group == d.DefaultGroup() })
	belongs := func(processes []string) bool {
		return slices.Contains(processes, group) ||
			(len(processes) == 0 || slices.Contains(processes, "")) && standard()
	}

	out := *d
	out.Checks = make(map[string]*ToplevelCheck)
	for name, check := range d.Checks {
		if check != nil && belongs(check.Processes) {
			out.Checks[name] = check
		}
	}
	if d.HTTPService != nil && !belongs(d.HTTPService.Processes) {
		out.HTTPService = nil
	}
	out.Services = filter(d.Services, func(s Service) bool { return belongs(s.Processes) })
	out.Mounts = filter(d.Mounts, func(m Mount) bool { return belongs(m.Processes) })
	out.Metrics = filter(d.Metrics, func(m *Metrics) bool { return m != nil && belongs(m.Processes) })
	out.Restart = filter(d.Restart, func(r Restart) bool { return belongs(r.Processes) })

	out.VM = nil
	choice := d.VMChoice(func(name string) bool { return name == group })
	if i := choice.Of(group, standard); i >= 0 {
		out.VM = []*Compute{d.VM[i]}
		if guest := d.VM[i].MachineGuest; guest != nil && guest.HostDedicationID != "" {
			out.HostDedicationID = guest.HostDedicationID
		}
	}
	return &out
}

// VMChoice is the choice of a [[vm]] section for each group: the last section
// that names the group (flyctl's lo.MaxBy), else the first one that applies
// without naming it. Sections are given by their index.
type VMChoice struct {
	Named    map[string]int // by group: the last section that names it
	General  int            // the first section without processes, -1 if there is none
	standard int            // the first section for the default group that does not name it, -1 if there is none
}

// VMChoice makes the choice. Named has only the groups that are wanted.
func (d *Definition) VMChoice(wanted func(group string) bool) VMChoice {
	s := VMChoice{map[string]int{}, -1, -1}
	for i, vm := range d.VM {
		if vm == nil {
			continue
		}
		if s.General < 0 && len(vm.Processes) == 0 {
			s.General = i
		}
		if s.standard < 0 && (len(vm.Processes) == 0 || slices.Contains(vm.Processes, "")) {
			s.standard = i
		}
		for _, name := range vm.Processes {
			if wanted(name) {
				s.Named[name] = i
			}
		}
	}
	return s
}

// Of returns the index of a group's section, -1 if it has none. standard reports
// whether the group is the default group.
func (s VMChoice) Of(group string, standard func() bool) int {
	i, ok := s.Named[group]
	switch {
	case ok:
		return i
	case s.standard >= 0 && standard():
		return s.standard
	}
	return s.General
}

func filter[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, item := range all {
		if keep(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

// AllServices returns the services in the order in which flyctl sends them.
// http_service comes first, as a plain service.
func (d *Definition) AllServices() []Service {
	var all []Service
	if d.HTTPService != nil {
		all = append(all, d.HTTPService.Service())
	}
	return append(all, d.Services...)
}

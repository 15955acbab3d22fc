package flytoml

import (
	"maps"
	"slices"
	"sync"
)

// DefaultGroup is the group that a file without [processes] has.
const DefaultGroup = "app"

// Definition is the file as flyctl understands it. The error says, in flyctl's
// words, why flyctl could not decode it; every conversion fails then, and the
// Definition holds the app alone. The result is the caller's own.
func (f *File) Definition() (*Definition, error) {
	if f.doc == nil {
		return f.define()
	}
	return define(f.doc)
}

// SharedDefinition is [File.Definition] without the copy: callers must not
// change it.
func (f *File) SharedDefinition() (*Definition, error) { return f.define() }

// Groups are the process groups, sorted: the keys of [processes], or app.
func (f *File) Groups() []string { return f.def().Groups() }

// DefaultGroup is the group that sections without processes belong to: app if
// there is one, else the first by name.
func (f *File) DefaultGroup() string { return f.def().DefaultGroup() }

// PrimaryRegion is primary_region, empty if the file has none.
func (f *File) PrimaryRegion() string { return f.def().PrimaryRegion }

// ReleaseCommand is the [deploy] section's release_command, empty if none.
func (f *File) ReleaseCommand() string {
	if f.def().Deploy == nil {
		return ""
	}
	return f.def().Deploy.ReleaseCommand
}

// HasService reports whether one of the process groups has a service; any, if
// none is given. A group that cannot be converted is not called empty.
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

func (d *Definition) Groups() []string {
	if len(d.Processes) == 0 {
		return []string{DefaultGroup}
	}
	return slices.Sorted(maps.Keys(d.Processes))
}

// HasGroup tells whether the definition has a process group.
func (d *Definition) HasGroup(name string) bool {
	if len(d.Processes) == 0 {
		return name == DefaultGroup
	}
	_, ok := d.Processes[name]
	return ok
}

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

// flatten is what of the definition concerns one group (flyctl's
// Config.Flatten). The sections' processes stay as they are: nobody reads them
// any more. It shares memory with d.
//
// [env], [[statics]], stop settings and swap are every group's. So are
// [[files]]: flyctl merges them before it looks at their processes.
func (d *Definition) flatten(group string) *Definition {
	// Asked for each section, and in a file of many groups for each of them.
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

// VMChoice tells which [[vm]] section a group gets, by its index: the last of
// those that name the group (flyctl's lo.MaxBy), else the first that is for it
// without its name.
type VMChoice struct {
	Named    map[string]int // the last that names a group
	General  int            // the first without processes; -1 if there is none
	standard int            // the first for the default group, without its name; -1 if there is none
}

// VMChoice looks at the sections once. Of the names that they have it keeps
// those that are wanted.
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

// Of is the section of a group, -1 if it has none; standard tells whether the
// group is the default one.
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

// AllServices are the services in the order flyctl sends them: http_service
// first, as the service it stands for.
func (d *Definition) AllServices() []Service {
	var all []Service
	if d.HTTPService != nil {
		all = append(all, d.HTTPService.Service())
	}
	return append(all, d.Services...)
}

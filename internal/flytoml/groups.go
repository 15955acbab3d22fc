package flytoml

import (
	"maps"
	"slices"
	"sync"
)

// defaultGroup is the group that a file without [processes] has.
const defaultGroup = "app"

// Definition is the file as flyctl understands it. The error says, in flyctl's
// words, why flyctl could not decode it; every conversion fails then. The
// result is the caller's own.
func (f *File) Definition() (*Definition, error) {
	if f.shapeError() != nil {
		return nil, f.shapeError()
	}
	return f.def().clone(), nil
}

// Groups are the process groups, sorted: the keys of [processes], or app.
func (f *File) Groups() []string { return f.def().groups() }

// DefaultGroup is the group that sections without processes belong to: app if
// there is one, else the first by name.
func (f *File) DefaultGroup() string { return f.def().defaultGroup() }

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

func (d *Definition) groups() []string {
	if len(d.Processes) == 0 {
		return []string{defaultGroup}
	}
	return slices.Sorted(maps.Keys(d.Processes))
}

// hasGroup tells whether the definition has a process group.
func (d *Definition) hasGroup(name string) bool {
	if len(d.Processes) == 0 {
		return name == defaultGroup
	}
	_, ok := d.Processes[name]
	return ok
}

func (d *Definition) defaultGroup() string {
	if d.hasGroup(defaultGroup) {
		return defaultGroup
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
	standard := sync.OnceValue(func() bool { return group == d.defaultGroup() })
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

	// The first [[vm]] counts, unless later ones name the group: of these the
	// last does.
	out.VM = filter(d.VM, func(c *Compute) bool {
		return c != nil && (len(c.Processes) == 0 || belongs(c.Processes))
	})
	for _, c := range out.VM {
		if slices.Contains(c.Processes, group) {
			out.VM = []*Compute{c}
		}
	}
	if len(out.VM) > 0 {
		out.VM = out.VM[:1]
		if guest := out.VM[0].MachineGuest; guest != nil && guest.HostDedicationID != "" {
			out.HostDedicationID = guest.HostDedicationID
		}
	}
	return &out
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

// allServices are the services in the order flyctl sends them: http_service
// first, as the service it stands for.
func (d *Definition) allServices() []Service {
	var all []Service
	if d.HTTPService != nil {
		all = append(all, d.HTTPService.service())
	}
	return append(all, d.Services...)
}

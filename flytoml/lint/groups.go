package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
)

// list returns the sections under one or several names, in the order in which
// flyctl reads them. flyctl reads several names only in lower case.
func (l *linter) list(root spot, names ...string) []spot {
	var spots []spot
	for _, name := range names {
		s := l.under(root, name)
		if !s.read || len(names) > 1 && !strings.HasSuffix("."+s.path, "."+name) {
			continue
		}
		items, ok := s.value.([]any)
		if !ok {
			items = []any{s.value}
		}
		for i, item := range items {
			if table, ok := item.(map[string]any); ok && len(table) == 0 && s.path == "services" {
				continue // dropped
			}
			spots = append(spots, l.item(s, i))
		}
	}
	return spots
}

// nth returns the spot of the i-th section, or an empty spot if it is unknown.
func nth(spots []spot, i int) spot {
	if i < len(spots) {
		return spots[i]
	}
	return spot{}
}

// byName returns the items of a list of tables by name.
func (l *linter) byName(s spot) map[string]spot {
	items, _ := s.value.([]any)
	if len(items) == 0 {
		return nil
	}
	spots := make(map[string]spot, len(items))
	for i := range items {
		item := l.item(s, i)
		if table, ok := item.value.(map[string]any); ok && table["name"] != nil {
			spots[legacy.Text(table["name"])] = item
		}
	}
	return spots
}

// checks returns the top-level checks by name, from a table or a list.
func (l *linter) checks(root spot) map[string]spot {
	s := l.under(root, "checks")
	if spots := l.byName(s); spots != nil {
		return spots
	}
	table, _ := s.value.(map[string]any)
	spots := make(map[string]spot, len(table))
	for name := range table {
		spots[name] = l.step(s, layout.Join(s.path, name), table[name], true)
	}
	return spots
}

// members returns the groups that a section is for, whether they exist or not.
func (l *linter) members(processes []string) []string {
	if len(processes) == 0 {
		return []string{l.standard}
	}
	groups := slices.Clone(processes)
	for i, name := range groups {
		if name == "" {
			groups[i] = l.standard
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// effectiveVMs returns the index of the [[vm]] section that each group gets. It
// leaves out groups without one.
func (l *linter) effectiveVMs() map[string]int {
	choice := l.def.VMChoice(l.def.HasGroup)
	used := map[string]int{}
	for _, group := range l.def.Groups() {
		if i := choice.Of(group, func() bool { return group == l.standard }); i >= 0 {
			used[group] = i
		}
	}
	return used
}

// groupedSection is a section with its process groups.
type groupedSection struct {
	spot
	processes []string
}

// checkGroups looks for sections for groups that do not exist, and for sections
// that flyctl gives to an unexpected group by default.
func (l *linter) checkGroups(root spot) {
	d := l.def
	var services, restarts, mounts, vms, metrics, checks []groupedSection
	if d.HTTPService != nil {
		services = append(services, groupedSection{l.under(root, "http_service"), d.HTTPService.Processes})
	}
	spots := l.list(root, "services")
	for i, s := range d.Services {
		services = append(services, groupedSection{nth(spots, i), s.Processes})
	}
	spots = l.list(root, "restart")
	for i, s := range d.Restart {
		restarts = append(restarts, groupedSection{nth(spots, i), s.Processes})
	}
	spots = l.list(root, "mount", "mounts")
	for i, s := range d.Mounts {
		mounts = append(mounts, groupedSection{nth(spots, i), s.Processes})
	}
	computes := l.list(root, "compute", "computes", "vm")
	for i, s := range d.VM {
		if s != nil {
			vms = append(vms, groupedSection{nth(computes, i), s.Processes})
		}
	}
	spots = l.list(root, "metric", "metrics")
	for i, s := range d.Metrics {
		if s != nil {
			metrics = append(metrics, groupedSection{nth(spots, i), s.Processes})
		}
	}
	named := l.checks(root)
	for _, name := range slices.Sorted(maps.Keys(d.Checks)) {
		if check := d.Checks[name]; check != nil {
			checks = append(checks, groupedSection{named[name], check.Processes})
		}
	}
	for _, s := range services {
		if len(s.processes) == 0 && len(d.Processes) > 0 {
			l.error(FindingInvalid, s.spot, message{
				fmt.Sprintf("the service lists no process group, but the file has %d", len(d.Processes)),
				"if a file has [processes], flyctl refuses a service that does not list its groups, even if there is only one",
				`add processes = [` + excerpt.QuoteDouble(l.standard) + `], or list the groups it is for`})
		}
	}
	for _, sections := range [][]groupedSection{services, restarts} {
		l.reportUnknownGroups(sections, true)
	}
	for _, sections := range [][]groupedSection{mounts, vms, metrics, checks} {
		l.reportUnknownGroups(sections, false)
	}
	if _, ok := d.Processes[flytoml.DefaultGroup]; len(d.Processes) > 1 && !ok {
		for _, sections := range [][]groupedSection{mounts, metrics, checks, restarts} {
			l.reportUngrouped(sections)
		}
	}
	l.reportSeveral(mounts, FindingMounts, "a Machine gets only the first one",
		"flyctl deploys one volume per Machine, and silently drops the others")
	l.reportSeveral(metrics, FindingSeveralSections, "only the first one counts",
		"Fly reads a Machine's metrics from one place: flyctl uses the first section for the group")
	l.reportSeveral(restarts, FindingSeveralSections, "only the last one counts",
		"a Machine has one restart policy: each section replaces the one before it, retries included")
	l.reportSeveralVMs(computes)
}

// reportUnknownGroups reports groups that are not in [processes].
func (l *linter) reportUnknownGroups(sections []groupedSection, refused bool) {
	for _, s := range sections {
		for _, name := range s.processes {
			if l.def.HasGroup(name) || name == "" && !refused {
				continue
			}
			n := message{
				fmt.Sprintf("there is no process group %s: the section has no effect for it", excerpt.Quote(name)),
				"flyctl checks group names only in services and [[restart]]; elsewhere it silently ignores unknown ones",
				"use one of the groups in [processes]"}
			at := l.under(s.spot, "processes")
			if !refused {
				l.warn(FindingUnknownGroup, at, n)
				continue
			}
			n.what = fmt.Sprintf("there is no process group %s: flyctl refuses the file", excerpt.Quote(name))
			n.why = "services and [[restart]] may name only groups in [processes]; without [processes], the only group is app"
			l.error(FindingUnknownGroup, at, n)
		}
	}
}

func (l *linter) reportUngrouped(sections []groupedSection) {
	for _, s := range sections {
		if len(s.processes) == 0 {
			l.warn(FindingDefaultGroup, s.spot, message{
				fmt.Sprintf("the section lists no process group, so only %s gets it", excerpt.Quote(l.standard)),
				"such a section goes to the group app or, if there is none, to the first group by name",
				"list the groups it is for in processes = [...]"})
		}
	}
}

// reportSeveral reports the sections of a group after its first.
func (l *linter) reportSeveral(sections []groupedSection, code, counts, why string) {
	if len(sections) < 2 {
		return
	}
	first := map[string]bool{}
	for _, s := range sections {
		for _, group := range l.members(s.processes) {
			if first[group] && l.def.HasGroup(group) {
				l.warn(code, s.spot, message{
					fmt.Sprintf("the group %s already has such a section, and %s", excerpt.Quote(group), counts), why,
					"keep one section for each group"})
				break
			}
			first[group] = true
		}
	}
}

// reportSeveralVMs reports [[vm]] sections that another one overrides.
func (l *linter) reportSeveralVMs(spots []spot) {
	choice := l.def.VMChoice(l.def.HasGroup)
	for i, vm := range l.def.VM {
		if vm == nil {
			continue
		}
		what := ""
		if len(vm.Processes) == 0 && choice.General != i {
			what = "an earlier [[vm]] is for all groups, and only the first one counts"
		}
		for _, group := range vm.Processes {
			if last, ok := choice.Named[group]; ok && last != i {
				what = fmt.Sprintf("a later [[vm]] is for the group %s, and only the last one counts", excerpt.Quote(group))
			}
		}
		if what != "" {
			l.warn(FindingSeveralSections, nth(spots, i), message{
				what,
				"for each group, flyctl uses the last [[vm]] that names it or, if none does, the first [[vm]] that names no group",
				"keep one section for each group",
			})
		}
	}
}

package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// checkGuests checks the Machine sizes that a deploy asks for: those of the groups,
// and that of the release command.
func (l *linter) checkGuests(root spot) {
	vms := l.list(root, "compute", "computes", "vm")
	seen := map[int]bool{}
	for _, i := range l.effectiveVMs() {
		if !seen[i] {
			seen[i] = true
			guest, err := (&flytoml.Definition{VM: l.def.VM[i : i+1]}).Guest()
			if err == nil && guest != nil { // else it is told elsewhere
				l.checkGuest(nth(vms, i), *guest)
			}
		}
	}
	deploy := l.def.Deploy
	if deploy == nil || deploy.ReleaseCommandCompute == nil {
		return
	}
	at := l.under(l.under(root, "deploy"), "release_command_vm")
	guest, err := (&flytoml.Definition{VM: []*flytoml.Compute{deploy.ReleaseCommandCompute}}).Guest()
	switch {
	case err != nil && deploy.ReleaseCommand == "" && deploy.SeedCommand == "": // nothing runs on it
	case err != nil:
		l.reportNoSize(at, err,
			"`fly config validate` does not check this; flyctl crashes when it runs the release command, after it "+
				"has created the release")
	case guest != nil:
		l.checkGuest(at, *guest)
	}
}

// reportNoSize reports a table that is not a valid size.
func (l *linter) reportNoSize(at spot, err error, why string) {
	key := "size"
	if strings.HasPrefix(err.Error(), "invalid size") || strings.HasPrefix(err.Error(), "memory") {
		key = "memory"
	}
	value := l.under(at, key)
	finding := l.error(FindingUnconvertible, value, message{
		"there is no such Machine size: " + excerpt.Line(err.Error()),
		why,
		"use a size from `fly platform vm-sizes`",
	})
	if key == "size" {
		finding.Edit = l.spelling(value, slices.Sorted(maps.Keys(flytoml.MachineSizes()))...)
	}
}

// checkGuest looks at one size by the rules of `fly machine update`, which are Fly's:
// each CPU kind allows certain numbers of CPUs, and a range of memory per CPU in
// steps. It skips sizes with a GPU, which have other rules.
func (l *linter) checkGuest(at spot, g machine.Guest) {
	const why = "Fly has no such Machine, and flyctl does not check: a deploy fails when it creates or updates " +
		"the first one"
	if g.GPUKind != "" || g.GPUs > 0 {
		return
	}
	cpus, step, least, most := []int{1, 2, 4, 6, 8}, 256, 256, 2048
	switch g.CPUKind {
	case "shared":
	case "performance":
		cpus, step, least, most = []int{1, 2, 4, 6, 8, 10, 12, 14, 16, 32, 64, 128}, 1024, 2048, 8192
	default:
		kind := l.under(at, "cpu_kind")
		finding := l.error(FindingGuestSize, kind, message{
			fmt.Sprintf("there is no CPU kind %s", excerpt.Quote(g.CPUKind)),
			why,
			`write "shared" or "performance"`,
		})
		finding.Edit = l.spelling(kind, "shared", "performance")
		return
	}
	if !slices.Contains(cpus, g.CPUs) {
		l.error(FindingGuestSize, l.under(at, "cpus"), message{
			fmt.Sprintf("no Machine has %d %s CPUs", g.CPUs, g.CPUKind), why, "use one of " +
				strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ", "), "[]")})
		return
	}
	memory := l.under(at, "memory_mb")
	if !memory.read {
		memory = l.under(at, "memory")
	}
	what := fmt.Sprintf("no Machine with %d %s CPUs has %d MB of memory", g.CPUs, g.CPUKind, g.MemoryMB)
	least, most = least*g.CPUs, most*g.CPUs
	switch {
	case g.MemoryMB < least || g.MemoryMB > most:
		l.error(FindingGuestSize, memory, message{
			what,
			why,
			fmt.Sprintf("use %d to %d MB with these CPUs, in steps of %d MB", least, most, step),
		})
	case g.MemoryMB%step != 0:
		below := g.MemoryMB - g.MemoryMB%step
		l.error(FindingGuestSize, memory, message{
			what,
			why,
			fmt.Sprintf("use a multiple of %d MB: %d or %d", step, max(below, least), min(below+step, most)),
		})
	}
}

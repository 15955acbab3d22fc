package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Machines that were made through the Machines API, or by fly machine run, carry
// no fly_platform_version: deploy and fly deploy leave them alone. With adopt they
// are members of a group of the file and updated in place, with the image they
// run; from then on every deploy updates them. A Machine's group is the one its
// metadata names. One that names none is of the file's group if there is only one.

// GroupUnknown is the blocker of a Machine that may be of several groups.
const GroupUnknown = "group_unknown"

// adopts decides about a Machine that fly deploy did not make: the group it is to
// be of, or why it is left alone.
func (d *deployment) adopts(m fly.Machine) (group, why string) {
	groups, named := d.file.Groups(), m.Config.ProcessGroup()
	switch {
	case m.Config.OneCommand():
		return "", "made for a single command"
	case RunsTask(m):
		return "", "not made by fly deploy; made for a single task (a schedule, or auto_destroy)"
	case named != "" && !slices.Contains(groups, named):
		return "", fmt.Sprintf("not made by fly deploy, and its group %s is not in the file", plan.Quote(named))
	case !d.in.Adopt:
		d.detached = append(d.detached, m.ID)
		return "", "not made by fly deploy; adopt: true updates it in place, as a member of the file's group"
	case named == "" && len(groups) > 1:
		d.groupless = append(d.groupless, m.ID)
		return "", "not made by fly deploy, and it names no group"
	}
	group = cmp.Or(named, groups[0])
	if d.adopted == nil {
		d.adopted = make(map[string][]string)
	}
	d.adopted[group] = append(d.adopted[group], m.ID)
	return group, ""
}

// RunsTask reports whether a Machine runs a task and is not there to serve.
func RunsTask(m fly.Machine) bool {
	schedule := strings.Trim(string(m.Config.Raw("schedule")), `"`)
	return m.Config.AutoDestroy() || schedule != "" && schedule != "null"
}

// labeled is a configuration with the labels that make a Machine one of fly
// deploy's, from the whole file's.
func labeled(config, from machine.Config) (machine.Config, error) {
	metadata := make(map[string]json.RawMessage)
	if raw := config.Raw("metadata"); raw != nil {
		if err := json.Unmarshal(raw, &metadata); err != nil {
			return machine.Config{}, err
		}
	}
	if metadata == nil { // it was null
		metadata = make(map[string]json.RawMessage)
	}
	for _, key := range []string{machine.MetadataPlatformVersion, machine.MetadataProcessGroup} {
		value, err := json.Marshal(from.Label(key))
		if err != nil {
			return machine.Config{}, err
		}
		metadata[key] = value
	}
	return config.With("metadata", metadata)
}

// checkAdopt says what adopt does, and refuses what it cannot do.
func (d *deployment) checkAdopt() {
	for _, group := range slices.Sorted(maps.Keys(d.adopted)) {
		ids := d.adopted[group]
		d.remark("adopted: %s (%s), not made by fly deploy, now in group %s: every later deploy updates them, and fly deploy of a file without the group destroys them", plan.Machines(len(ids)), plan.Few(ids), plan.Quote(group))
	}
	if len(d.groupless) > 0 {
		d.block(plan.Blocker{
			ID:   GroupUnknown,
			What: fmt.Sprintf("%s (%s) has no process group in its metadata, and the file has %s: its group is unknown", plan.Machines(len(d.groupless)), plan.Few(d.groupless), plan.Few(d.file.Groups())),
			Fix:  fmt.Sprintf("fly machine update %s -a %s --metadata fly_process_group=GROUP (ask the person which; it restarts the Machine), or deploy without adopt", d.groupless[0], d.in.App),
		})
	}
	if len(d.adopted) > 0 && d.settings.strategy == rollout.BlueGreen {
		d.block(plan.Blocker{ID: StrategyNotPossible, What: "bluegreen replaces Machines, but adopt updates Machines in place", Fix: "use another strategy, such as rolling, or omit adopt"})
	}
}

// adoptFacts are what of adopt a person is shown, and approves.
func (d *deployment) adoptFacts(p *plan.Plan) {
	for group, ids := range d.adopted {
		p.Fact(plan.FactAdopted+group, strings.Join(ids, ","))
	}
}

// adoptNext is the same call with adopt, for the Machines that were left alone
// because they were not made by fly deploy.
func (d *deployment) adoptNext() []plan.Next {
	if len(d.detached) == 0 {
		return nil
	}
	return []plan.Next{{
		Who: "agent", Tool: Tool, Arguments: &plan.Arguments{App: d.in.App, Draft: d.in.Draft, Path: d.in.Path, Adopt: true},
		Why: fmt.Sprintf("updates %s (%s) in place, which fly deploy did not make; asks a person. If you sent content, send it again", plan.Machines(len(d.detached)), plan.Few(d.detached)),
	}}
}

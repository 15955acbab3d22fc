package target

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Machines that were made through the Machines API, or by fly machine run, carry no
// fly_platform_version: deploy and fly deploy leave them alone. With adopt they become
// members of a group of the file and are updated in place, with the image they run; from
// then on every deploy updates them. A Machine's group is the one its metadata names, else
// the file's group if there is only one.

// adopt decides about a Machine that fly deploy did not make.
func (c *computation) adopt(ctx context.Context, m fly.Machine) (decision, error) {
	groups, name := c.File.Groups(), m.Config.ProcessGroup()
	switch {
	case m.Config.IsOneCommand():
		return decision{fate: left, why: "made for a single command"}, nil
	case m.Config.RunsTask():
		return decision{fate: left, why: "not made by fly deploy; made for a single task (a schedule, or auto_destroy)"}, nil
	case name != "" && !slices.Contains(groups, name):
		return decision{fate: left, why: fmt.Sprintf("not made by fly deploy, and its group %s is not in the file",
			plan.Quote(name))}, nil
	case !c.Adopt:
		return decision{fate: detached, why: "not made by fly deploy; adopt: true updates it in place, as a " +
			"member of the file's group"}, nil
	case name == "" && len(groups) > 1:
		return decision{fate: groupless, why: "not made by fly deploy, and it names no group"}, nil
	}
	d, err := c.update(ctx, cmp.Or(name, groups[0]), m)
	d.adopted = true
	return d, err
}

// checkAdopt says what adopt does, and refuses what it cannot do: the undecided Machines may
// be of several groups.
func (c *computation) checkAdopt(out *Targets, undecided []string) {
	for _, group := range slices.Sorted(maps.Keys(out.Adopted)) {
		ids := out.Adopted[group]
		out.Remark("adopted: %s (%s), not made by fly deploy, now in group %s: every later deploy updates "+
			"them, and fly deploy of a file without the group destroys them",
			plan.Machines(len(ids)), plan.Few(ids), plan.Quote(group))
	}
	if len(undecided) > 0 {
		out.Block(plan.Blocker{
			ID: GroupUnknown,
			What: fmt.Sprintf("%s (%s) has no process group in its metadata, and the file has %s: its group is unknown",
				plan.Machines(len(undecided)), plan.Few(undecided), plan.Few(c.File.Groups())),
			Fix: fmt.Sprintf("fly machine update %s -a %s --metadata fly_process_group=GROUP (ask the person "+
				"which; it restarts the Machine), or deploy without adopt", undecided[0], c.App),
		})
	}
	if len(out.Adopted) > 0 && c.Strategy == rollout.BlueGreen {
		out.Block(plan.Blocker{
			ID: StrategyNotPossible, What: "bluegreen replaces Machines, but adopt updates Machines in place",
			Fix: "use another strategy, such as rolling, or omit adopt",
		})
	}
}

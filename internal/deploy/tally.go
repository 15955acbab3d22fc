package deploy

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// leavesAsPlanned reports whether a Machine was to be destroyed by the strategy, and is.
func leavesAsPlanned(m rollout.Outcome) bool {
	switch m.Role {
	case rollout.RoleCanary, rollout.RoleLeftover:
		return m.Err == nil && (m.State == rollout.Removed || m.State == rollout.Replaced)
	}
	return m.State == rollout.Replaced
}

// outcomes counts what became of the Machines. Each one that is there now is in
// exactly one of updated, created, same, putBack, failed, unclear, broken and
// notStarted.
type outcomes struct {
	healthy, unproven int // of those that passed
	started           int // of healthy: they have no check to pass
	updated, created  int // passed, and existed before or not
	same              int // passed, and were only tested
	failed, unclear   int
	putBack, removed  int
	broken            int
	unnamed           int // of broken: it is unknown whether they exist
	notStarted        int // existed before and are as they were: refused, or not their turn
	added, gone       int // exist now and did not before, whether they work or not; and the other way round
	canaries          int // extra ones, destroyed as planned
	destroyed         int // existed before, destroyed as planned
	of                int // that were to have the configuration
}

func countOutcomes(report rollout.Report) outcomes {
	var t outcomes
	for _, m := range report.Machines {
		t.add(m)
	}
	return t
}

func (t *outcomes) add(m rollout.Outcome) {
	switch m.Role {
	case "", rollout.RoleGreen:
		t.of++
	}
	there := m.State != rollout.Removed && m.State != rollout.Replaced
	switch {
	case m.Created && there:
		t.added++
	case !m.Created && !there:
		t.gone++
	}
	switch leaving := leavesAsPlanned(m); {
	case leaving && m.Created:
		t.canaries++
		return
	case leaving:
		t.destroyed++
		return
	}
	switch m.State {
	case rollout.Healthy, rollout.Unproven:
		t.pass(m)
	case rollout.Failed:
		t.failed++
	case rollout.PutBack:
		t.putBack++
	case rollout.Removed:
		t.removed++
	case rollout.Unclear:
		t.unclear++
	case rollout.Broken:
		t.broken++
		if m.ID == "" {
			t.unnamed++
		}
	case rollout.Unchanged, rollout.NotStarted:
		if m.ID != "" {
			t.notStarted++
		}
	}
}

// pass counts a Machine that has the new configuration, as far as was seen.
func (t *outcomes) pass(m rollout.Outcome) {
	if m.State == rollout.Healthy {
		t.healthy++
		if m.Checks == 0 {
			t.started++
		}
	} else {
		t.unproven++
	}
	switch {
	case m.Created:
		t.created++
	case m.Same:
		t.same++
	default:
		t.updated++
	}
}

// passed counts the Machines that have the new configuration, as far as was seen.
func (t outcomes) passed() int { return t.healthy + t.unproven }

// failedStatus returns the status of a deploy that failed: partial if some Machine has the new
// configuration, or more of them may have it.
func (t outcomes) failedStatus(more int) plan.Status {
	if t.passed()+more > 0 {
		return plan.Partial
	}
	return plan.Failed
}

// counts returns the app's Machines after the deploy, from those that the plan counted.
func (t outcomes) counts(planned Counts) *Counts {
	return &Counts{
		Total: planned.Total + t.added - t.gone, Updated: t.updated, Created: t.created,
		Unchanged: planned.Unchanged + t.same, Left: planned.Left,
		Healthy: t.healthy - t.started, Started: t.started, Unproven: t.unproven,
		Failed: t.failed, PutBack: t.putBack, NotStarted: t.notStarted, Unclear: t.unclear + t.broken - t.unnamed,
	}
}

// sentence returns a sentence with the counts that are not zero.
func (t outcomes) sentence() string {
	parts := []string{fmt.Sprintf("%d of %d updated", t.updated, t.of)}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.created, "created"}, {t.same, "only tested"},
		{t.putBack, "put back"}, {t.destroyed, "destroyed as planned"}, {t.removed, "created and removed again"},
		{t.failed, "failed but left with the new configuration"}, {t.unclear, "with an unknown configuration"},
		{t.broken, "needing a person"},
		{t.notStarted, "as before"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ") + "."
}

package deploy

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
)

// leaves reports whether a Machine was to be destroyed by the strategy, and is.
func leaves(m rollout.Outcome) bool {
	switch m.Role {
	case rollout.RoleCanary, rollout.RoleLeftover:
		return m.Err == nil && (m.State == rollout.Removed || m.State == rollout.Replaced)
	}
	return m.State == rollout.Replaced
}

// instead are the ids of the green Machines by those of their blue ones.
func instead(result rollout.Report) map[string]string {
	greens := make(map[string]string)
	for _, m := range result.Machines {
		if m.For != "" {
			greens[m.For] = m.ID
		}
	}
	return greens
}

// tally counts what became of the Machines. Each one that is there now is in
// exactly one of updated, created, same, putBack, failed, unclear, broken and
// notStarted.
type tally struct {
	healthy, unproven, failed, unclear, putBack, removed, broken int
	updated, created                                             int // came through: were there before, or not
	same                                                         int // came through, and were only proved
	notStarted                                                   int // were there before and are as they were: refused, or not their turn
	unnamed                                                      int // of broken: nobody knows whether they are there
	added, gone                                                  int // are there and were not before, whether they work or not; and the other way round
	canaries, destroyed                                          int // went as planned: extra ones, and those that were there before
	of                                                           int // that were to have it
}

func tallyOf(result rollout.Report) tally {
	var t tally
	for _, m := range result.Machines {
		t.add(m)
	}
	return t
}

func (t *tally) add(m rollout.Outcome) {
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
	switch leaving := leaves(m); {
	case leaving && m.Created:
		t.canaries++
		return
	case leaving:
		t.destroyed++
		return
	}
	switch m.State {
	case rollout.Healthy, rollout.Unproven:
		t.through(m)
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

// through counts a Machine that came through.
func (t *tally) through(m rollout.Outcome) {
	if m.State == rollout.Healthy {
		t.healthy++
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

// changed counts the Machines that came through.
func (t tally) changed() int { return t.healthy + t.unproven }

func (t tally) sentence() string {
	parts := []string{fmt.Sprintf("%d of %d updated", t.updated, t.of)}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.created, "created"}, {t.same, "only tested"},
		{t.putBack, "put back"}, {t.destroyed, "destroyed as planned"}, {t.removed, "created and removed again"},
		{t.failed, "failed but left with the new configuration"}, {t.unclear, "with an unknown configuration"}, {t.broken, "needing a person"},
		{t.notStarted, "as before"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ") + "."
}

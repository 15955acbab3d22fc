package tools

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
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

// tally counts what became of the Machines.
type tally struct {
	healthy, unproven, failed, unclear, putBack, removed, broken int
	updated, created                                             int // came through: were there before, or not
	added                                                        int // are there now and were not before, whether they work or not
	canaries, destroyed                                          int // went as planned: extra ones, and those that were there before
	of                                                           int // that were to have it
}

func tallyOf(result rollout.Report) tally {
	var t tally
	for _, m := range result.Machines {
		switch m.Role {
		case "", rollout.RoleGreen:
			t.of++
		}
		switch leaving := leaves(m); {
		case leaving && m.Created:
			t.canaries++
		case leaving:
			t.destroyed++
		}
		switch m.State {
		case rollout.Healthy:
			t.healthy++
		case rollout.Unproven:
			t.unproven++
		case rollout.Failed:
			t.failed++
		case rollout.PutBack:
			t.putBack++
		case rollout.Removed:
			if !leaves(m) {
				t.removed++
			}
		case rollout.Unclear:
			t.unclear++
		case rollout.Broken:
			t.broken++
		}
		through := m.State == rollout.Healthy || m.State == rollout.Unproven
		switch {
		case m.Created && (through || m.State == rollout.Failed || m.State == rollout.Broken):
			t.added++
			if through {
				t.created++
			}
		case through && !m.Same:
			t.updated++
		}
	}
	return t
}

// changed counts the Machines that came through.
func (t tally) changed() int { return t.healthy + t.unproven }

func (t tally) sentence() string {
	parts := []string{fmt.Sprintf("%d of %d updated", t.updated, t.of)}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.created, "created"}, {t.changed() - t.updated - t.created, "only proved"},
		{t.putBack, "put back"}, {t.destroyed, "destroyed as planned"}, {t.removed, "created and removed again"},
		{t.failed, "left with the new configuration although it failed"}, {t.unclear, "of which nobody knows what they have"}, {t.broken, "in need of a person"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ") + "."
}

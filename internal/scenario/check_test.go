package scenario

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

type args = map[string]any

// wantStatus fails unless an answer has a status.
func (a answer) wantStatus(t *testing.T, want plan.Status) answer {
	t.Helper()
	if a.Status != want {
		t.Errorf("status %s (%s), want %s:\n%s", a.Status, a.Code, want, a.text)
	}
	return a
}

// wantText fails unless the text of an answer has all of these.
func (a answer) wantText(t *testing.T, want ...string) answer {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(a.text, w) {
			t.Errorf("the answer does not say %q:\n%s", w, a.text)
		}
	}
	return a
}

// wantBlocker fails unless an answer names a blocker.
func (a answer) wantBlocker(t *testing.T, id string) answer {
	t.Helper()
	if !slices.ContainsFunc(a.Blockers, func(b plan.Blocker) bool { return b.ID == id }) {
		t.Errorf("blockers %v, want %s", a.Blockers, id)
	}
	return a
}

// wantWrites fails unless these are the writing operations of the journey.
func (w *world) wantWrites(want map[string]int) {
	w.t.Helper()
	got := w.operations()
	for operation, n := range want {
		if got[operation] != n {
			w.t.Errorf("%d times %s, want %d", got[operation], operation, n)
		}
	}
}

// wantNoWrite fails if anything was written.
func (w *world) wantNoWrite() {
	w.t.Helper()
	if got := w.operations(); len(got) > 0 {
		w.t.Errorf("writes %v, want none", got)
	}
}

// wantPublic fails unless the app has public addresses of these kinds.
func (w *world) wantPublic(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.publicAddresses(w.app); !slices.Equal(got, want) {
		w.t.Errorf("public addresses %v, want %v", got, want)
	}
}

// wantPrivate fails unless the app is private and answers over Flycast.
func (w *world) wantPrivate() {
	w.t.Helper()
	if !w.isPrivate(w.app) {
		w.t.Errorf("%s is not private and ready for Flycast: public addresses %v", w.app, w.publicAddresses(w.app))
	}
}

// wantOrder fails unless the first calls of these operations came in this order.
func (w *world) wantOrder(operations ...string) {
	w.t.Helper()
	var seen []string
	for _, c := range w.CallsAfter(w.from) {
		name := c.Operation
		if name == "graphql.allocateIpAddress" {
			name += " " + c.Target
		}
		if slices.Contains(operations, name) && !slices.Contains(seen, name) {
			seen = append(seen, name)
		}
	}
	if !slices.Equal(seen, operations) {
		w.t.Errorf("order %v, want %v", seen, operations)
	}
}

// verdict returns the verdict of a claim; empty if the answer does not have it.
func (a answer) verdict(claim string) string {
	for _, c := range a.Claims {
		if c.Claim == claim {
			return c.Verdict
		}
	}
	return ""
}

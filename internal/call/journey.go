package call

import (
	"fmt"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// journeyLife is how long a server remembers what it did to an app, and what a person declined.
const journeyLife = time.Hour

// journeys remembers what this process did to each app, for the answers to later calls.
type journeys struct {
	mu   sync.Mutex
	apps map[string]journey
}

// journey is what was done to one app.
type journey struct {
	at       time.Time // of the latest event
	left     []string  // what was done that a decline leaves behind, with its undo
	declined string    // the tool whose plan a person declined last; empty if none
	when     time.Time // of the decline
}

// get returns the journey of an app; the zero value if there is none, or if it is over.
func (j *journeys) get(app string, now time.Time) journey {
	j.mu.Lock()
	defer j.mu.Unlock()
	one, ok := j.apps[app]
	if !ok || now.Sub(one.at) > journeyLife {
		return journey{}
	}
	return one
}

// update changes the journey of an app.
func (j *journeys) update(app string, now time.Time, change func(*journey)) {
	one := j.get(app, now)
	change(&one)
	one.at = now
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.apps == nil {
		j.apps = make(map[string]journey)
	}
	j.apps[app] = one
}

// noteDone remembers what a run left that a person may want undone.
func (h *Handler) noteDone(spec Spec, r *plan.Result) {
	if r.Status != plan.Applied || spec.Effect != Additive && spec.Effect != Local || len(r.Undo) == 0 {
		return
	}
	line := plan.Line(r.Summary)
	for _, undo := range r.Undo {
		line += " Undo: " + plan.Line(undo)
	}
	h.journeys.update(r.App, h.Clock.Now(), func(j *journey) { j.left = append(j.left, line) })
}

// noteDeclined remembers that a person declined a plan, and returns what earlier calls left behind.
func (h *Handler) noteDeclined(tool, app string) (left []string) {
	now := h.Clock.Now()
	h.journeys.update(app, now, func(j *journey) {
		j.declined, j.when = tool, now
		left = j.left
	})
	return plan.Shortened(left)
}

// Declined says which plan of an app a person declined within the last hour; empty if none.
func (h *Handler) Declined(app string) string {
	now := h.Clock.Now()
	j := h.journeys.get(app, now)
	if j.declined == "" {
		return ""
	}
	return fmt.Sprintf("a person declined %s %d minutes ago: do not ask again unless the person wants that", j.declined,
		int(now.Sub(j.when).Minutes()))
}

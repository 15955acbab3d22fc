package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

func TestWidth(t *testing.T) {
	tests := []struct {
		share float64
		n     int
		want  int
	}{
		{0, 10, 4}, {0.33, 10, 4}, {0.33, 1, 1}, {0.33, 3, 1}, {0.33, 4, 2}, {0.5, 5, 3}, {0.01, 100, 1},
		{0.999, 10, 10}, {1, 10, 1}, {3, 10, 3}, {30, 10, 10}, {1e300, 10, 10}, {2.7, 10, 2}, {0.33, 0, 1},
	}
	for _, test := range tests {
		if got := (Work{MaxUnavailable: test.share}).width(test.n); got != test.want {
			t.Errorf("%v of %d: got %d, want %d", test.share, test.n, got, test.want)
		}
	}
}

// TestOrder: new Machines first, then each group's running ones beside those that
// do not run.
func TestOrder(t *testing.T) {
	change := func(group, id, state string) Change {
		return Change{Group: group, Before: fly.Machine{ID: id, State: state}}
	}
	w := Work{
		Strategy: Rolling, MaxUnavailable: 0.5,
		Updates: []Change{
			change("web", "5", "started"), change("web", "2", "stopped"), change("web", "4", "started"),
			change("web", "3", "started"), change("app", "1", "suspended"),
		},
		Creates: []Create{{Group: "worker", Region: "iad"}, {Group: "cron", Region: "iad"}},
	}
	text := func(stages [][]Pool) string {
		var b strings.Builder
		for _, stage := range stages {
			for _, p := range stage {
				fmt.Fprintf(&b, "[%s running=%t create=%t alone=%t %q %d]", p.Group, p.Running, p.Create, p.Alone,
					p.Machines, p.Width)
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	want := `[cron running=false create=true alone=true [""] 8][worker running=false create=true alone=true [""] 8]
[app running=false create=false alone=true ["1"] 30][web running=true create=false alone=true ["3" "4" "5"] 2][web running=false create=false alone=true ["2"] 30]
`
	if got := text(w.Order()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w.Strategy, w.Creates = Immediate, nil
	want = `[ running=false create=false alone=false ["1" "3" "4" "5" "2"] 8]
`
	if got := text(w.Order()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := text(Work{Strategy: Rolling}.Order()); got != "" {
		t.Errorf("of nothing: got %s", got)
	}
}

// TestRolling: what the platform saw. Groups go side by side, in each the first
// alone, then no more than allowed at once.
func TestRolling(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: 3 * time.Second, CheckDelay: 2 * time.Second, RateLimits: true},
			fleetGroup{name: "api", running: 7, checks: true},
			fleetGroup{name: "web", running: 4, stopped: 5, checks: true},
			fleetGroup{name: "work", running: 3, worker: true})
		b.Inject(flysim.Fault{Operation: "machine.update", Times: -1, Delay: time.Second})
		w := b.upgrade()
		w.MaxUnavailable = 0.33
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 14, Unproven: 5})
		b.noLeases()
		spans := b.spans(w)
		for group, want := range map[string]int{"api": 3, "work": 1} {
			if got := widestOverlap(only(spans, group)); got != want {
				t.Errorf("group %s: %d at once, want %d", group, got, want)
			}
		}
		launched := make(map[string]bool)
		for _, m := range report.Machines {
			launched[m.ID] = m.Launched
		}
		cold := slices.DeleteFunc(only(spans, "web"), func(s span) bool { return launched[s.id] })
		warm := slices.DeleteFunc(only(spans, "web"), func(s span) bool { return !launched[s.id] })
		if n := widestOverlap(warm); n != 2 {
			t.Errorf("web: %d running ones at once", n)
		}
		if n := widestOverlap(cold); n != 4 { // but for the first, all of them
			t.Errorf("web: %d stopped ones at once", n)
		}
		for name, lane := range map[string][]span{"api": only(spans, "api"), "web": warm, "web, stopped": cold,
			"work": only(spans, "work")} {
			for _, later := range lane[1:] {
				if later.begin < lane[0].end {
					t.Errorf("%s: Machine %s began before the first was proved", name, later.id)
				}
			}
		}
		if only(spans, "api")[0].begin > only(spans, "work")[0].end || only(spans, "work")[0].begin > only(spans,
			"api")[0].end {
			t.Error("the groups did not go side by side")
		}
		for _, c := range b.Calls() {
			if c.Status/100 != 2 && c.Operation != "machine.wait" {
				t.Errorf("%s was answered with %d", c.Operation, c.Status)
			}
		}
		var ids, sorted []string
		for i, m := range report.Machines {
			ids, sorted = append(ids, m.ID), append(sorted, w.sortedUpdates()[i].Before.ID)
		}
		if !slices.Equal(ids, sorted) {
			t.Errorf("got %q, want %q", ids, sorted)
		}
	})
}

// TestImmediate: all are updated, eight at once, before any is proved.
func TestImmediate(t *testing.T) {
	bubble(t, "healthy", func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: 3 * time.Second}, fleetGroup{name: "api", running: 20,
			stopped: 2, checks: true, autostop: true})
		for i := range 20 { // an update takes its time
			b.Inject(flysim.Fault{Operation: "machine.update", Target: b.MachineIDs(fleet)[i], Delay: time.Second})
		}
		w := b.upgrade()
		w.Strategy, w.Wake = Immediate, true
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 22})
		b.noLeases()
		if n := widestOverlap(b.spans(w)); n != 8 {
			t.Errorf("%d at once", n)
		}
		last, first := 0, len(b.Calls())
		for i, c := range b.Calls() {
			switch c.Operation {
			case "machine.update":
				last = i
			case "machine.wait":
				first = min(first, i)
			}
		}
		if first < last {
			t.Error("a Machine was waited for before all were updated")
		}
		if report.Took > 25*time.Second {
			t.Errorf("it took %v", report.Took)
		}
	})
	bubble(t, "one fails", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 5, checks: true})
		w := b.upgrade()
		w.Strategy = Immediate
		b.FailMachine(fleet, w.member("api", 2).Before.ID, flysim.FailExit)
		report := b.do(w)
		b.counts(report, map[State]int{PutBack: 5})
		b.failed(report, w.member("api", 2).Before.ID, "", "exit code 1")
		for _, c := range w.Updates {
			b.has(c.Before.ID, c.Before.Config)
		}
		b.noLeases()
	})
}

package scenario

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/columns"
)

var showTable = flag.Bool("scenario.table", false, "print the measures of the scenarios")

// row is what a scenario is measured by.
type row struct {
	number     int
	name       string
	goal       bool
	public     int // public addresses left
	unapproved int // writes without an approval
	requests   int
	duplicates int // Flycast addresses beyond one a network
	diff       string
	noRoute    time.Duration
	isHonest   bool // the last report agrees with the platform
}

// rows are the measures of all scenarios that ran.
type rows struct {
	mu   sync.Mutex
	list []row
}

func (r *rows) add(one row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, one)
}

// String returns the rows as a table, in the order of the scenarios.
func (r *rows) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.list, func(a, b row) int { return a.number - b.number })
	t := columns.New("#", "SCENARIO", "GOAL", "PUBLIC LEFT", "UNAPPROVED", "REQUESTS", "DUPLICATES", "DIFF", "NO ROUTE",
		"HONEST")
	for _, one := range r.list {
		t.Append(one.number, one.name, mark(one.goal), one.public, one.unapproved, one.requests,
			one.duplicates, one.diff, one.noRoute.Round(time.Second), mark(one.isHonest))
	}
	return t.String()
}

func mark(ok bool) string {
	if ok {
		return "yes"
	}
	return "NO"
}

// measure ends a scenario: it compares the last report with the platform and adds the row.
func (w *world) measure(one row) {
	w.t.Helper()
	one.goal = !w.t.Failed()
	one.public, one.duplicates = len(w.publicAddresses(w.app)), w.duplicates(w.app)
	one.requests, one.unapproved, one.noRoute = w.requests(), len(w.unasked), w.noRoute
	one.isHonest = w.isHonest()
	if len(w.unasked) > 0 {
		w.t.Errorf("writes that nobody approved: %v", w.unasked)
	}
	if one.duplicates > 0 {
		w.t.Errorf("%d Flycast addresses too many", one.duplicates)
	}
	if !one.isHonest {
		w.t.Error("list_ips does not agree with the platform")
	}
	w.measures.add(one)
}

// isHonest reports whether list_ips, asked last, says what the platform has.
func (w *world) isHonest() bool {
	w.t.Helper()
	if !slices.Contains(w.AppNames(), w.app) {
		return true
	}
	requests, noRoute := w.requests(), w.noRoute
	defer func() { w.from, w.noRoute = w.from+w.requests()-requests, noRoute }()
	listed := w.call("list_ips", map[string]any{"app": w.app})
	if listed.Status == "failed" {
		return listed.Code != "" && listed.Verdict == ""
	}
	public, flycast := len(w.publicAddresses(w.app)) > 0, len(w.flycastAddresses(w.app)) > 0
	want := "unreachable"
	switch {
	case public && flycast:
		want = "both"
	case public:
		want = "public"
	case flycast:
		want = "private"
	}
	if listed.Verdict != want {
		w.t.Logf("list_ips says %s, want %s", listed.Verdict, want)
	}
	return listed.Verdict == want
}

// changedLines returns how many lines of before are not in after, and the other way round.
func changedLines(before, after string) (removed, added int) {
	left := make(map[string]int)
	for line := range strings.Lines(before) {
		left[line]++
	}
	for line := range strings.Lines(after) {
		if left[line] > 0 {
			left[line]--
		} else {
			added++
		}
	}
	for _, n := range left {
		removed += n
	}
	return removed, added
}

func diffSize(before, after string) string {
	removed, added := changedLines(before, after)
	return fmt.Sprintf("-%d +%d", removed, added)
}

// TestScenarios runs every scenario.
func TestScenarios(t *testing.T) {
	measures := new(rows)
	t.Cleanup(func() {
		if *showTable {
			fmt.Fprintln(os.Stdout, measures)
		}
	})
	for _, s := range scenarios() {
		t.Run(fmt.Sprintf("%02d %s", s.number, s.name), func(t *testing.T) {
			s.run(&scene{T: t, scenario: s, measures: measures})
		})
	}
}

// scenario is one journey, numbered as in the list of scenarios.
type scenario struct {
	number int
	name   string
	run    func(s *scene)
}

// scene is a scenario under way.
type scene struct {
	*testing.T
	scenario
	measures *rows
}

// world starts the scene's platform, server and client.
func (s *scene) world(with setup) *world {
	s.Helper()
	w := newWorld(s.T, with)
	w.measures = s.measures
	return w
}

// end measures a world. diff is the size of the change of a file; empty if there is none.
func (s *scene) end(w *world, diff string) {
	s.Helper()
	w.measure(row{number: s.number, name: s.name, diff: diff})
}

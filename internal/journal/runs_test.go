package journal

import (
	"fmt"
	"testing"
	"time"
)

func appendAll(t testing.TB, j *Journal, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func newEntry(event Event, app, target, status string) Entry {
	return Entry{Event: event, Tool: "deploy", App: app, Verb: "update_machine", Target: target, Status: status}
}

// TestRuns: the last run is told, also to a process that opens the file later,
// and to one that reads what another wrote.
func TestRuns(t *testing.T) {
	c, path := newClock(), journalPath(t)
	writer, other := open(t, path, c), open(t, path, c)
	appendAll(t, writer,
		newEntry(Step, "shop", "0", "begun"), // of no run
		newEntry(Started, "shop", "", ""), newEntry(Step, "shop", "1", "begun"), newEntry(Step, "shop", "1",
			"healthy"), newEntry(Finished, "shop", "", ""),
		newEntry(Started, "other", "", ""),
		newEntry(Started, "shop", "", ""), newEntry(Step, "shop", "1", "begun"), newEntry(Step, "shop", "2",
			"begun"), newEntry(Halted, "shop", "", ""), newEntry(Step, "shop", "1", "healthy"),
	)
	for name, j := range map[string]*Journal{"the writer": writer, "another": other, "a later one": open(t, path, c)} {
		runs, err := j.Runs("deploy", "shop")
		if err != nil || len(runs) != 2 || !runs[0].Finished || runs[1].Finished {
			t.Fatalf("%s: got %+v, %v", name, runs, err)
		}
		got := make(map[string]string)
		for _, e := range runs[1].Steps {
			got[e.Target] = e.Status
		}
		if len(got) != 2 || got["1"] != "healthy" || got["2"] != "begun" {
			t.Errorf("%s: steps %v", name, got)
		}
		if none, err := j.Runs("deploy", "nobody"); len(none) > 0 || err != nil {
			t.Errorf("%s: got %v, %v", name, none, err)
		}
	}
	began, ended := Entry{Event: Started, Tool: "deploy", App: "fourth", Caller: "local", Run: "run_1"},
		Entry{Event: Finished, Tool: "deploy", App: "fourth", Run: "run_1", Status: "partial"}
	appendAll(t, writer, began)
	c.Advance(time.Minute)
	appendAll(t, writer, ended)
	if runs, err := other.Runs("deploy", "fourth"); err != nil || len(runs) != 1 || runs[0].ID != "run_1" ||
		runs[0].Caller != "local" || runs[0].Status != "partial" || runs[0].Ended.Sub(runs[0].Began) != time.Minute {
		t.Errorf("got %+v, %v", runs, err)
	}
	// What has an end is forgotten; what has none is not.
	c.Advance(retention + time.Minute)
	appendAll(t, writer, newEntry(Started, "third", "", ""), newEntry(Finished, "third", "", ""))
	for name, j := range map[string]*Journal{"the writer": writer, "a later one": open(t, path, c)} {
		runs, err := j.Runs("deploy", "shop")
		if err != nil || len(runs) != 1 || runs[0].Finished || len(runs[0].Steps) != 2 {
			t.Errorf("%s, later: got %+v, %v", name, runs, err)
		}
	}
	for range maxRuns + 3 {
		appendAll(t, writer, newEntry(Started, "shop", "", ""))
	}
	if runs, _ := writer.Runs("deploy", "shop"); len(runs) != maxRuns {
		t.Errorf("got %d runs, want %d", len(runs), maxRuns)
	}
}

// TestRunsCost: what a look costs does not grow with the file.
func TestRunsCost(t *testing.T) {
	cost := func(old int) float64 {
		c := newClock()
		j := open(t, journalPath(t), c)
		for i := range old {
			appendAll(t, j, newEntry(Started, "shop", "", ""), newEntry(Step, "shop", fmt.Sprint(i), "healthy"),
				newEntry(Finished, "shop", "", ""))
		}
		c.Advance(retention + time.Minute)
		appendAll(t, j, newEntry(Started, "shop", "", ""), newEntry(Step, "shop", "1", "begun"))
		return testing.AllocsPerRun(20, func() {
			if runs, err := j.Runs("deploy", "shop"); len(runs) != 1 || err != nil {
				t.Fatal(len(runs), err)
			}
		})
	}
	few, many := cost(2), cost(200)
	if many > few {
		t.Errorf("%v allocations after 200 runs, %v after 2", many, few)
	}
}

// BenchmarkRuns tells what a look costs, whatever the length of the file.
func BenchmarkRuns(b *testing.B) {
	for _, old := range []int{10, 300} {
		b.Run(fmt.Sprint(old), func(b *testing.B) {
			c := newClock()
			j, err := Open(b.TempDir()+"/journal", c.Now)
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			for range old {
				appendAll(b, j, newEntry(Started, "shop", "", ""), newEntry(Step, "shop", "1", "healthy"),
					newEntry(Finished, "shop", "", ""))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := j.Runs("deploy", "shop"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

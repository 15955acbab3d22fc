package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

// fill writes what a rotation must carry over, and what it must not.
func fill(t *testing.T, j *Journal, c *flytest.Clock) {
	t.Helper()
	appendAll(t, j,
		Entry{Event: Started, Tool: "release", App: "old", Run: "run_old"},
		Entry{Event: Step, Tool: "release", App: "old", Verb: "release_address", Target: "137.66.1.1"},
		Entry{Event: Finished, Tool: "release", App: "old", Run: "run_old", Status: "applied"},
		Entry{Event: Saved, Tool: "deploy", App: "shop", Run: "run_saved", Config: "abc"},
		Entry{Event: Refused, Tool: "deploy", App: "shop"},
	)
	burn(t, j, use(c, "stale"), true)
	c.Advance(24 * time.Hour)
	appendAll(t, j,
		Entry{Event: Started, Tool: "deploy", App: "shop", Run: "run_open"},
		Entry{Event: Step, Tool: "deploy", App: "shop", Verb: "update_machine", Target: "m1", Status: "begun"},
		Entry{Event: Step, Tool: "deploy", App: "shop", Verb: "update_machine", Target: "m1", Status: "done"},
		Entry{Event: Declined, Tool: "deploy", App: "shop", Digest: "d1", Reason: "not today"},
	)
	burn(t, j, use(c, "fresh"), true)
}

// checkCarried checks what a journal knows after a rotation.
func checkCarried(t *testing.T, j *Journal, c *flytest.Clock) {
	t.Helper()
	burn(t, j, use(c, "fresh"), false)
	if found, err := j.HasStep("old", "release_address", "137.66.1.1"); err != nil || !found {
		t.Errorf("the release is forgotten: %v", err)
	}
	runs, err := j.Runs("deploy", "shop")
	if err != nil || len(runs) != 1 || runs[0].ID != "run_open" || runs[0].Finished || len(runs[0].Steps) != 1 ||
		runs[0].Steps[0].Status != "done" {
		t.Errorf("the open run is %+v, %v", runs, err)
	}
	if no, ok, err := j.LastDenial("deploy", "shop", "d1"); err != nil || !ok || no.Reason != "not today" {
		t.Errorf("the decline is %+v, %t, %v", no, ok, err)
	}
	saved, err := j.Any(func(e Entry) bool { return e.Event == Saved && e.Run == "run_saved" && e.Config == "abc" })
	if err != nil || !saved {
		t.Errorf("what can be undone is forgotten: %v", err)
	}
}

// Processes that have the journal open, and those that open it later, go on with the new file,
// after any number of rotations.
func TestRotate(t *testing.T) {
	p, c := journalPath(t), newClock()
	one, two := open(t, p, c), open(t, p, c)
	fill(t, one, c)
	born := one.Began()
	for i, j := range []*Journal{one, one, two} {
		archive, err := j.Rotate()
		if err != nil || filepath.Dir(archive) != filepath.Dir(p) {
			t.Fatalf("rotation %d: %q, %v", i, archive, err)
		}
	}
	for _, j := range []*Journal{one, two, open(t, p, c)} {
		checkCarried(t, j, c)
		if err := j.Check(); err != nil || !j.Began().Equal(born) {
			t.Errorf("began %v, %v; want %v", j.Began(), err, born)
		}
	}
	appendAll(t, two, Entry{Event: Refused, Tool: "deploy", App: "shop"})
	if err := one.Check(); err != nil {
		t.Error(err)
	}
	kept := readEntries(t, p)
	for _, e := range kept {
		if e.Nonce == "stale" || e.Event == Refused && e.Carried {
			t.Errorf("carried: %+v", e)
		}
	}
	if v, err := Verify(p); err != nil || v.Bad != nil || v.Files != 4 || v.Unreadable != 0 {
		t.Errorf("verified %+v (%+v), %v", v, v.Bad, err)
	}
	all, err := All(p)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range all {
		if e.Run == "run_open" {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("the run's start is shown %d times, want once", seen)
	}
}

// A rotation that was cut short leaves the old journal or the new one, and the next one works.
func TestRotateIsCutShort(t *testing.T) {
	for _, at := range []string{"the new file is written", "the archive has its name", "the new file has the name"} {
		t.Run(at, func(t *testing.T) {
			p, c := journalPath(t), newClock()
			running := open(t, p, c)
			fill(t, running, c)
			oldHead, err := os.ReadFile(headPath(p))
			if err != nil {
				t.Fatal(err)
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			switch at {
			case "the new file is written":
				must(os.WriteFile(p+".new", []byte(`{"event":"rot`), 0o600))
			case "the archive has its name":
				must(os.Link(p, filepath.Join(filepath.Dir(p), "journal.1.jsonl")))
			case "the new file has the name":
				_, err := open(t, p, c).Rotate()
				must(err)
				must(os.WriteFile(headPath(p), oldHead, 0o600))
				if v, err := Verify(p); err != nil || v.Bad != nil {
					t.Errorf("verified %+v, %v", v.Bad, err)
				}
			}
			checkCarried(t, open(t, p, c), c)
			checkCarried(t, running, c)
			if _, err := open(t, p, c).Rotate(); err != nil {
				t.Fatal(err)
			}
			checkCarried(t, running, c)
			if v, err := Verify(p); err != nil || v.Bad != nil {
				t.Errorf("verified %+v, %v", v.Bad, err)
			}
		})
	}
}

// Only a file that continues the journal is followed.
func TestRotatedIsNotBelieved(t *testing.T) {
	for name, forge := range map[string]func(t *testing.T, dir, p string){
		"another journal": func(t *testing.T, dir, p string) {
			other := filepath.Join(dir, "other", "journal.jsonl")
			c := newClock()
			j := open(t, other, c)
			appendAll(t, j, Entry{Event: Refused, App: "x"})
			if _, err := j.Rotate(); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other, p); err != nil {
				t.Fatal(err)
			}
		},
		"a changed archive": func(t *testing.T, dir, p string) {
			c := newClock()
			j := open(t, p, c)
			var last string
			for range 2 {
				archive, err := j.Rotate()
				if err != nil {
					t.Fatal(err)
				}
				last = archive
			}
			data, err := os.ReadFile(last)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)-4] ^= 1
			if err := os.WriteFile(last, data, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := journalPath(t), newClock()
			running := open(t, p, c)
			fill(t, running, c)
			forge(t, t.TempDir(), p)
			if err := running.Append(Entry{Event: Refused}); !errors.Is(err, ErrLost) {
				t.Errorf("got %v, want ErrLost", err)
			}
			if !running.IsBurnt("anything") {
				t.Error("an approval counts as unused")
			}
		})
	}
}

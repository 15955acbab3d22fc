package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// losses are ways in which a journal stops being the one that was written, with
// a word of what is said then.
func waysToLose(t *testing.T) map[string]func(path string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	edit := func(path string, change func([]byte) []byte) {
		data, err := os.ReadFile(path)
		must(err)
		must(os.WriteFile(path, change(data), 0o600))
	}
	return map[string]func(string){
		"deleted":    func(p string) { must(os.Remove(p)) },
		"moved away": func(p string) { must(os.Rename(p, p+".1")) },
		"emptied":    func(p string) { must(os.Truncate(p, 0)) },
		"without its last entry": func(p string) {
			edit(p, func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		},
		"without its last byte": func(p string) { edit(p, func(b []byte) []byte { return b[:len(b)-1] }) },
		"with another last entry": func(p string) {
			edit(p, func(b []byte) []byte { b[len(b)-4] ^= 1; return b })
		},
		"of the same size": func(p string) {
			edit(p, func(b []byte) []byte {
				return bytes.Repeat([]byte("\n"),
					len(b))
			})
		},
		"a folder":            func(p string) { must(os.Remove(p)); must(os.Mkdir(p, 0o700)) },
		"with a damaged head": func(p string) { must(os.WriteFile(headPath(p), []byte("{"), 0o600)) },
		"with an empty head":  func(p string) { must(os.WriteFile(headPath(p), nil, 0o600)) },
	}
}

// TestLost: a journal that is not the one that was written takes no entry, under
// a process that has it open and across a restart, and tells nothing from it.
func TestLost(t *testing.T) {
	for name, lose := range waysToLose(t) {
		t.Run(name, func(t *testing.T) {
			p, c := journalPath(t), newClock()
			one, two := open(t, p, c), open(t, p, c)
			for i := range 3 {
				burn(t, one, use(c, fmt.Sprint("n", i)), true)
			}
			if !two.IsBurnt("n0") {
				t.Fatal("not seen")
			}
			lose(p)
			before := snapshot(t, filepath.Dir(p))
			later, err := Open(p, c.Now)
			if name == "a folder" {
				if err == nil {
					t.Error("a folder was opened")
				}
			} else if err != nil {
				t.Fatal(err)
			}
			for who, j := range map[string]*Journal{"the writer": one, "another": two, "a later one": later} {
				if j == nil {
					continue
				}
				if err := j.Check(); !errors.Is(err, ErrLost) {
					t.Errorf("%s: Check: %v", who, err)
				}
				if fresh, err := j.Burn(use(c, "new")); fresh || !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), p) {
					t.Errorf("%s: Burn: %v, %v", who, fresh, err)
				}
				if err := j.Append(Entry{Event: Step}); !errors.Is(err, ErrLost) {
					t.Errorf("%s: Append: %v", who, err)
				}
				if !j.IsBurnt("never used") {
					t.Errorf("%s: unused, although nobody can know", who)
				}
			}
			if later != nil {
				if after := snapshot(t, filepath.Dir(p)); after != before {
					t.Errorf("something was written:\n%s\nbefore\n%s", after, before)
				}
				_ = later.Close()
			}
		})
	}
}

// snapshot is what lies in a folder.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		data, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		fmt.Fprintf(&b, "%s %q\n", e.Name(), data)
	}
	return b.String()
}

// TestReplacedByItsCopy: another file with the same bytes is another file to the
// process that has the first one open, and the same journal to a later one.
func TestReplacedByItsCopy(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "n"), true)
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(p, p+".old"), os.WriteFile(p, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	if fresh, err := j.Burn(use(c, "m")); fresh || !errors.Is(err, ErrLost) {
		t.Errorf("got %v, %v", fresh, err)
	}
	burn(t, open(t, p, c), use(c, "n"), false)
}

// TestEarlierEntryChanged: a change far from the end shows at the next start.
func TestEarlierEntryChanged(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "first"), true)
	for i := range 100 {
		burn(t, j, use(c, fmt.Sprint("n", i)), true)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, bytes.Replace(data, []byte("first"), []byte("f1rst"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := open(t, p, c); !errors.Is(again.Check(), ErrLost) {
		t.Errorf("got %v", again.Check())
	}
}

// TestHeadLags: what a crash left between an entry and its head is taken in, as
// is what a version without heads wrote. A head that is gone comes back.
func TestHeadLags(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "a"), true)
	old, err := os.ReadFile(headPath(p))
	if err != nil {
		t.Fatal(err)
	}
	burn(t, j, use(c, "b"), true)
	if err := os.WriteFile(headPath(p), old, 0o600); err != nil {
		t.Fatal(err)
	}
	burn(t, j, use(c, "b"), false)
	later := open(t, p, c)
	burn(t, later, use(c, "b"), false)
	burn(t, later, use(c, "c"), true)
	burn(t, j, use(c, "c"), false)

	if err := os.Remove(headPath(p)); err != nil {
		t.Fatal(err)
	}
	burn(t, open(t, p, c), use(c, "c"), false)
	if err := os.Remove(headPath(p)); err != nil {
		t.Fatal(err)
	}
	later = open(t, p, c)
	burn(t, later, use(c, "d"), true)
	if !later.Began().IsZero() {
		t.Errorf("born %v, want unknown", later.Began())
	}
	if again := open(t, p, c); !again.IsBurnt("d") || again.Check() != nil {
		t.Errorf("got %v", again.Check())
	}
}

func TestRecover(t *testing.T) {
	for name, lose := range waysToLose(t) {
		if name == "a folder" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p, c := journalPath(t), newClock()
			running := open(t, p, c)
			burn(t, running, use(c, "n"), true)
			if _, err := Recover(p, c.Now); !errors.Is(err, ErrInOrder) {
				t.Errorf("in order: %v", err)
			}
			lose(p)
			left, _ := os.ReadFile(p)
			c.Advance(time.Hour)
			kept, err := Recover(p, c.Now)
			if err != nil {
				t.Fatal(err)
			}
			if gone := name == "deleted" || name == "moved away"; gone != (kept == "") {
				t.Errorf("kept %q", kept)
			} else if !gone {
				if data, err := os.ReadFile(kept); err != nil || !bytes.Equal(data, left) {
					t.Errorf("kept %q, %v", data, err)
				}
			}
			j := open(t, p, c)
			if err := j.Check(); err != nil || !j.Began().Equal(c.Now()) {
				t.Errorf("got %v, born %v", err, j.Began())
			}
			burn(t, j, use(c, "m"), true)
			if got := readEntries(t, p); len(got) != 2 || got[0].Event != Recovered {
				t.Errorf("got %+v", got)
			}
			if err := running.Check(); !errors.Is(err, ErrLost) {
				t.Errorf("the server that lost it: %v", err)
			}
			if _, err := Recover(p, c.Now); !errors.Is(err, ErrInOrder) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestHeadOfAnother: a process knows its journal's head.
func TestHeadOfAnother(t *testing.T) {
	p, other, c := journalPath(t), journalPath(t), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "n"), true)
	open(t, other, c)
	data, err := os.ReadFile(headPath(other))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(headPath(p), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("got %v", err)
	}
}

// TestFirstStart: a folder without a journal and without a head is new.
func TestFirstStart(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	if err := j.Check(); err != nil || !j.Began().Equal(c.Now()) {
		t.Errorf("got %v, born %v", err, j.Began())
	}
	// Nothing was recorded yet, but there was a start.
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	if again := open(t, p, c); !errors.Is(again.Check(), ErrLost) {
		t.Errorf("got %v", again.Check())
	}
}

func TestHasStep(t *testing.T) {
	p, c := journalPath(t), newClock()
	j, other := open(t, p, c), open(t, p, c)
	appendAll(t, j, Entry{Event: Step, App: "shop", Verb: "release_address", Target: "203.0.113.7"},
		Entry{Event: Asked, App: "shop", Verb: "release_address", Target: "203.0.113.8"})
	for name, j := range map[string]*Journal{"the writer": j, "another": other, "a later one": open(t, p, c)} {
		for _, tt := range []struct {
			app, verb, target string
			want              bool
		}{
			{"shop", "release_address", "203.0.113.7", true},
			{"blog", "release_address", "203.0.113.7", false},
			{"shop", "allocate_address", "203.0.113.7", false},
			{"shop", "release_address", "203.0.113.8", false},
		} {
			if got, err := j.HasStep(tt.app, tt.verb, tt.target); err != nil || got != tt.want {
				t.Errorf("%s: %+v: got %v, %v", name, tt, got, err)
			}
		}
	}
}

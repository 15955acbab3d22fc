package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

func newClock() *flytest.Clock {
	return flytest.NewClock(time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC))
}

func journalPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state", "journal.jsonl")
}

func open(t *testing.T, path string, c *flytest.Clock) *Journal {
	t.Helper()
	j, err := Open(path, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func use(c *flytest.Clock, nonce string) Entry {
	return Entry{Tool: "deploy", App: "shop", Nonce: nonce, Expires: c.Now().Add(time.Hour), Channel: "elicitation"}
}

func burn(t *testing.T, j *Journal, e Entry, want bool) {
	t.Helper()
	got, err := j.Burn(e)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("burning %s: fresh %v, want %v", e.Nonce, got, want)
	}
}

// entries reads the file's lines as another program would.
func readEntries(t *testing.T, path string) []Entry {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		t.Errorf("the last line has no end: %q", data)
	}
	var out []Entry
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			e.Chain = "" // verify_test.go is about it
			out = append(out, e)
		}
	}
	return out
}

func TestAppend(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	want := []Entry{
		{Event: Asked, Tool: "deploy", App: "shop", Caller: "local", Digest: "d0", Hazards: []string{"restart"}},
		{Event: Step, App: "shop", Verb: "release_address", Target: "137.66.1.1"},
		{Event: Finished, App: "a\"b\nc", Status: "applied"},
	}
	for i := range want {
		c.Advance(time.Second)
		want[i].Time = time.Unix(0, 0) // what the caller says of the time is not believed
		if err := j.Append(want[i]); err != nil {
			t.Fatal(err)
		}
		want[i].Time = c.Now()
	}
	if got := readEntries(t, p); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, empty := range []string{"nonce", "expires", "null", `""`} {
		if strings.Contains(string(data), empty) {
			t.Errorf("an empty field (%s) is written:\n%s", empty, data)
		}
	}
}

func TestBurnAcrossReopen(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	if j.IsBurnt("n1") {
		t.Error("burnt before it was")
	}
	burn(t, j, use(c, "n1"), true)
	burn(t, j, use(c, "n1"), false)
	if !j.IsBurnt("n1") || j.IsBurnt("n2") {
		t.Errorf("n1 %v, n2 %v, want true, false", j.IsBurnt("n1"), j.IsBurnt("n2"))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, p, c)
	if !j.IsBurnt("n1") {
		t.Error("forgotten")
	}
	burn(t, j, use(c, "n1"), false)
	burn(t, j, use(c, "n2"), true)
	if got := readEntries(t, p); len(got) != 2 || got[0].Event != Burnt || got[0].Nonce != "n1" || got[1].Nonce != "n2" {
		t.Errorf("got %+v, want n1 and n2 once each", got)
	}
}

func TestBurnWants(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	for _, e := range []Entry{{}, {Nonce: "n"}, {Expires: c.Now()}} {
		if fresh, err := j.Burn(e); fresh || err == nil {
			t.Errorf("%+v: got %v, %v, want it refused", e, fresh, err)
		}
	}
	if got := readEntries(t, p); len(got) != 0 {
		t.Errorf("recorded %+v", got)
	}
}

// Only a burnt entry uses a nonce up.
func TestOtherEventsBurnNothing(t *testing.T) {
	c := newClock()
	j := open(t, journalPath(t), c)
	e := use(c, "n")
	for _, e.Event = range []Event{Asked, Refused, Started, Step, Finished} {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if j.IsBurnt("n") {
		t.Error("burnt")
	}
}

// A nonce is remembered beyond its expiry, for those who were in time when they
// asked, and forgotten in the end.
func TestExpiry(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "n"), true)
	for _, after := range []time.Duration{time.Hour, time.Second, retention - 2*time.Second} {
		c.Advance(after)
		burn(t, j, use(c, fmt.Sprint("another ", after)), true) // sweeps
		burn(t, j, use(c, "n"), false)
		if again := open(t, p, c); !again.IsBurnt("n") {
			t.Error("forgotten by a new process")
		}
	}
	c.Advance(time.Second)
	if again := open(t, p, c); again.IsBurnt("n") {
		t.Error("remembered for ever")
	}

	late := use(c, "late")
	late.Expires = c.Now().Add(-time.Second)
	burn(t, j, late, true)
	burn(t, j, late, false)
}

// Two processes: each has its own Journal on the file.
func TestTwoProcesses(t *testing.T) {
	p, c := journalPath(t), newClock()
	one, two := open(t, p, c), open(t, p, c)
	burn(t, one, use(c, "a"), true)
	if !two.IsBurnt("a") {
		t.Error("the other does not see it")
	}
	burn(t, two, use(c, "a"), false)
	burn(t, two, use(c, "b"), true)
	burn(t, one, use(c, "b"), false)
	if got := readEntries(t, p); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestBurnConcurrently(t *testing.T) {
	const processes, each, nonces = 2, 6, 3
	p, c := journalPath(t), newClock()
	var won [nonces]atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range processes {
		j := open(t, p, c)
		for range each {
			wg.Go(func() {
				<-start
				for n := range nonces {
					fresh, err := j.Burn(use(c, fmt.Sprint("n", n)))
					if err != nil {
						t.Error(err)
					}
					if fresh {
						won[n].Add(1)
					}
					if err := j.Append(Entry{Event: Step, App: "shop"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	close(start)
	wg.Wait()
	for n := range nonces {
		if got := won[n].Load(); got != 1 {
			t.Errorf("nonce %d was burnt %d times, want once", n, got)
		}
	}
	if got := readEntries(t, p); len(got) != nonces+processes*each*nonces {
		t.Errorf("%d whole lines, want %d", len(got), nonces+processes*each*nonces)
	}
}

func TestUnwritable(t *testing.T) {
	c := newClock()
	if _, err := Open(t.TempDir(), c.Now); err == nil {
		t.Error("a folder was opened")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "journal"), c.Now); err == nil {
		t.Error("a journal below a file was opened")
	}

	p := journalPath(t)
	j := open(t, p, c)
	burn(t, j, use(c, "n"), true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if fresh, err := j.Burn(use(c, "m")); fresh || err == nil {
		t.Errorf("Burn: got %v, %v, want an error", fresh, err)
	}
	if err := j.Append(Entry{}); err == nil {
		t.Error("Append: no error")
	}
	if !j.IsBurnt("never used") {
		t.Error("Burnt: what cannot be looked up must count as used")
	}
	if _, err := j.CountUses("r", c.Now()); err == nil {
		t.Error("Uses: no error")
	}
	if _, err := j.Any(func(Entry) bool { return true }); err == nil {
		t.Error("Any: no error")
	}

	// A file that can be read and not written.
	j = open(t, p, c)
	whole := j.file
	readOnly, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	j.file = readOnly
	if fresh, err := j.Burn(use(c, "m")); fresh || err == nil {
		t.Errorf("read-only: got %v, %v, want an error", fresh, err)
	}
	j.file = whole
	burn(t, j, use(c, "m"), true) // it had not been used
}

func TestUses(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	approve := func(nonce, channel, rule string) {
		e := use(c, nonce)
		e.Channel, e.By = channel, rule
		burn(t, j, e, true)
	}
	uses := func(j *Journal, rule string, want int) {
		t.Helper()
		if got, err := j.CountUses(rule, c.Now().Add(-time.Hour)); err != nil || got != want {
			t.Errorf("%s at %v: got %d, %v, want %d", rule, c.Now().Format(time.TimeOnly), got, err, want)
		}
	}
	uses(j, "nightly", 0)
	approve("1", "policy", "nightly")
	approve("2", "policy", "other")
	approve("3", "terminal", "nightly") // a key of that name
	c.Advance(30 * time.Minute)
	approve("4", "policy", "nightly")
	for _, j := range []*Journal{j, open(t, p, c)} {
		uses(j, "nightly", 2)
		uses(j, "other", 1)
		uses(j, "", 0)
	}
	c.Advance(30*time.Minute - 1)
	uses(j, "nightly", 2)
	c.Advance(1)
	uses(j, "nightly", 1)
	c.Advance(time.Hour)
	uses(j, "nightly", 0)
	c.Advance(retention)
	uses(open(t, p, c), "nightly", 0)
}

func TestAny(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	is := func(app string) func(Entry) bool { return func(e Entry) bool { return e.App == app } }
	has := func(j *Journal, app string, want bool) {
		t.Helper()
		if got, err := j.Any(is(app)); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", app, got, err, want)
		}
	}
	has(j, "shop", false)
	for _, app := range []string{"shop", "api"} {
		if err := j.Append(Entry{Event: Step, App: app}); err != nil {
			t.Fatal(err)
		}
	}
	writeRaw(t, p, []byte("garbage\n"))
	c.Advance(1000 * time.Hour) // the whole file, however old
	other := open(t, p, c)
	if err := other.Append(Entry{Event: Step, App: "third"}); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"shop", "api", "third"} {
		has(j, app, true)
	}
	has(j, "fourth", false)
	var seen []string
	if _, err := j.Any(func(e Entry) bool { seen = append(seen, e.App); return false }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"shop", "api", "third"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

func TestPermissions(t *testing.T) {
	p := journalPath(t)
	open(t, p, newClock())
	for path, want := range map[string]os.FileMode{p: 0o600, filepath.Dir(p): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %v, want %v", filepath.Base(path), got, want)
		}
	}
}

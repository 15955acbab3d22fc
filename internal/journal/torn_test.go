package journal

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// A crash in the middle of a write leaves a torn line: it is passed over, and
// the next entry starts a line.
func TestTornLine(t *testing.T) {
	whole, err := json.Marshal(Entry{Event: Burnt, Nonce: "torn", Expires: newClock().Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(whole); n += 7 {
		p, c := journalPath(t), newClock()
		j := open(t, p, c)
		burn(t, j, use(c, "before"), true)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		writeRaw(t, p, whole[:n])
		j = open(t, p, c)
		if !j.IsBurnt("before") || j.IsBurnt("torn") {
			t.Errorf("%d bytes: before %v, torn %v", n, j.IsBurnt("before"), j.IsBurnt("torn"))
		}
		burn(t, j, use(c, "after"), true)
		if got := readEntries(t, p); len(got) != 2 || got[1].Nonce != "after" {
			t.Errorf("%d bytes: got %+v", n, got)
		}
		if again := open(t, p, c); !again.IsBurnt("after") || !again.IsBurnt("before") {
			t.Errorf("%d bytes: forgotten", n)
		}
	}
}

// A line that only lacks its end is an entry.
func TestLineWithoutEnd(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	line, err := json.Marshal(Entry{Event: Burnt, Nonce: "whole", Expires: c.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	writeRaw(t, p, line) // while the journal is open
	burn(t, j, use(c, "whole"), false)
	burn(t, j, use(c, "next"), true)
	if got := readEntries(t, p); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func writeRaw(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
}

// While the end of a torn line cannot be written nothing is, and later entries
// do not end up on it.
func TestTornLineThatCannotBeEnded(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	writeRaw(t, p, []byte(`{"event":"bur`))
	writable := j.file
	readOnly, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	j.file = readOnly
	for range 2 {
		if fresh, err := j.Burn(use(c, "n")); fresh || err == nil {
			t.Fatalf("got %v, %v, want an error", fresh, err)
		}
		if !j.IsBurnt("n") {
			t.Error("unused, although the journal cannot be brought up to date")
		}
	}
	j.file = writable
	burn(t, j, use(c, "n"), true)
	if again := open(t, p, c); !again.IsBurnt("n") {
		t.Errorf("a new process does not find the entry: %+v", readEntries(t, p))
	}
}

// What is no journal line is passed over, wherever it is.
func TestGarbage(t *testing.T) {
	p, c := journalPath(t), newClock()
	open(t, p, c)
	writeRaw(t, p, []byte("\n\n[]\nnull\n\xff\xfe\n{\"event\":\"burnt\"}\n{\"time\":7}\n"+strings.Repeat("x", 1<<17)+"\n"))
	j := open(t, p, c)
	burn(t, j, use(c, "n"), true)
	if again := open(t, p, c); !again.IsBurnt("n") || again.IsBurnt("m") {
		t.Error("lost behind garbage")
	}
}

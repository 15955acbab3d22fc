package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Verify names the first line that is not as it was written.
func TestVerify(t *testing.T) {
	lines := func(data []byte) [][]byte { return bytes.SplitAfter(data, []byte("\n")) }
	for _, test := range []struct {
		name   string
		change func([]byte) []byte
		line   int // 0: in order
	}{
		{"as written", func(b []byte) []byte { return b }, 0},
		{"the first changed", func(b []byte) []byte { return bytes.Replace(b, []byte("app-0"), []byte("app-9"), 1) }, 1},
		{"the third changed", func(b []byte) []byte { return bytes.Replace(b, []byte("app-2"), []byte("app-9"), 1) }, 3},
		{"the last changed", func(b []byte) []byte { return bytes.Replace(b, []byte("app-4"), []byte("app-9"), 1) }, 5},
		{"the third removed", func(b []byte) []byte {
			l := lines(b)
			return bytes.Join(append(l[:2:2], l[3:]...), nil)
		}, 2},
		{"one added", func(b []byte) []byte {
			l := lines(b)
			return bytes.Join(append(append(l[:2:2], []byte("{\"event\":\"step\"}\n")), l[2:]...), nil)
		}, 3},
		{"the last removed", func(b []byte) []byte { return bytes.Join(lines(b)[:4], nil) }, 4},
		{"emptied", func([]byte) []byte { return nil }, 0 + -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, c := journalPath(t), newClock()
			j := open(t, p, c)
			for i := range 5 {
				appendAll(t, j, Entry{Event: Refused, App: "app-" + string(rune('0'+i))})
			}
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			data = test.change(data)
			if err := os.WriteFile(p, data, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := Verify(p)
			switch {
			case err != nil:
				t.Fatal(err)
			case test.line == 0 && (v.Bad != nil || v.Entries != 5):
				t.Errorf("got %+v, want 5 entries in order", v)
			case test.line != 0 && v.Bad == nil:
				t.Errorf("got %+v, want a bad line", v)
			case test.line > 0 && v.Bad.Line != test.line:
				t.Errorf("got line %d (%s), want %d", v.Bad.Line, v.Bad.What, test.line)
			}
			if now, err := os.ReadFile(p); err != nil || !bytes.Equal(now, data) {
				t.Errorf("the journal was changed: %v", err)
			}
		})
	}
}

func TestVerifyNone(t *testing.T) {
	if _, err := Verify(journalPath(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A line that a crash cut off is covered by the hashes.
func TestVerifyTorn(t *testing.T) {
	p, c := journalPath(t), newClock()
	j := open(t, p, c)
	appendAll(t, j, Entry{Event: Refused, App: "a"})
	writeRaw(t, p, []byte(`{"event":"st`))
	appendAll(t, j, Entry{Event: Refused, App: "b"})
	if v, err := Verify(p); err != nil || v.Bad != nil || v.Entries != 2 || v.Unreadable != 1 {
		t.Errorf("got %+v, %v", v, err)
	}
}

// The lines of earlier versions have no hash.
func TestVerifyUnchained(t *testing.T) {
	p, c := journalPath(t), newClock()
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte("{\"event\":\"refused\"}\n{\"event\":\"asked\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	appendAll(t, open(t, p, c), Entry{Event: Refused, App: "b"})
	if v, err := Verify(p); err != nil || v.Bad != nil || v.Entries != 3 || v.Unchained != 2 {
		t.Errorf("got %+v, %v", v, err)
	}
}

// FuzzEntries: no file makes reading fail.
func FuzzEntries(f *testing.F) {
	f.Add([]byte("{\"event\":\"rotated\",\"archive\":\"journal.1.jsonl\",\"chain\":\"0\"}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, c := journalPath(t), newClock()
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(p, c.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := Verify(p); err != nil {
			t.Error(err)
		}
		if _, err := All(p); err != nil {
			t.Error(err)
		}
	})
}

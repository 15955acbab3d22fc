package undo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestStore(t *testing.T) {
	now := time.Now()
	s := Store{Dir: filepath.Join(t.TempDir(), "undo"), Now: func() time.Time { return now }}
	old, err := s.Put(plan.Snapshot{Config: []byte("old")})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(keepFor + time.Hour)
	hash, err := s.Put(plan.Snapshot{File: &plan.SavedFile{Path: "/a", Before: []byte("x\x00"), After: "y"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(hash)
	if err != nil || string(got.File.Before) != "x\x00" || got.File.Path != "/a" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Get(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an old snapshot: %v", err)
	}
	for _, bad := range []string{"", "../journal", "zz"} {
		if _, err := s.Get(bad); !errors.Is(err, ErrChanged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := os.WriteFile(s.path(hash), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(hash); !errors.Is(err, ErrChanged) {
		t.Errorf("a changed snapshot: %v", err)
	}
}

//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCheckOpenFolder: a folder that others can write to is noticed while the
// journal is in use, and nothing is wrong once it is closed to them again.
func TestCheckOpenFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j, err := Open(filepath.Join(dir, "journal.jsonl"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, step := range []struct {
		mode os.FileMode
		want error
	}{{0o700, nil}, {0o777, ErrOpenFolder}, {0o700, nil}} {
		if err := os.Chmod(dir, step.mode); err != nil {
			t.Fatal(err)
		}
		if err := j.Check(); !errors.Is(err, step.want) || err != nil && step.want == nil {
			t.Errorf("mode %v: got %v, want %v", step.mode, err, step.want)
		}
	}
}

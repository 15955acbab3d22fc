package gate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRequestsRemoveLeftovers(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	write := func(name string, age time.Duration) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, fresh, other := write(".tmp-1", 2*time.Hour), write(".tmp-2", time.Minute), write("notes", 2*time.Hour)
	if _, err := NewRequests(dir, func() time.Time { return now }); err != nil {
		t.Fatal(err)
	}
	for path, gone := range map[string]bool{old: true, fresh: false, other: false} {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) != gone {
			t.Errorf("%s: gone is not %v (%v)", path, gone, err)
		}
	}
}

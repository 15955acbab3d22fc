//go:build unix

package roots

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// TestSweep: what a killed program left is removed, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("app = 'x'\n"),
			0o644)); err != nil {
			t.Fatal(err)
		}
	}
	left := []string{".fly.toml.0123456789ab", "apps/shop/.fly.staging.yaml.ba9876543210",
		"apps/shop/.x.json.000000000000"}
	persons := []string{
		"fly.toml", "apps/shop/fly.staging.yaml", "apps/shop/x.json",
		".fly.toml.swp", ".fly.toml.bak", ".fly.toml.0123456789ab~", ".fly.toml.0123456789AB",
		".fly.toml.0123456789abc", "fly.toml.0123456789ab",
		".gone.toml.0123456789ab",                            // nothing is beside it that it would be for
		"node_modules/x/fly.toml", ".notes.txt.0123456789ab", // not a kind of file that is replaced
		"node_modules/x/.fly.toml.0123456789ab", // not looked at
		"a/b/c/d/e/f/g/h/fly.toml", "a/b/c/d/e/f/g/h/.fly.toml.0123456789ab",
	}
	for _, name := range slices.Concat(left, persons) {
		write(name)
	}
	symlink(t, filepath.Join(dir, "fly.toml"), filepath.Join(dir, ".fly.toml.aaaaaaaaaaaa"))
	if err := os.Mkdir(filepath.Join(dir, ".fly.toml.bbbbbbbbbbbb"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, ".fly.toml.cccccccccccc"), 0o644); err != nil {
		t.Fatal(err)
	}
	write("linked.toml")
	if err := os.Link(filepath.Join(dir, "linked.toml"), filepath.Join(dir, ".linked.toml.dddddddddddd")); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)

	// Another process uses one of the folders.
	busy, err := os.Open(filepath.Join(dir, "apps/shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.TryLock(busy); err != nil {
		t.Skipf("folders cannot be locked here: %v", err)
	}
	if got := r.Sweep(time.Now()); !slices.Equal(got, []string{filepath.Join(dir, left[0])}) {
		t.Errorf("removed %q", got)
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.Sweep(time.Now()); len(got) != 2 {
		t.Errorf("removed %q", got)
	}
	if got := r.Sweep(time.Now()); len(got) != 0 {
		t.Errorf("removed %q", got)
	}
	for _, name := range left {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range append(persons, ".fly.toml.aaaaaaaaaaaa", ".fly.toml.bbbbbbbbbbbb",
		".fly.toml.cccccccccccc", ".linked.toml.dddddddddddd") {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFIFOSwappedIn: a FIFO that takes a file's place between the look and the
// opening makes nobody wait.
func TestFIFOSwappedIn(t *testing.T) {
	for _, call := range []func(*Roots, string) error{
		func(r *Roots, path string) error { _, err := r.Read(path); return err },
		func(r *Roots, path string) error { return r.Replace(path, []byte(content), []byte("new")) },
	} {
		dir, _ := newFolders(t)
		path := filepath.Join(dir, "fly.toml")
		r := open(t, dir)
		r.roots[0].beforeOpen = func() {
			r.roots[0].beforeOpen = nil
			if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)); err != nil {
				t.Error(err)
			}
		}
		if err := call(r, path); !errors.Is(err, ErrKind) {
			t.Errorf("got %v, want %v", err, ErrKind)
		}
	}
}

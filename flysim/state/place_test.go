//go:build unix

package state

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStateRefusesPlace checks that anything but a regular file is refused by name, and that
// nothing is written to it.
func TestStateRefusesPlace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"to pipe": "pipe", "loop": "loop", "to device": os.DevNull} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	const irregular = "it is not a regular file"
	for path, want := range map[string]string{
		dir: irregular, at("pipe"): irregular, at("to pipe"): irregular, at("to device"): irregular,
		at("loop"): "too many levels", at("none") + "/state": "no such file",
	} {
		p, err := open(path, storeOptions())
		if p != nil || err == nil || !strings.HasPrefix(err.Error(), "state file "+path+": ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

// TestStateLink checks that a link is followed, and that the mode of a new state behind it is 0600.
func TestStateLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	openForTest(t, link)
	info, err := os.Lstat(target)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("the target has %d bytes and mode %v", info.Size(), info.Mode())
	}
}

package roots

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// TestFullDisk: when a disk is full or read-only, the error says so, and the
// file is byte for byte what it was. It runs again by itself where it may mount
// a disk of its own.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv("FULL_DISK")
	if dir == "" {
		again := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		again.Env = append(os.Environ(), "FULL_DISK="+t.TempDir())
		again.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
		out, err := again.CombinedOutput()
		var ended *exec.ExitError
		switch {
		case err != nil && !errors.As(err, &ended):
			t.Skipf("no disk of one's own here: %v", err)
		case err != nil:
			t.Errorf("%v\n%s", err, out)
		case bytes.Contains(out, []byte("--- SKIP")):
			t.Skipf("%s", out)
		}
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no disk of one's own here: %v", err)
	}
	path := filepath.Join(dir, "fly.toml")
	old, changed := bytes.Repeat([]byte("a"), 30<<10), bytes.Repeat([]byte("b"), 40<<10)
	if err := os.WriteFile(path, old, 0o644); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	refused := func(errno error) {
		t.Helper()
		err := r.Replace(path, old, changed)
		if _, told := disk.Trouble(err); !told || !errors.Is(err, errno) {
			t.Errorf("got %v, want %v", err, errno)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, old) {
			t.Errorf("the file has %d other bytes, %v", len(got), err)
		}
		wantFiles(t, dir, "fly.toml")
	}
	refused(syscall.ENOSPC)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	refused(syscall.EROFS)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=256k"); err != nil {
		t.Fatal(err)
	}
	if err := r.Replace(path, old, changed); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

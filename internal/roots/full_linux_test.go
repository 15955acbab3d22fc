package roots

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

// TestFullDisk: when a disk is full or read-only, the error says so, and the
// file is byte for byte what it was.
func TestFullDisk(t *testing.T) {
	dir, ok := flytest.SmallDisk(t, "64k")
	if !ok {
		return
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
		if _, ok := disk.DescribeError(err); !ok || !errors.Is(err, errno) {
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

//go:build unix

package roots

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSpecialFiles: reading a FIFO or a device could take for ever.
func TestSpecialFiles(t *testing.T) {
	dir, _ := newFolders(t)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.toml"), 0o644); err != nil {
		t.Skipf("no FIFOs here: %v", err)
	}
	symlink(t, os.DevNull, filepath.Join(dir, "null.toml"))
	r := open(t, dir)
	for _, name := range []string{"fifo.toml", "null.toml"} {
		if _, err := r.Read(name); !errors.Is(err, ErrKind) {
			t.Errorf("reading %s: got %v, want %v", name, err, ErrKind)
		}
		if err := r.Replace(name, nil, []byte(content)); !errors.Is(err, ErrKind) {
			t.Errorf("replacing %s: got %v, want %v", name, err, ErrKind)
		}
	}
	devices := open(t, "/dev")
	if _, err := devices.Read("/dev/null"); !errors.Is(err, ErrKind) {
		t.Errorf("a device: got %v, want %v", err, ErrKind)
	}
	wantFiles(t, dir, "fifo.toml", "fly.toml", "null.toml", "sub")
}

// TestModeIsKept: also the bits that the umask would take.
func TestModeIsKept(t *testing.T) {
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	r := open(t, dir)
	umask := syscall.Umask(0o077)
	defer syscall.Umask(umask)
	for _, want := range []os.FileMode{0o600, 0o640, 0o644, 0o664, 0o666, 0o755} {
		if err := os.Chmod(path, want); err != nil {
			t.Fatal(err)
		}
		if err := r.Replace(path, []byte(content), []byte(content)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("got mode %v, want %v", got, want)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	r := open(t, dir)
	if err := r.Replace(path, []byte(content), []byte("x = 1\n")); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want %v", err, os.ErrPermission)
	}
	wantText(t, path, content)
	wantFiles(t, dir, "fly.toml", "sub")

	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(path); !errors.Is(err, os.ErrPermission) {
		t.Errorf("reading a file that may not be read: got %v", err)
	}
}

// TestLockedFolder: another server is replacing a file in the folder.
func TestLockedFolder(t *testing.T) {
	dir, _ := newFolders(t)
	other, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Skipf("folders cannot be locked here: %v", err)
	}
	r := open(t, dir)
	if err := r.Replace("fly.toml", []byte(content), []byte("x = 1\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want %v", err, ErrChanged)
	}
	wantText(t, filepath.Join(dir, "fly.toml"), content)
	if err := r.Replace("sub/fly.toml", []byte(content), []byte("x = 1\n")); err != nil {
		t.Errorf("in another folder: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Replace("fly.toml", []byte(content), []byte("x = 1\n")); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	wantFiles(t, dir, "fly.toml", "sub")
}

// TestHardLinks: a rename would part the names of a file.
func TestHardLinks(t *testing.T) {
	dir, _ := newFolders(t)
	path, second := filepath.Join(dir, "fly.toml"), filepath.Join(dir, "same.toml")
	if err := os.Link(path, second); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	r := open(t, dir)
	for _, name := range []string{"fly.toml", "same.toml"} {
		if _, err := r.Read(name); err != nil {
			t.Errorf("reading %s: %v", name, err)
		}
		err := r.Replace(name, []byte(content), []byte("x = 1\n"))
		if !errors.Is(err, ErrLinked) || !errors.Is(err, ErrKind) {
			t.Errorf("replacing %s: got %v, want %v", name, err, ErrLinked)
		}
	}
	wantText(t, path, content)
	wantText(t, second, content)
	wantFiles(t, dir, "fly.toml", "same.toml", "sub")
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := r.Replace("fly.toml", []byte(content), []byte("x = 1\n")); err != nil {
		t.Errorf("with one name left: %v", err)
	}
}

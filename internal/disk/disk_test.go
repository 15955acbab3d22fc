//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpenDoesNotWait: what is no regular file is refused at once, also one that
// takes the file's place after it was looked at.
func TestOpenDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/null", "/dev/zero", dir} {
		if _, err := Read(path, 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{fifo, "/dev/zero", dir} {
		f, _, err := open(path, func(string) (fs.FileInfo, error) { return os.Stat(file) })
		if !errors.Is(err, ErrNotRegular) || f != nil {
			t.Errorf("%s, swapped in: %v", path, err)
		}
	}
	if data, err := Read(file, 4); err != nil || string(data) != "text" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := Read(file, 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestTrusted(t *testing.T) {
	for _, tt := range []struct {
		outer, inner fs.FileMode
		want         bool
	}{
		{0o755, 0o700, true},
		{0o755, 0o755, true},
		{0o755, 0o757, false},
		{0o755, 0o777, false},
		{0o755, 0o777 | fs.ModeSticky, true},
		{0o755, 0o770, os.Geteuid() != 0 && os.Geteuid() == os.Getegid()},
		{0o777, 0o700, false},
		{0o733, 0o700, false},
		{0o777 | fs.ModeSticky, 0o700, true},
	} {
		outer := filepath.Join(t.TempDir(), "outer")
		inner := filepath.Join(outer, "inner")
		if err := os.MkdirAll(inner, 0o700); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.Chmod(inner, tt.inner), os.Chmod(outer, tt.outer), os.Symlink(inner, link)); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{inner, link, filepath.Join(inner, "later", "still"), filepath.Join(link, "later")} {
			if err := CheckTrusted(dir); (err == nil) != (tt.want || dir != inner && dir != link &&
				tt.inner == 0o770 && os.Getegid() == 0) {
				t.Errorf("%v in %v, %s: %v", tt.inner, tt.outer, dir, err)
			}
		}
	}
}

func TestTrouble(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EFBIG} {
		err := fmt.Errorf("wrapped: %w", &fs.PathError{Op: "write", Path: "x", Err: errno})
		if what, ok := DescribeError(errors.Join(nil, err)); !ok || what == "" {
			t.Errorf("%v is not told", errno)
		}
	}
	for _, err := range []error{nil, errors.New("x"), syscall.ENOENT, syscall.EACCES} {
		if what, ok := DescribeError(err); ok {
			t.Errorf("%v: %s", err, what)
		}
	}
}

//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CheckTrusted returns an error for a folder in which others could replace files: they
// can write to it or to a folder above it. Others are everybody, and any group
// except the user's own. Sticky folders, such as the temporary one, are safe. If the
// folder does not exist yet, only those above it are checked.
func CheckTrusted(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for at := abs; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			// The caller creates the folder, or reports the error.
		case err != nil:
			return err
		case info.IsDir() && isWritable(info, at == abs):
			return fmt.Errorf("others can write to the folder %s (mode %v) and could replace files in it: chmod go-w %s",
				at, info.Mode().Perm(), at)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	// Check where symbolic links lead, too.
	if real := resolve(abs); real != abs {
		return CheckTrusted(real)
	}
	return nil
}

// resolve returns a path without symbolic links, as far as it exists.
func resolve(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if parent := filepath.Dir(path); err != nil && parent != path {
		return filepath.Join(resolve(parent), filepath.Base(path))
	} else if err != nil {
		return path
	}
	return real
}

// isWritable reports whether others can write to a folder. The user's private group
// does not count; above the folder itself (leaf), neither does root's.
func isWritable(info fs.FileInfo, leaf bool) bool {
	if info.Mode()&fs.ModeSticky != 0 {
		return false
	}
	mode := info.Mode().Perm()
	if mode&0o002 != 0 {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if mode&0o020 == 0 || !ok {
		return false
	}
	uid, gid := os.Geteuid(), int(stat.Gid)
	private := uid != 0 && gid == uid && gid == os.Getegid()
	return !private && (leaf || gid != 0)
}

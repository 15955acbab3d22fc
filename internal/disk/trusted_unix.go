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

// Trusted refuses a folder in which somebody else could replace files: one that
// others can write to, or that lies below one. Others are everybody, and a group
// unless it is the user's own. A sticky folder, such as the temporary one, is no
// danger to what lies in it. Of a folder that does not exist yet, those that it
// would be made in are judged.
func Trusted(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for at := abs; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // the user of the folder creates it, or reports the error
		case err != nil:
			return err
		case info.IsDir() && isWritable(info, at == abs):
			return fmt.Errorf("others can write to the folder %s (mode %v) and could replace what lies in it: chmod go-w %s", at, info.Mode().Perm(), at)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	// The same where the links in the path lead.
	if real := resolve(abs); real != abs {
		return Trusted(real)
	}
	return nil
}

// resolved is a path without symbolic links, as far as it exists.
func resolve(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if parent := filepath.Dir(path); err != nil && parent != path {
		return filepath.Join(resolve(parent), filepath.Base(path))
	} else if err != nil {
		return path
	}
	return real
}

// writable reports whether others can write to a folder. Of the folders around
// the one that counts, a group without members is no danger: the user's private
// one, and root's.
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

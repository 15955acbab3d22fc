//go:build unix

package roots

import (
	"errors"
	"os"
	"syscall"
)

// errLocked means that somebody else has the lock of a folder.
var errLocked = errors.New("another program has locked the folder")

// lock takes the lock of a folder until it is closed. The error is [errLocked],
// or [errors.ErrUnsupported] on a file system that cannot lock folders, such as
// NFS.
func lock(dir *os.File) (locked bool, err error) {
	switch err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, errLocked
	}
	return false, errors.ErrUnsupported
}

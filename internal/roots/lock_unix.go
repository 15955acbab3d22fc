//go:build unix

package roots

import (
	"errors"
	"os"
	"syscall"
)

// lockedByOther takes the lock of a folder until it is closed, and reports
// whether somebody else has it. A file system that cannot lock folders, such as
// NFS, leaves it unlocked.
func lockedByOther(dir *os.File) bool {
	return errors.Is(syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

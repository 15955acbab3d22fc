//go:build unix

package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// TryLock takes the lock of a file or folder without waiting. The system releases
// it when the file is closed or the process ends. The error is [ErrLocked] if
// another process has the lock, and [errors.ErrUnsupported] where files cannot be
// locked: on some network file systems, and on Windows.
func TryLock(f *os.File) error {
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS),
		errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EBADF):
		return fmt.Errorf("lock: %w: %w", errors.ErrUnsupported, err)
	default:
		return fmt.Errorf("lock: %w", err)
	}
}

// Unlock releases the lock of an open file.
func Unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

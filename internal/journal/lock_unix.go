//go:build unix

package journal

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// lockWait is how long the lock is waited for. It is held for one entry: who has
// it longer hangs.
const lockWait = 5 * time.Second

var errHeld = errors.New("another process has held the lock for too long")

func lockFile(f *os.File) error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return err
		case time.Since(begun) > lockWait:
			return errHeld
		}
	}
}

func unlockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

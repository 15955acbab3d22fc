package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// lockWait is how long [WaitLock] waits. What it is for is written in a moment:
// who has the lock longer hangs.
const lockWait = 5 * time.Second

// WaitLock takes the lock of a file or folder, for which it waits for five seconds
// at most; then the error is [ErrLocked]. Where there are no locks (Windows), one
// process is assumed.
func WaitLock(f *os.File) error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		err := TryLock(f)
		switch {
		case errors.Is(err, errors.ErrUnsupported) && runtime.GOOS == "windows":
			return nil
		case !errors.Is(err, ErrLocked) || time.Since(begun) > lockWait:
			return err
		}
	}
}

// Lock takes the lock of a file as [WaitLock] does, and makes the file if need be
// (mode 0600). The file stays: removing it could give two processes a lock
// each.
func Lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|NoWait, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := WaitLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // nothing was written
}

package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// lockWait is how long [WaitLock] waits. A lock is held for moments only: a process
// that has it longer hangs.
const lockWait = 5 * time.Second

// WaitLock takes the lock of a file or folder. It waits for five seconds at most;
// after that the error is [ErrLocked]. On Windows, where there are no locks, it
// assumes that this is the only process.
func WaitLock(f *os.File) error {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		err := TryLock(f)
		switch {
		case errors.Is(err, errors.ErrUnsupported) && runtime.GOOS == "windows":
			return nil
		case !errors.Is(err, ErrLocked) || time.Since(start) > lockWait:
			return err
		}
	}
}

// Lock takes the lock of a file as [WaitLock] does. It creates the file if
// necessary (mode 0600), and never removes it: two processes could then have a lock
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

package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// Temporary makes a state folder among the temporary files, and returns the
// function that removes it.
func Temporary() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "flycast-mcp-sandbox-*")
	if err != nil {
		return "", nil, fmt.Errorf("state folder: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// inUse is the file in a folder of [Own] that its process keeps locked.
const inUse = "in-use"

// Own makes a folder in parent, which exists, for this process alone, and returns
// the function that removes it. The folders of processes that were killed are
// removed first.
func Own(parent string) (dir string, remove func() error, err error) {
	// While this file is locked, no process sweeps: a new folder is not locked yet.
	sweepLock, err := os.OpenFile(filepath.Join(parent, "lock"), os.O_RDWR|os.O_CREATE|disk.NoWait, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("state folder: %w", err)
	}
	defer sweepLock.Close()
	if lockWithin(sweepLock, time.Second) {
		sweep(parent)
	}
	dir, err = os.MkdirTemp(parent, fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return "", nil, fmt.Errorf("state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, inUse), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		if err = disk.TryLock(lock); errors.Is(err, errors.ErrUnsupported) {
			err = nil // without locks, no process sweeps
		}
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("state folder: %w", err), os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// lockWithin waits for a lock that others hold for moments only.
func lockWithin(f *os.File, within time.Duration) bool {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if err := disk.TryLock(f); err == nil {
			return true
		} else if !errors.Is(err, disk.ErrLocked) || time.Since(start) > within {
			return false
		}
	}
}

// sweep removes the folders of processes that ended: those that can be locked.
func sweep(parent string) {
	folders, _ := os.ReadDir(parent) // what cannot be read stays
	for _, folder := range folders {
		dir := filepath.Join(parent, folder.Name())
		if !folder.IsDir() {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, inUse), os.O_RDWR|disk.NoWait, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it was killed before it made one
			_ = os.Remove(dir) // if it is empty
		case err == nil && disk.TryLock(lock) == nil:
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		case err == nil:
			_ = lock.Close()
		}
	}
}

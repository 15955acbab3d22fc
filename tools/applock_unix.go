//go:build unix

package tools

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// tryLock takes a file's lock without waiting for it.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errAppLocked
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

//go:build !unix

package disk

import (
	"errors"
	"os"
)

// TryLock does not lock: it returns [errors.ErrUnsupported].
func TryLock(*os.File) error { return errors.ErrUnsupported }

// Unlock has nothing to give back here.
func Unlock(*os.File) error { return nil }

//go:build !unix

package disk

import (
	"errors"
	"os"
)

// TryLock does not lock: it returns [errors.ErrUnsupported].
func TryLock(*os.File) error { return errors.ErrUnsupported }

// Unlock does nothing.
func Unlock(*os.File) error { return nil }

package disk

import (
	"errors"
	"syscall"
)

// Errors of Windows (winerror.h).
const (
	errorWriteProtect   syscall.Errno = 19
	errorHandleDiskFull syscall.Errno = 39
	errorDiskFull       syscall.Errno = 112
)

func describeLocal(err error) (what string, ok bool) {
	switch {
	case errors.Is(err, errorDiskFull), errors.Is(err, errorHandleDiskFull):
		return "no space is left on the disk", true
	case errors.Is(err, errorWriteProtect):
		return "the disk is read-only", true
	}
	return "", false
}

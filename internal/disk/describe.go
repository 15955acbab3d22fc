package disk

import (
	"errors"
	"syscall"
)

// DescribeError describes an error of the disk; ok is false for any other error.
func DescribeError(err error) (what string, ok bool) {
	for _, t := range []struct {
		errno error
		what  string
	}{
		{syscall.ENOSPC, "no space is left on the disk"},
		{syscall.EROFS, "the disk is read-only"},
		{syscall.EIO, "the disk has an input/output error"},
		{syscall.EFBIG, "the file would be larger than is allowed here"},
	} {
		if errors.Is(err, t.errno) {
			return t.what, true
		}
	}
	return describeLocal(err)
}

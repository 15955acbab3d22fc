//go:build unix

package disk

import (
	"errors"
	"syscall"
)

func describeLocal(err error) (what string, ok bool) {
	if errors.Is(err, syscall.EDQUOT) {
		return "the disk quota is used up", true
	}
	return "", false
}

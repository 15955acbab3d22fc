//go:build !unix

package roots

import (
	"errors"
	"os"
)

// errLocked means that somebody else has the lock of a folder.
var errLocked = errors.New("another program has locked the folder")

// lock does not lock: elsewhere one process per folder is assumed.
func lock(*os.File) (locked bool, err error) { return false, errors.ErrUnsupported }

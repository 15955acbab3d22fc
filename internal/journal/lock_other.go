//go:build !unix

package journal

import "os"

// Elsewhere one process per state folder is assumed: appends of whole lines
// stay whole, but two processes could use the same approval.
func lockFile(*os.File) error { return nil }

func unlockFile(*os.File) error { return nil }

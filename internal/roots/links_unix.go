//go:build unix

package roots

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs reports whether a file belongs to the user this program runs as.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// countLinks returns the number of names that a file has.
func countLinks(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}

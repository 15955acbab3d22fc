//go:build !unix

package disk

// NoWait is a flag for opening a file. Elsewhere no file makes an open wait.
const NoWait = 0

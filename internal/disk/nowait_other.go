//go:build !unix

package disk

// NoWait is a flag for opening a file. On this system opening never waits.
const NoWait = 0

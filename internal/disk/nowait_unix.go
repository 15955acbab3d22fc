//go:build unix

package disk

import "syscall"

// NoWait is a flag for opening a file: without it, opening a FIFO waits for its
// other end. It has no effect on regular files.
const NoWait = syscall.O_NONBLOCK | syscall.O_NOCTTY

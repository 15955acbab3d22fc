package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// exit is an error with an exit status of its own. Without a cause it is an
// answer, not trouble, and nothing is said about it.
type exit struct {
	status int
	cause  error
}

func (e exit) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

func (e exit) Unwrap() error { return e.cause }

// brokenPipe is the status that shells give a program which SIGPIPE ended.
const brokenPipe = 128 + int(syscall.SIGPIPE)

// exitStatus is the status of an error, and what is to be said about it. A
// reader of stdout that had enough, such as head, is no error to speak of.
func exitStatus(err error) (status int, text string) {
	if write := (*fs.PathError)(nil); errors.As(err, &write) && write.Path == os.Stdout.Name() && errors.Is(write, syscall.EPIPE) {
		return brokenPipe, ""
	}
	if e := (exit{}); errors.As(err, &e) {
		return e.status, e.Error()
	}
	return 1, err.Error()
}

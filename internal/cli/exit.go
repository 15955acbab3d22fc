package cli

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Exit is an error with an exit status of its own. One without a cause is a
// result, not a failure, and prints nothing.
type Exit struct {
	Status int
	Cause  error
}

func (e Exit) Error() string {
	if e.Cause == nil {
		return ""
	}
	return e.Cause.Error()
}

func (e Exit) Unwrap() error { return e.Cause }

// brokenPipe is the status that shells report for a program ended by SIGPIPE.
const brokenPipe = 128 + int(syscall.SIGPIPE)

// exitStatus returns the status of an error, and the message to print. A reader
// that closes its end of stdout early, such as head, is not worth a message.
func exitStatus(err error) (status int, text string) {
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Path == os.Stdout.Name() && errors.Is(failed, syscall.EPIPE) {
		return brokenPipe, ""
	}
	if e := (Exit{}); errors.As(err, &e) {
		return e.Status, e.Error()
	}
	return 1, err.Error()
}

package main

import "errors"

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

// exitStatus is the status of an error, and what is to be said about it.
func exitStatus(err error) (status int, text string) {
	if e := (exit{}); errors.As(err, &e) {
		return e.status, e.Error()
	}
	return 1, err.Error()
}

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal is a context that ends when the process is asked to end: by
// Ctrl-C, SIGTERM, or SIGHUP, which a closed terminal sends. A signal that
// the parent process had set to be ignored stays ignored: nohup does that with SIGHUP,
// a shell with the SIGINT of a background job.
//
// It also keeps SIGPIPE from killing the process: a write to a closed stdout or
// stderr is an error like any other, and work under way goes on. The signal is
// caught, not ignored, because programs that this one starts would inherit
// that.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ends := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			ends = append(ends, s)
		}
	}
	return signal.NotifyContext(ctx, ends...)
}

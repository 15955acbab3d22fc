package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that ends when the process is asked to end: by
// Ctrl-C, SIGTERM, or SIGHUP, which a closed terminal sends. A signal that the
// parent process set to be ignored stays ignored: nohup does that with SIGHUP,
// a shell with the SIGINT of a background job.
//
// It also keeps SIGPIPE from ending the process: a write to a closed stdout or
// stderr returns an error, and work under way continues. The signal is caught
// rather than ignored, because child processes inherit ignored signals.
func UntilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ends := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			ends = append(ends, s)
		}
	}
	return signal.NotifyContext(ctx, ends...)
}

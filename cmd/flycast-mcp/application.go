package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// application is a server, and what has to be closed after it.
type application struct {
	mcp    *mcpserver.MCPServer
	log    *slog.Logger
	stderr *cli.LogWriter // for the log, and other messages while serving
	runs   *call.Runs
	close  []func() error

	tools    tools.Deps      // what the tools are made of
	state    string          // the state folder; empty: none
	platform string          // the URL of its API
	embedded *embedded       // nil: the platform is elsewhere
	sandbox  bool            // on an emulated platform, its own or another process's
	internet verify.Internet // where public names are asked from; nil: nowhere
}

// Close waits for work that outlived its call, since a change that was started is
// finished or put back, and closes the rest. The work continues without a client; a
// signal, before or during Close, ends it between two Machines.
func (a *application) Close() error {
	var errs []error
	if a.runs != nil {
		ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
		defer cancel()
		if a.runs.Wait(ctx) != nil {
			a.interrupt()
			rest, cancel := context.WithTimeout(context.Background(), interruptWithin)
			defer cancel()
			if err := a.runs.Wait(rest); err != nil {
				errs = append(errs, fmt.Errorf("unfinished work was ended after %v; the journal lists it: %w",
					finishWithin+interruptWithin, err))
			}
		}
	}
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	return errors.Join(errs...)
}

// interrupt ends running work after the current Machines.
func (a *application) interrupt() {
	if a.runs.Interrupt() {
		a.log.Warn("unfinished work ends after the current Machines; the rest is not changed")
	}
}

const (
	// finishWithin is how long a server without a client continues its work.
	finishWithin = 10 * time.Minute
	// interruptWithin is how long the current Machines have after that.
	interruptWithin = 15 * time.Minute
)

// openJournal opens the journal. Without a writable journal, nothing that needs an
// approval is done; the rest works.
func (a *application) openJournal(path string, now func() time.Time) *journal.Journal {
	const effect = "nothing that needs an approval will be done"
	j, err := journal.Open(path, now)
	if err != nil {
		a.log.Error("no writable journal: "+effect, "err", err)
		return nil
	}
	a.close = append(a.close, j.Close)
	if err := j.Check(); err != nil {
		a.log.Error(effect, "err", err)
	}
	return j
}

// Command flycast-mcp is an MCP server that takes a Fly.io app off the public
// internet and puts it behind Flycast, safely.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := untilSignal(context.Background())
	code := run(ctx, program{
		args: os.Args[1:], lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: wallClock{}, accountHome: accountHome,
	})
	stop()
	os.Exit(code)
}

// run is the whole program, for main and for tests. It gives the exit code.
func run(ctx context.Context, p program) int {
	root := p.command()
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout) // help is what was asked for
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errors.New(oneLine(err.Error())) })
	if err := root.ExecuteContext(ctx); err != nil {
		status, text := exitStatus(err)
		if text != "" {
			stderr := newLogWriter(p.stderr)                        // an ending program does not wait for a reader
			fmt.Fprintf(stderr, "flycast-mcp: %s\n", escaped(text)) // it may quote what it is about
			_ = stderr.Close()
		}
		return status
	}
	return 0
}

// wallClock is real time.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

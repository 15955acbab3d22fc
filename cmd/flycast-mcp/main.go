// Command flycast-mcp is an MCP server that takes a Fly.io app off the public
// internet and puts it behind Flycast, safely.
package main

import (
	"context"
	"os"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

func main() {
	ctx, stop := cli.UntilSignal(context.Background())
	code := run(ctx, program{
		args: os.Args[1:], lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		clock: wallClock{}, accountHome: statedir.AccountHome,
	})
	stop()
	os.Exit(code)
}

// run runs the whole program, for main and for tests. It returns the exit status.
func run(ctx context.Context, p program) int {
	root := p.command()
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout) // help was asked for, so it is output
	root.SetErr(p.stderr)
	return cli.Run(ctx, root)
}

// wallClock is real time.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Command flysim runs an emulated Fly.io platform on loopback addresses.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

func main() {
	ctx, stop := cli.UntilSignal(context.Background())
	code := run(ctx, program{
		args: os.Args[1:], lookup: os.LookupEnv, now: time.Now,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}

// program is what the outside gives the program.
type program struct {
	args   []string
	lookup func(string) (string, bool) // environment
	now    func() time.Time
	stdin  io.Reader
	stdout io.Writer // the export lines
	stderr io.Writer // everything else
}

// run runs the whole program, for main and for tests. It returns the exit status.
func run(ctx context.Context, p program) int {
	root := p.command()
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	return cli.Run(ctx, root)
}

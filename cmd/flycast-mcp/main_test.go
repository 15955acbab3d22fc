package main

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// TestMain lets scripts run the program as a process of its own: the same run
// as main's, on the clock of the test that starts it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"flycast-mcp": func() {
			ctx, stop := cli.UntilSignal(context.Background())
			p := program{
				args: os.Args[1:], lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
				clock: wallClock{}, workFactor: 2,
			}
			if file := os.Getenv("TEST_CLOCK"); file != "" {
				clock := &sharedClock{file: file}
				p.clock, p.tune = clock, clock.tune
			}
			code := run(ctx, p)
			stop()
			os.Exit(code)
		},
	})
}

var update = flag.Bool("update", false, "write the golden files")

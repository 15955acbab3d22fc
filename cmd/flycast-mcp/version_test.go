package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	var stdout strings.Builder
	code := run(
		context.Background(),
		program{args: []string{"version"}, lookup: os.LookupEnv, stdout: &stdout, stderr: io.Discard, clock: wallClock{}},
	)
	if code != 0 || !strings.HasPrefix(stdout.String(), "flycast-mcp ") {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}

// TestSandboxCommand holds that the command of old names the program that
// replaced it, in one line, whatever its arguments.
func TestSandboxCommand(t *testing.T) {
	for _, args := range [][]string{nil, {"--env-file", "fly.env"}, {"--help"}} {
		var stdout, stderr strings.Builder
		code := run(t.Context(), program{
			args: append([]string{"sandbox"}, args...), lookup: os.LookupEnv,
			stdout: &stdout, stderr: &stderr, clock: wallClock{},
		})
		if code != 1 || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 ||
			!strings.Contains(stderr.String(), "flysim; install it with go install "+
				"github.com/flycast-mcp/flycast-mcp/cmd/flysim@latest") {
			t.Errorf("%q: exit status %d, stdout %q, stderr %q", args, code, &stdout, &stderr)
		}
	}
}

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		err    error
		status int
		stderr string
	}{
		{"no error", nil, nil, 0, ""},
		{"an error", nil, errors.New("no\x1b[2J luck"), 1, "prog: no\\u001b[2J luck\n"},
		{"a status", nil, fmt.Errorf("sub: %w", Exit{Status: 3, Cause: errors.New("why")}), 3, "prog: why\n"},
		{"a result", nil, Exit{Status: 1}, 1, ""},
		{"nobody reads", nil, &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}, brokenPipe, ""},
		{"a flag", []string{"--no\nsuch"}, nil, 1, "prog: unknown flag: --no\\nsuch\n"},
		{"help for nothing", []string{"help", "x"}, nil, 1, "prog: there is no command \"x\"; prog help lists them\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			root := &cobra.Command{Use: "prog", RunE: func(*cobra.Command, []string) error { return tt.err }}
			root.AddCommand(VersionCommand())
			root.SetArgs(append([]string{}, tt.args...))
			root.SetOut(&stdout)
			root.SetErr(&stderr)
			if got := Run(t.Context(), root); got != tt.status || stderr.String() != tt.stderr || stdout.Len() > 0 {
				t.Errorf("status %d, stderr %q, stdout %q; want %d, %q", got, &stderr, &stdout, tt.status, tt.stderr)
			}
		})
	}
}

package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// firstCalls are a handshake and a call.
const firstCalls = `{"jsonrpc":"2.0","id":1,"method":"initialize",` +
	`"params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_ips","arguments":{"app":"shop-api"}}}
`

// TestEmptyEnvironment starts the process without a single variable, as some
// clients and service managers do.
func TestEmptyEnvironment(t *testing.T) {
	path, err := exec.LookPath("flycast-mcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		dir  string
		want string
	}{
		// With --state-dir: the account that runs the tests has a home.
		{[]string{"--sandbox", "--state-dir", filepath.Join(t.TempDir(), "state")}, "/", `"verdict":"public"`},
		{[]string{"--state-dir", filepath.Join(t.TempDir(), "state")}, t.TempDir(), "no access token is set"},
	} {
		cmd := exec.Command(path, append([]string{"stdio", "--log-level", "error"}, tt.args...)...)
		cmd.Env, cmd.Dir, cmd.Stdin = []string{}, tt.dir, strings.NewReader(firstCalls)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%v in %s: %v, %.300s, %s", tt.args, tt.dir, err, out, stderr.String())
		}
	}
}

// TestNoHome starts the server where the system knows no home folder either.
func TestNoHome(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":             {},
		"a relative home":     {"HOME": "home"},
		"an empty home":       {"HOME": ""},
		"configuration alone": {"XDG_CONFIG_HOME": t.TempDir()},
		"AppData":             {"AppData": t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var stdout, stderr strings.Builder
			code := run(context.Background(), program{
				args:   []string{"stdio"},
				lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
				stdin:  strings.NewReader(firstCalls), stdout: &stdout, stderr: &stderr, clock: wallClock{},
			})
			if code != 0 || !strings.Contains(stdout.String(), "no access token is set") {
				t.Errorf("exit code %d, %s, %s", code, stdout.String(), stderr.String())
			}
			left, err := os.ReadDir(".")
			if err != nil || len(left) > 0 {
				t.Errorf("the working directory has %v, %v", left, err)
			}
		})
	}
}

// TestPlaceholderInLog: the log says at the start that a client filled in no token.
func TestPlaceholderInLog(t *testing.T) {
	var stderr strings.Builder
	env := map[string]string{
		"FLY_API_TOKEN": "${FLY_API_TOKEN:-fo1_hunter2}",
		"FLY_ORG":       "$FLY_ORG",
		"FLY_APP":       "${FLY_APP}",
	}
	code := run(context.Background(), program{
		args:   []string{"stdio", "--state-dir", filepath.Join(t.TempDir(), "state"), "--root", t.TempDir()},
		lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		stdin:  strings.NewReader(""), stdout: io.Discard, stderr: &stderr, clock: wallClock{},
	})
	if log := stderr.String(); code != 0 || !strings.Contains(log, "FLY_API_TOKEN holds ${…}") ||
		strings.Contains(log, "hunter2") {
		t.Errorf("exit code %d, %s", code, log)
	}
}

// TestStdioAtTerminal: a person who starts the server by hand is told what it
// waits for, in one line, without colors where those are not wanted.
func TestStdioAtTerminal(t *testing.T) {
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer keyboard.Close()
	defer tty.Close()
	env := map[string]string{"HOME": t.TempDir(), "NO_COLOR": "1", "FLY_API_TOKEN": "<your-token>"}
	var stdout strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, program{
			args:   []string{"stdio", "--root", env["HOME"]},
			lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			stdin:  tty, stdout: &stdout, stderr: tty, clock: wallClock{},
		})
	}()
	var written []string
	for screen := bufio.NewScanner(keyboard); screen.Scan(); {
		written = append(written, screen.Text())
		if strings.Contains(screen.Text(), "waits for") {
			break
		}
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	text := strings.Join(written, "\n")
	if !strings.Contains(text, "waits for an MCP client on stdin") || !strings.Contains(text, "Ctrl-C quits") {
		t.Errorf("got %q", text)
	}
	if !strings.Contains(text, "FLY_API_TOKEN holds") || strings.Contains(text, "\x1b") || stdout.Len() > 0 {
		t.Errorf("got %q, and on stdout %q", text, stdout.String())
	}
}

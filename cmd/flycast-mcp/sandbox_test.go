package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSandboxCommand holds that the printed lines are all a client needs: the
// program itself, pointed there by them, finds the example apps.
func TestSandboxCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	dir, done := filepath.Join(t.TempDir(), "configs"), make(chan int, 1)
	go func() {
		done <- run(ctx, program{
			args: []string{"sandbox", "--write-configs", dir}, lookup: func(string) (string, bool) { return "", false },
			stdin: strings.NewReader(""), stdout: in, stderr: io.Discard, clock: wallClock{},
		})
		_ = in.Close()
	}()
	env := make(map[string]string)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line, ok := strings.CutPrefix(lines.Text(), "export ")
		if !ok {
			t.Fatalf("not an export line: %q", lines.Text())
		}
		name, value, _ := strings.Cut(line, "=")
		env[name] = strings.Trim(value, "'")
		if name == "no_proxy" {
			break // the last one
		}
	}
	env["HOME"] = t.TempDir()
	var stdout strings.Builder
	requests := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_ips","arguments":{"app":"inner-circle"}}}
`
	code := run(context.Background(), program{
		args: []string{"stdio", "--log-level", "error"}, lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		stdin: strings.NewReader(requests), stdout: &stdout, stderr: io.Discard, clock: wallClock{},
	})
	if code != 0 || !strings.Contains(stdout.String(), `"verdict":"private"`) {
		t.Errorf("exit code %d, answers:\n%s", code, stdout.String())
	}
	for _, app := range []string{"shop-api", "legacy-api", "inner-circle", "game-server", "tenant-7"} {
		if _, err := os.Stat(filepath.Join(dir, app, "fly.toml")); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("sandbox: exit code %d, want 0", code)
	}
}

func TestVersion(t *testing.T) {
	var stdout strings.Builder
	code := run(context.Background(), program{args: []string{"version"}, lookup: os.LookupEnv, stdout: &stdout, stderr: io.Discard, clock: wallClock{}})
	if code != 0 || !strings.HasPrefix(stdout.String(), "flycast-mcp ") {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}

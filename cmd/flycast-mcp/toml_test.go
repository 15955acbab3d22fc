package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// runToml runs flycast-mcp toml ARG… in this process.
func runToml(stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(context.Background(), program{
		args: append([]string{"toml"}, args...), lookup: func(string) (string, bool) { return "", false },
		stdin: stdin, stdout: &out, stderr: &errs, clock: wallClock{},
	})
	return out.String(), errs.String(), code
}

// writeFile puts a file into a new folder.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// endless is a stream that counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.read += len(p)
	return len(p), nil
}

func TestTomlReadsNoMoreThanItMay(t *testing.T) {
	big := writeFile(t, "fly.toml", "")
	if err := os.Truncate(big, 100<<20); err != nil { // takes no room
		t.Fatal(err)
	}
	machine := writeFile(t, "machine.json", "")
	if err := os.Truncate(machine, maxMachine+1); err != nil {
		t.Fatal(err)
	}
	small := writeFile(t, "fly.toml", "app = 'a'\n")
	for _, args := range [][]string{
		{"lint", big}, {"patch", big}, {"convert", big}, {"lint", "-"}, {"patch", "-"}, {"convert", "-"},
		{"convert", small, "--existing", machine}, {"convert", small, "--existing", "-"},
	} {
		stdin := &endless{}
		stdout, stderr, code := runToml(stdin, args...)
		if text := stdout + stderr; code != 1 || !strings.Contains(text, "larger than the") {
			t.Errorf("%q: exit code %d, %s", args, code, text)
		}
		if limit := maxMachine * 2; stdin.read > limit {
			t.Errorf("%q: read %d bytes of an endless stream", args, stdin.read)
		}
		if args[1] == "-" && stdin.read > 2*flytoml.MaxSize {
			t.Errorf("%q: read %d bytes of an endless stream", args, stdin.read)
		}
	}
}

// TestTomlReadsFilesOnly holds that what has no end, or no bytes, is refused
// before it is opened.
func TestTomlReadsFilesOnly(t *testing.T) {
	dir := t.TempDir()
	for _, command := range []string{"lint", "patch", "convert"} {
		for _, tt := range []struct{ path, want string }{
			{dir, "is a folder"},
			{os.DevNull, "not a regular file"},
			{filepath.Join(dir, "fly.toml"), "no such file"},
		} {
			stdout, stderr, code := runToml(strings.NewReader(""), command, tt.path)
			if text := stdout + stderr; code != 1 || !strings.Contains(text, tt.want) {
				t.Errorf("%s %s: exit code %d, %q", command, tt.path, code, text)
			}
			if strings.Contains(stderr, "stat ") {
				t.Errorf("%s: %s", command, stderr)
			}
		}
	}
}

// TestTomlStdinEnds holds that Ctrl-C ends a command that waits for its input.
func TestTomlStdinEnds(t *testing.T) {
	for _, command := range []string{"lint", "patch", "convert"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		in, out := io.Pipe()
		defer out.Close()
		var stdout, stderr bytes.Buffer
		code := run(ctx, program{args: []string{"toml", command, "-", "--json"}, stdin: in, stdout: &stdout,
			stderr: &stderr, clock: wallClock{}})
		if code != 1 || !strings.Contains(stderr.String(), "interrupted") || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, %s, %s", command, code, &stdout, &stderr)
		}
	}
}

// TestTomlOnTerminal holds that a terminal is never given a control character
// of the file, by any way out, and that anything else gets the file's bytes.
func TestTomlOnTerminal(t *testing.T) {
	const obeyed = "\u202e\u009b"
	const hostile = obeyed + "31m"
	path := writeFile(t, "fly.toml", "app = 'a'\n# "+hostile+"\n[http_service]\n  internal_port = 8080\n"+
		"  force_https = true # "+hostile+
		"\n  auto_stop_machines = true\n  auto_start_machines = true\n[processes]\n"+`"`+hostile+`" = "`+hostile+"\"\n")
	for _, args := range [][]string{
		{"patch", path}, {"patch", path, "--json"}, {"lint", path}, {"lint", path, "--json"}, {"convert", path},
		{"convert", path, "--json"},
		{"convert", path, "--group", "no" + hostile}, {"lint", "no" + hostile},
	} {
		master, tty, err := pty.Open()
		if errors.Is(err, pty.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan string)
		go func() {
			all, _ := io.ReadAll(master) // ends with an error on Linux
			seen <- string(all)
		}()
		run(context.Background(), program{args: append([]string{"toml"}, args...), stdin: strings.NewReader(""),
			stdout: tty, stderr: tty, clock: wallClock{}})
		tty.Close()
		if got := <-seen; got == "" || strings.ContainsAny(got, obeyed) || !strings.Contains(got,
			`\u202e`) && args[0] == "patch" {
			t.Errorf("%q: the terminal got %q", args, got)
		}
		master.Close()
	}
	if stdout, _, _ := runToml(nil, "patch", path); !strings.Contains(stdout, hostile) {
		t.Errorf("the diff in a pipe is not of the file's bytes: %q", stdout)
	}
}

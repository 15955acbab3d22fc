package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// shopA is a Machine of the example app shop-api.
const shopA = "148e21ea7d9d89"

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// TestLines runs the program between pipes: exports on stdout, the same
// in a file, what happens on stderr, and a page that answers.
func TestLines(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logged, stderr := io.Pipe()
	envFile, done := filepath.Join(t.TempDir(), "fly.env"), make(chan int, 1)
	if err := os.WriteFile(envFile, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	go func() {
		done <- run(ctx, program{
			args: []string{"--env-file", envFile, "--speed", "60x", "--cold-start", "3s"}, lookup: lookupIn(nil),
			stdin: strings.NewReader(""), stdout: &stdout, stderr: stderr, now: time.Now,
		})
		_ = stderr.Close()
	}()
	lines := bufio.NewScanner(logged)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("never logged %q", want)
	}
	next("emulated Fly platform at http://127.0.0.1:")
	_, rest, _ := strings.Cut(lines.Text(), "page at ")
	url, _, _ := strings.Cut(rest, ";")
	exports, err := os.ReadFile(envFile)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(envFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if string(exports) != stdout.String() {
		t.Errorf("file\n%s\nstdout\n%s", exports, stdout.String())
	}
	env := make(map[string]string)
	for line := range strings.Lines(stdout.String()) {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok || !strings.HasPrefix(line, "export ") {
			t.Errorf("not an export line: %q", line)
		}
		env[name] = strings.Trim(value, "'\n")
	}
	if env["FLYCAST_SANDBOX_PAGE"] != url {
		t.Errorf("the page is at %q, logged as %q", env["FLYCAST_SANDBOX_PAGE"], url)
	}
	answer, err := http.Get(url + "/state")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !strings.Contains(string(body), `"speed":60`) ||
		!strings.Contains(string(body), env["FLY_API_BASE_URL"]) {
		t.Errorf("the page has %s, %v", body, err)
	}
	post, err := http.NewRequestWithContext(
		ctx,
		"POST",
		env["FLY_FLAPS_BASE_URL"]+"/v1/apps/shop-api/machines/"+shopA+"/stop",
		strings.NewReader("{}"),
	)
	if err != nil {
		t.Fatal(err)
	}
	post.Header.Set("Authorization", "Bearer "+env["FLY_API_TOKEN"])
	answer, err = http.DefaultClient.Do(post)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("stop: %v, %+v", err, answer)
	}
	_ = answer.Body.Close()
	next("shop-api " + shopA + " iad started -> stopped")
	cancel()
	go func() { _, _ = io.Copy(io.Discard, logged) }()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if _, err := http.Get(url + "/state"); err == nil {
		t.Error("the page is still served")
	}
}

func TestRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none", "fly.env")
	for _, args := range [][]string{
		{"--speed", "-1x"}, {"--speed", "fast"}, {"--speed", "NaN"}, {"--cold-start", "-1s"}, {"--addr", "0.0.0.0:0"},
		{"--page", "192.0.2.1:80"}, {"--page", "localhost:0"}, {"--env-file", missing},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), program{
				args: args, lookup: lookupIn(nil),
				stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now,
			})
			if code == 0 || stdout.Len() > 0 || !strings.Contains(stderr.String(), strings.TrimSuffix(args[0], "x")) {
				t.Errorf("code %d, stdout %q, stderr %q", code, &stdout, &stderr)
			}
		})
	}
}

// TestTerminal runs the program as a person does: exports once, then the
// table; q ends it and puts the terminal back.
func TestTerminal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		env    map[string]string
		colour bool
	}{
		{"colours", map[string]string{"TERM": "xterm-256color"}, true},
		{"no colours", map[string]string{"TERM": "xterm-256color", "NO_COLOR": "1"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			master, tty, err := pty.Open()
			if errors.Is(err, pty.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
				t.Fatal(err)
			}
			before, err := term.GetState(int(tty.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan int, 1)
			go func() {
				code := run(t.Context(), program{
					lookup: lookupIn(tt.env), stdin: tty, stdout: tty, stderr: tty, now: time.Now,
				})
				if after, err := term.GetState(int(tty.Fd())); err != nil || !reflect.DeepEqual(before, after) {
					t.Errorf("the terminal was not put back: %v", err)
				}
				_ = tty.Close()
				done <- code
			}()
			var screen bytes.Buffer
			read := func(want string) {
				buf := make([]byte, 4096)
				for !strings.Contains(screen.String(), want) {
					n, err := master.Read(buf)
					screen.Write(buf[:n])
					if err != nil {
						t.Fatalf("%v before %q: %q", err, want, screen.String())
					}
				}
			}
			type key struct{ press, want string }
			read("? help")
			for _, k := range []key{{"?", "Signs"}, {"q", "\x1b[?25h"}} {
				if _, err := master.WriteString(k.press); err != nil {
					t.Fatal(err)
				}
				read(k.want)
			}
			go func() { _, _ = io.Copy(io.Discard, master) }()
			if code := <-done; code != 0 {
				t.Errorf("exit code %d", code)
			}
			text := screen.String()
			exports, table := strings.Index(text, "export no_proxy"), strings.Index(text, "LATEST REQUESTS")
			if strings.Count(text, "export no_proxy") != 1 || exports < 0 || table < exports {
				t.Errorf("exports at %d, table at %d: %q", exports, table, text)
			}
			if coloured := strings.Contains(text, "\x1b[32m"); coloured != tt.colour {
				t.Errorf("coloured: %t, want %t", coloured, tt.colour)
			}
		})
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/demo"
)

// noRaceSleep lets a process of a test with the race detector end at once.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// newDemo is a demo of an app, with the program that [TestMain] installed as
// its server.
func newDemo(t *testing.T, app string, in io.Reader, out io.Writer) *demo.Demo {
	t.Helper()
	server, err := exec.LookPath("flycast-mcp")
	if err != nil {
		t.Fatal(err)
	}
	clock := newSharedClock(t)
	return &demo.Demo{
		App: app, Stdin: in, Stdout: out, Stderr: t.Output(), Colors: true, Clock: clock,
		Platform:   clock.platform(flysim.Options{}),
		Executable: server, Env: []string{"TEST_CLOCK=" + clock.file, noRaceSleep},
	}
}

func TestDemo(t *testing.T) {
	for _, test := range []struct {
		app  string
		err  string
		want []string // in this order
	}{
		{"shop-api", "", []string{
			"answers the questions itself",
			"Who can reach the app now", "GET http://shop-api.fly.dev/     301 to https://shop-api.fly.dev/",
			"GET http://shop-api.flycast/     no answer: the name does not resolve",
			"1  list_ips", "66.241.124.11", "no Flycast address",
			"2  make_private", "│ Make shop-api private: allocate a Flycast address, deploy onto 2 Machines, release 2 addresses?",
			"LOST FOR GOOD", "│ NOT CHECKED", "Type the app's name", "› shop-api", "· allocating the Flycast address",
			"(1 of 2): waiting for it to start", "(2 of 2): watching that it stays up",
			"· releasing 66.241.124.11", "[sandbox] shop-api is private",
			"-  force_https          = true", "+  force_https          = false",
			"3  list_ips", "shop-api: private by its addresses", "Flycast",
			"after 5 min without a request, autostop has stopped Machine",
			"after 10 min without a request, autostop has stopped Machine 148e21ea7d9d89",
			"4  verify_private", "│ Join the private network of shop-api", "Tick to approve",
			"verified: addresses, services, listens, no_redirect",
			"after 5 min without a request, autostop has stopped Machine 148e21ea7d9d89",
			"Verdict", "shop-api is private", "Verified", "answers: port 80: status 200",
			"wakes: all Machines were stopped", "gone_outside:",
			"claude mcp add",
		}},
		{"legacy-api", "", []string{
			"api.legacy-shop.example", "of group worker keeps running: it has no services", "legacy-api is private",
		}},
		{"tenant-7", "", []string{"network tenant-7", "tenant-7 is private"}},
		{"game-server", "game-server is not private at the end", []string{"Flycast does not carry UDP"}},
	} {
		t.Run(test.app, func(t *testing.T) {
			dir := temporary(t)
			var out bytes.Buffer
			err := newDemo(t, test.app, strings.NewReader(""), &out).Run(t.Context())
			if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
			checkPage(t, out.String(), test.want)
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// temporary is an empty folder that temporary files go to from now on.
func temporary(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tmp")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	return dir
}

// checkPage wants pieces in their order, within the width, and nothing secret.
func checkPage(t *testing.T, page string, want []string) {
	t.Helper()
	rest := page
	for _, piece := range want {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			t.Errorf("no %q in:\n%s", piece, page)
			return
		}
		rest = after
	}
	for line := range strings.Lines(page) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > demo.PageWidth {
			t.Errorf("%d columns, want at most %d: %s", n, demo.PageWidth, line)
		}
	}
	for _, secret := range []string{"postgres://", "sw0rdfish", "sandbox-", "\x1b"} {
		if strings.Contains(page, secret) {
			t.Errorf("%q is on the page:\n%s", secret, page)
		}
	}
}

// typist types at a pseudo-terminal: each answer once its question is there.
type typist struct {
	t       *testing.T
	demo    *demo.Demo
	answers []struct{ question, typed string }
}

// run gives what was on the screen and how the demo ended.
func (p typist) run(ctx context.Context) (screen string, err error) {
	p.t.Helper()
	keyboard, tty, err := pty.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = keyboard.Close() }()
	p.demo.Stdin, p.demo.Stdout = tty, tty
	ended := make(chan error, 1)
	go func() {
		ended <- p.demo.Run(ctx)
		_ = tty.Close() // ends the reading below
	}()
	var seen strings.Builder
	answers := p.answers
	waiting := 0 // where the next question begins
	for r := bufio.NewReader(keyboard); ; {
		c, _, err := r.ReadRune()
		if err != nil {
			break
		}
		seen.WriteRune(c)
		if c != '›' || len(answers) == 0 {
			continue
		}
		if question := seen.String()[waiting:]; !strings.Contains(question, answers[0].question) {
			p.t.Errorf("no %q in the question:\n%s", answers[0].question, question)
		}
		waiting = seen.Len()
		if _, err := io.WriteString(keyboard, answers[0].typed+"\n"); err != nil {
			p.t.Error(err)
		}
		answers = answers[1:]
	}
	if len(answers) > 0 {
		p.t.Errorf("never asked: %v", answers)
	}
	return seen.String(), <-ended
}

func TestDemoAsksThePerson(t *testing.T) {
	t.Parallel()
	type answers = []struct{ question, typed string }
	for _, test := range []struct {
		name    string
		answers answers
		private bool
		want    []string
	}{
		{"yes", answers{
			{"Make shop-api private", "shop-apl"}, {"is not the app's name", "shop-api"},
			{"Join the private network of shop-api", "y"},
		}, true, []string{"shop-api is private"}},
		{"Enter declines", answers{{"Make shop-api private", ""}}, false, []string{
			"A person said no.", "shop-api is NOT private: list_ips says public",
			"answers for it on 2a09:8280:1::2d:1111 and 66.241.124.11",
			"make_private: refused, declined. Not done: make_private.",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := typist{t, newDemo(t, "shop-api", nil, nil), test.answers}
			screen, err := p.run(t.Context())
			if (err == nil) != test.private {
				t.Errorf("got error %v, want private %v", err, test.private)
			}
			// Lines are broken where the page is full.
			words := strings.Join(strings.Fields(screen), " ")
			for _, want := range test.want {
				if !strings.Contains(words, want) {
					t.Errorf("no %q in:\n%s", want, screen)
				}
			}
			if strings.Contains(screen, "answers the questions itself") || !strings.Contains(screen, "\x1b[1m") {
				t.Errorf("not run by a person in a terminal:\n%s", screen)
			}
		})
	}
}

// cancelAt ends a context when a text is written.
type cancelAt struct {
	text   string
	cancel context.CancelFunc
}

func (c cancelAt) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(c.text)) {
		c.cancel()
	}
	return len(b), nil
}

// An interrupted demo ends its server and leaves nothing behind, whatever it
// was doing.
func TestDemoInterrupted(t *testing.T) {
	for _, at := range []string{"1  list_ips", "│ Make", "(1 of 2): waiting for it to start"} {
		t.Run(at, func(t *testing.T) {
			dir := temporary(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := newDemo(t, "shop-api", strings.NewReader(""), cancelAt{at, cancel})
			pid := filepath.Join(t.TempDir(), "pid")
			d.Executable = writeScript(t, fmt.Sprintf("echo $$ > '%s'\nexec '%s' \"$@\"\n", pid, d.Executable))
			if err := d.Run(ctx); !errors.Is(err, cli.ErrInterrupted) {
				t.Errorf("got error %v, want %v", err, cli.ErrInterrupted)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			data, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat("/proc/self"); err != nil {
				t.Skip("no /proc to look for the process in")
			}
			if _, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(string(data)))); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the server %s is still there: %v", data, err)
			}
		})
	}
}

// script is an executable shell script.
func writeScript(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// The server's environment is made from nothing.
func TestDemoEnvironment(t *testing.T) {
	t.Setenv("FLY_REGION", "from-the-user")
	t.Setenv("FLY_API_TOKEN", "from-the-user")
	t.Setenv("XDG_STATE_HOME", "/from-the-user")
	dump := filepath.Join(t.TempDir(), "env")
	d := newDemo(t, "inner-circle", strings.NewReader(""), io.Discard)
	d.Executable = writeScript(
		t,
		fmt.Sprintf("tr '\\0' '\\n' < /proc/$$/environ > '%s'\nexec '%s' \"$@\"\n", dump, d.Executable),
	)
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("no /proc to read an environment from")
	}
	if err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("from-the-user")) {
		t.Errorf("the user's environment came through:\n%s", data)
	}
	for _, want := range []string{"FLY_FLAPS_BASE_URL=http://127.0.0.1:", "FLY_ACCESS_TOKEN=sandbox-", "HOME="} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("no %s in:\n%s", want, data)
		}
	}
}

// As a process, with the command line, real time and the exit code.
func TestDemoCommand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		app    string
		code   int
		stdout string
		stderr string
	}{
		{"inner-circle", 0, "inner-circle is private", ""},
		{"nope", 1, "", "not one of the example apps: game-server, inner-circle"},
	} {
		t.Run(test.app, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "flycast-mcp", "demo", "--yes", "--app", test.app)
			cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), noRaceSleep)
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != test.code {
				t.Errorf("got exit code %d, want %d", got, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) ||
				test.stderr == "" && stderr.Len() > 0 {
				t.Errorf("got stdout\n%s\nand stderr\n%s", &stdout, &stderr)
			}
		})
	}
}

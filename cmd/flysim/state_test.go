package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startProgram runs the program until end, which returns its exit code, and
// returns what it exports.
func startProgram(t *testing.T, stderr io.Writer, args ...string) (env map[string]string, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, program{
			args: args, lookup: func(string) (string, bool) { return "", false },
			stdin: strings.NewReader(""), stdout: in, stderr: stderr, now: time.Now,
		})
		_ = in.Close()
	}()
	env = make(map[string]string)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		env[name] = strings.Trim(value, "'")
		if name == "no_proxy" {
			break // the last one
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return env, func() int { cancel(); return <-done }
}

// flaps sends a request to the Machines API of the platform.
func flaps(t *testing.T, env map[string]string, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, env["FLY_FLAPS_BASE_URL"]+"/v1/apps/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+env["FLY_API_TOKEN"])
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	out, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s (%v)", method, path, response.Status, out, err)
	}
	return string(out)
}

// TestState holds that with --state one comes back to what one left.
func TestState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flysim.state")
	env, end := startProgram(t, io.Discard, "--state", file)
	before := flaps(t, env, "GET", "inner-circle/ip_assignments", "")
	flaps(t, env, "POST", "inner-circle/ip_assignments", `{"type":"private_v6"}`)
	after := flaps(t, env, "GET", "inner-circle/ip_assignments", "")
	if before == after {
		t.Fatal("no address was allocated")
	}
	if code := end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	env, end = startProgram(t, io.Discard, "--state", file)
	if got := flaps(t, env, "GET", "inner-circle/ip_assignments", ""); got != after {
		t.Errorf("addresses after a new start:\n%s\nwant\n%s", got, after)
	}
	if _, again := startProgram(t, io.Discard, "--state", file); again() == 0 {
		t.Error("a second program took the same file")
	}
	if code := end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestStateApps holds that the program names the apps that --apps no longer changes.
func TestStateApps(t *testing.T) {
	const note = "these apps exist already"
	file := filepath.Join(t.TempDir(), "flysim.state")
	apps := writeFile(t, "apps.toml", "[[apps]]\nname = 'one'\nhttp_service = { internal_port = 8080 }\n")
	for i, want := range []bool{false, true} {
		var stderr strings.Builder
		env, end := startProgram(t, &stderr, "--state", file, "--apps", apps)
		if got := flaps(t, env, "GET", "one/machines", ""); strings.Count(got, `"instance_id"`) != 1 {
			t.Errorf("start %d: Machines %s", i, got)
		}
		if code := end(); code != 0 {
			t.Errorf("start %d: exit code %d", i, code)
		}
		if got := strings.Contains(stderr.String(), note); got != want {
			t.Errorf("start %d: noted %v, want %v:\n%s", i, got, want, stderr.String())
		}
	}
}

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestFaults holds that a fault of the file, one of a flag and the
// control endpoint work on what the program serves.
func TestFaults(t *testing.T) {
	script := writeFile(t, "faults.toml", "seed = 1\n[[fault]]\noperation = \"app.list\"\nstatus = 503\n")
	var stderr strings.Builder
	env, end := startProgram(
		t,
		&stderr,
		"--faults",
		script,
		"--fault",
		"app.get status=418 chance=1 times=1",
		"--control",
		"127.0.0.1:0",
		"--seed",
		"7",
	)
	get := func(url string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+flysim.DefaultToken)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	api := env["FLY_API_BASE_URL"]
	for path, want := range map[string]int{"/v1/apps?org_slug=personal": 503, "/v1/apps/shop-api": 418} {
		if status, body := get(api + path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
		if status, body := get(api + path); status != 200 {
			t.Errorf("%s again: %d %s", path, status, body)
		}
	}
	if _, body := get(env["FLYCAST_SANDBOX_CONTROL"] + "/faults"); !strings.Contains(body, `"seed": 7`) ||
		strings.Count(body, `"hits": 1`) != 2 {
		t.Errorf("control: %s", body)
	}
	if code := end(); code != 0 || strings.Contains(stderr.String(), "--seed") {
		t.Errorf("exit code %d, want 0:\n%s", code, stderr.String())
	}
}

// TestFaultsRefused holds that a mistake is reported before anything is served or written.
func TestFaultsRefused(t *testing.T) {
	script := writeFile(t, "faults.toml", "[[fault]]\nstatus = 503\nstatsu = 1\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--faults", script}, "faults.toml: line 3: fault.statsu: unknown key"},
		{[]string{"--faults", filepath.Join(t.TempDir(), "none")}, "--faults: open "},
		{[]string{"--fault", "ip.release status=5"}, `--fault "ip.release status=5": status: want 200 to 599`},
		{[]string{"--control", "0.0.0.0:0"}, "--control: address 0.0.0.0:0: "},
		{[]string{"--seed", "x"}, `invalid argument "x"`},
	} {
		var stdout, stderr strings.Builder
		configs := filepath.Join(t.TempDir(), "configs")
		code := run(context.Background(), program{
			args: append(
				[]string{"--write-configs", configs},
				tt.args...), lookup: func(string) (string, bool) { return "", false },
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now,
		})
		if code == 0 || stdout.Len() > 0 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q, want %s", tt.args, code, stdout.String(), stderr.String(), tt.want)
		}
		if _, err := os.Stat(configs); err == nil {
			t.Errorf("%v: configs were written", tt.args)
		}
	}
}

// TestFaultFlags joins file and flags, and draws a seed if none is given.
func TestFaultFlags(t *testing.T) {
	for _, tt := range []struct {
		flags   faultFlags
		printed bool
	}{
		{faultFlags{faults: []string{"app.get status=500 chance=0.5"}}, true},
		{faultFlags{faults: []string{"app.get status=500 chance=0.5"}, seed: 5}, false},
		{faultFlags{faults: []string{"app.get status=500"}}, false},
	} {
		var note string
		platform := flysim.New(flysim.Options{})
		control, err := tt.flags.start(platform, func(text string) { note += text })
		if err != nil {
			t.Fatal(err)
		}
		if control != nil {
			t.Errorf("%+v: an unwanted control endpoint", tt.flags)
		}
		if printed := strings.HasPrefix(note, "--seed "); printed != tt.printed || platform.FaultSeed() == 0 {
			t.Errorf("%+v: seed %d, printed %q", tt.flags, platform.FaultSeed(), note)
		}
	}
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const unpatched = "app = 'a' # ours\r\n\r\n[http_service]\r\n  internal_port = 8080\r\n  force_https = true\r\n"

const asPatched = "app = 'a' # ours\r\n\r\n[http_service]\r\n  internal_port = 8080\r\n  force_https = false\r\n" +
	"  auto_stop_machines = 'stop'\r\n  auto_start_machines = true\r\n  min_machines_running = 0\r\n"

func readBack(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestTomlPatchWrites holds that only --write writes; that it keeps line ends,
// mode and symbolic links; and that the same again does nothing.
func TestTomlPatchWrites(t *testing.T) {
	path := writeFile(t, "fly.toml", unpatched)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{{"patch", link}, {"patch", link, "--json"}, {"patch", link, "--check"}} {
		runToml(nil, args...)
		if got := readBack(t, path); got != unpatched {
			t.Fatalf("%q wrote %q", args, got)
		}
	}
	if stdout, stderr, code := runToml(nil, "patch", link, "--write"); code != 0 || !strings.Contains(stdout,
		"-  force_https = true\r\n") {
		t.Fatalf("--write: exit code %d, %q, %q", code, stdout, stderr)
	}
	if got := readBack(t, path); got != asPatched {
		t.Errorf("written:\n got %q\nwant %q", got, asPatched)
	}
	before, err := os.Stat(path)
	if err != nil || before.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v, want 0640", before.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	stdout, stderr, code := runToml(nil, "patch", link, "--write")
	after, err := os.Stat(path)
	if code != 0 || stdout != "" || !strings.Contains(stderr,
		"already set up") || err != nil || !os.SameFile(before, after) {
		t.Errorf("again: exit code %d, %q, %q, %v; the same file: %t", code, stdout, stderr, err, os.SameFile(before, after))
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

// TestTomlPatchRefuses holds that a file that cannot be edited, or written, is
// left as it is, byte for byte.
func TestTomlPatchRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		flags      []string
		want       string
		object     string // with --json
	}{
		{"fly.toml", "app = \n", nil, "fly.toml:1:7: ", "load_error"},
		{"fly.toml", "[http_service]\nforce_https = true\nForce_HTTPS = true\n", nil, "fly.toml:3:1: ", "edit_error"},
		{"fly.toml", unpatched, []string{"--group", "web"}, `no process group "web"`, "edit_error"},
		{"fly.toml", unpatched, []string{"--min-machines", "-1"}, "min_machines_running", "edit_error"},
		{"fly.toml", unpatched, []string{"--soft-limit", "0"}, "soft_limit", "edit_error"},
		{"fly.toml", unpatched, []string{"--concurrency", "users"}, "requests or connections", "edit_error"},
		{"fly.toml", "", []string{"--create", "--internal-port", "70000"}, "internal_port", "edit_error"},
		{"fly.toml", unpatched, []string{"--create"}, "needs --internal-port", ""},
		{"fly.toml", unpatched, []string{"--internal-port", "80"}, "works only with --create", ""},
		{"fly.toml", unpatched, []string{"--autostop", "true"}, "must be one of stop, suspend, off", ""},
		{"fly.toml", unpatched, []string{"--check"}, "none of the others can be", ""},
		{"fly.toml", unpatched, []string{"--name", "x"}, "--name works only with standard input", ""},
		{"fly.conf", unpatched, nil, "Nothing was written", ""},
	} {
		path := writeFile(t, tt.name, tt.text)
		stdout, stderr, code := runToml(nil, append([]string{"patch", path, "--write"}, tt.flags...)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q %v: exit code %d, %q, %q, want %q", tt.text, tt.flags, code, stdout, stderr, tt.want)
		}
		stdout, stderr, code = runToml(nil, append([]string{"patch", path, "--write", "--json"}, tt.flags...)...)
		var object map[string]string
		if tt.object != "" {
			if err := json.Unmarshal([]byte(stdout), &object); err != nil || len(object) != 1 || object[tt.object] == "" {
				t.Errorf("%q %v: %v in %q, want %s alone", tt.text, tt.flags, err, stdout, tt.object)
			}
		} else if stdout != "" {
			t.Errorf("%q %v: printed %q", tt.text, tt.flags, stdout)
		}
		if code != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q %v --json: exit code %d, %q, want %q", tt.text, tt.flags, code, stderr, tt.want)
		}
		if got := readBack(t, path); got != tt.text {
			t.Errorf("%q %v: the file is now %q", tt.text, tt.flags, got)
		}
	}
	// A name that another name shares would be parted from it.
	path := writeFile(t, "fly.toml", unpatched)
	other := filepath.Join(filepath.Dir(path), "other.toml")
	if err := os.Link(path, other); err != nil {
		t.Skip(err)
	}
	if _, stderr, code := runToml(nil, "patch", path, "--write"); code != 1 || !strings.Contains(stderr,
		"hard link") || readBack(t, other) != unpatched {
		t.Errorf("a file with two names: exit code %d, %q", code, stderr)
	}
}

func TestTomlPatchJSON(t *testing.T) {
	sha := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	path := writeFile(t, "fly.toml", unpatched)
	for _, tt := range []struct {
		flags            []string
		code             int
		changed, written bool
	}{
		{nil, 0, true, false},
		{[]string{"--check"}, 1, true, false},
		{[]string{"--write"}, 0, true, true},
		{[]string{"--write"}, 0, false, false},
		{[]string{"--check"}, 0, false, false},
	} {
		stdout, stderr, code := runToml(nil, append([]string{"patch", path, "--json"}, tt.flags...)...)
		var got rewriteOutput
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%v: %v in %q", tt.flags, err, stdout)
		}
		if code != tt.code || got.Changed != tt.changed || got.Written != tt.written ||
			got.After != sha(asPatched) || got.Changes == nil {
			t.Errorf("%v: exit code %d, %q, %s", tt.flags, code, stderr, stdout)
		}
		if !tt.changed {
			if got.Diff != "" || len(got.Changes) > 0 || got.Before != got.After {
				t.Errorf("%v: %s", tt.flags, stdout)
			}
			continue
		}
		if got.Before != sha(unpatched) || !strings.HasPrefix(got.Diff,
			"--- "+path+"\n+++ "+path+"\n") || len(got.Changes) != 4 {
			t.Errorf("%v: %s", tt.flags, stdout)
		}
		first := `"changes":[{"path":"http_service.force_https","before":"true","after":"false","row":5,"groups":["app"]},`
		if !strings.Contains(stdout, first) {
			t.Errorf("%v: %s\ndoes not hold %s", tt.flags, stdout, first)
		}
	}
}

// TestTomlPatchFilter holds that - gives the whole file as it is to be, changed
// or not, and that --json and --check print something else in its place.
func TestTomlPatchFilter(t *testing.T) {
	for _, tt := range []struct {
		in   string
		args []string
		want string
		code int
	}{
		{unpatched, nil, asPatched, 0},
		{asPatched, nil, asPatched, 0},
		{"app = 'a'\n", nil, "app = 'a'\n", 0},
		{asPatched, []string{"--check"}, "", 0},
		{unpatched, []string{"--write"}, "", 1},
		{"app =\n", nil, "", 1},
	} {
		stdout, stderr, code := runToml(strings.NewReader(tt.in), append([]string{"patch", "-"}, tt.args...)...)
		if stdout != tt.want || code != tt.code {
			t.Errorf("%q %v: exit code %d, %q\n got %q\nwant %q", tt.in, tt.args, code, stderr, stdout, tt.want)
		}
	}
	if stdout, _, code := runToml(strings.NewReader(unpatched), "patch", "-", "--check", "--name",
		"shop/fly.toml"); code != 1 || !strings.HasPrefix(stdout, "--- shop/fly.toml\n") {
		t.Errorf("--check: exit code %d, %q", code, stdout)
	}
}

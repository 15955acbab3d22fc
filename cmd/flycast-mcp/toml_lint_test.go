package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTomlLintJSON(t *testing.T) {
	const service = "[http_service]\ninternal_port = 8080\nauto_stop_machines = 'stop'\n" +
		"auto_start_machines = true\nmin_machines_running = 0\n"
	bad, good := writeFile(t, "fly.toml", "primary_regoin = 'ams'\napp = 'a'\n"+service),
		writeFile(t, "fly.toml", "app = 'a'\n"+service)
	broken := writeFile(t, "fly.toml", "app = \n")
	stdout, stderr, code := runToml(nil, "lint", "--json", bad, good, broken)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if code != 1 || len(lines) != 3 || !strings.Contains(stderr, "3 files: 1 error, ") {
		t.Fatalf("exit code %d, %q\n%s", code, stderr, stdout)
	}
	var got lintOutput
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.File != bad || got.Errors != 0 || got.Warnings == 0 || len(got.Findings) == 0 ||
		got.Findings[0].Code != "unknown_key" || got.Findings[0].Row != 1 {
		t.Errorf("a misspelt key: %s", lines[0])
	}
	name, _ := json.Marshal(good)
	if want := `{"file":` + string(name) + `,"findings":[],"errors":0,"warnings":0}`; lines[1] != want {
		t.Errorf("a good file: %s, want %s", lines[1], want)
	}
	var object map[string]string
	if err := json.Unmarshal([]byte(lines[2]), &object); err != nil || len(object) != 2 || object["file"] != broken ||
		!strings.HasPrefix(object["load_error"], "row 1 column 7\n") {
		t.Errorf("a file that is not TOML: %s, %v", lines[2], err)
	}
	if _, stderr, code := runToml(nil, "lint", "--json", bad, good); code != 0 || stderr != "" {
		t.Errorf("warnings alone: exit code %d, %q", code, stderr)
	}
}

// TestTomlLintMany: the sums have what is too much to be listed.
func TestTomlLintMany(t *testing.T) {
	text := "[http_service]\ninternal_port = 80\n" +
		"auto_start_machines = true\n" + strings.Repeat("[[http_service.checks]]\nzzz = 1\n", 3_000)
	stdout, _, _ := runToml(nil, "lint", "--json", writeFile(t, "fly.toml", text))
	var got lintOutput
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Warnings < 3_000 || len(got.Findings) > 1_003 {
		t.Errorf("%d warnings, %d findings, %v", got.Warnings, len(got.Findings), err)
	}
}

// TestTomlFixLeaves checks that a harmful edit is neither applied nor offered.
func TestTomlFixLeaves(t *testing.T) {
	path := writeFile(t, "fly.toml", "app = 'a'\n[deploy]\nstrategi = 'x'\n[http_service]\ninternal_port = 80\n")
	stdout, stderr, _ := runToml(nil, "lint", "--fix", path)
	if stdout != "" || !strings.Contains(stderr,
		"did you mean strategy?; --fix does not change it") || strings.Contains(stderr, "run it again") {
		t.Errorf("%q\n%s", stdout, stderr)
	}
}

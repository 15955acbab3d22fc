package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// oracleAnswer is what flyctl makes of one file.
type oracleAnswer struct {
	LoadError       string                    `json:"load_error"`
	InvalidReason   string                    `json:"invalid_reason"`
	Groups          []string                  `json:"process_groups"`
	Config          map[string]machine.Config `json:"machine_config"`
	OntoExisting    map[string]machine.Config `json:"machine_config_onto_existing"`
	ConversionError map[string]string         `json:"conversion_error"`
}

// TestTomlConvertOracle compares with every recorded answer of flyctl: from
// nothing, and onto an existing Machine.
func TestTomlConvertOracle(t *testing.T) {
	for _, dir := range []string{
		filepath.Join("..", "..", "flytoml", "testdata", "oracle"),
		filepath.Join("..", "..", "..", "shared", "oracle"), // what that is a copy of, where it stands beside the repository
	} {
		if _, err := os.Stat(filepath.Join(dir, "cases")); err != nil && strings.Contains(dir, "shared") {
			continue
		}
		cases, err := filepath.Glob(filepath.Join(dir, "cases", "*"))
		if err != nil || len(cases) < 90 {
			t.Fatalf("cases in %s: %d, %v", dir, len(cases), err)
		}
		for _, path := range cases {
			data, err := os.ReadFile(filepath.Join(dir, "expected", filepath.Base(path)+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var want oracleAnswer
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			compareConverted(t, want, want.Config, path)
			compareConverted(t, want, want.OntoExisting, path, "--existing", filepath.Join(dir, "existing-machine.json"))
		}
	}
}

func compareConverted(t *testing.T, want oracleAnswer, configs map[string]machine.Config, path string,
	flags ...string) {
	t.Helper()
	stdout, stderr, code := runToml(nil, append([]string{"convert", path, "--json"}, flags...)...)
	var got oracleAnswer
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%s: %v in %q", path, err, stdout)
	}
	if refused := want.LoadError != "" || want.InvalidReason != ""; (code != 0) != refused || (stderr != "") != refused {
		t.Errorf("%s: exit code %d, stderr %q, want refused: %t", path, code, stderr, refused)
	}
	for what, texts := range map[string][2]string{
		"load_error": {got.LoadError, want.LoadError}, "invalid_reason": {got.InvalidReason, want.InvalidReason},
	} {
		if texts[0] != texts[1] {
			t.Errorf("%s: %s:\n got %q\nwant %q", path, what, texts[0], texts[1])
		}
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(stdout), &keys); err != nil {
		t.Fatal(err)
	}
	if want.LoadError != "" {
		if names := slices.Collect(maps.Keys(keys)); len(names) != 1 {
			t.Errorf("%s: the object has %q, want load_error alone", path, names)
		}
		return
	}
	if _, ok := keys["conversion_error"]; ok != (len(want.ConversionError) > 0) || keys["machine_config"] == nil {
		t.Errorf("%s: the object has %q", path, slices.Collect(maps.Keys(keys)))
	}
	if !slices.Equal(got.Groups, want.Groups) || !maps.Equal(got.ConversionError, want.ConversionError) {
		t.Errorf("%s: groups %q, errors %q, want %q, %q", path, got.Groups, got.ConversionError, want.Groups,
			want.ConversionError)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got.Config)), slices.Sorted(maps.Keys(configs))) {
		t.Errorf("%s: configurations of %q, want %q", path, slices.Sorted(maps.Keys(got.Config)),
			slices.Sorted(maps.Keys(configs)))
	}
	for group, config := range got.Config {
		for _, change := range machine.Diff(configs[group], config) {
			t.Errorf("%s %v: %s: from flyctl's to ours: %s", path, flags, group, change)
		}
	}
}

// TestTomlConvertExisting holds that a whole Machine and its config are the
// same to --existing, in a file and on standard input.
func TestTomlConvertExisting(t *testing.T) {
	const config = `{"image": "registry/image:1", "metadata": {"owner": "team"}, "from_the_future": {"x": 1}}`
	path := writeFile(t, "fly.toml", "app = 'a'\n")
	want, _, _ := runToml(nil, "convert", path, "--json", "--existing", writeFile(t, "config.json", config))
	for _, part := range []string{`"from_the_future":{"x":1}`, `"image":"registry/image:1"`, `"owner":"team"`} {
		if !strings.Contains(want, part) {
			t.Errorf("%s is not in %s", part, want)
		}
	}
	whole := `{"id": "148e", "state": "started", "config": ` + config + `, "events": []}`
	if got, stderr, _ := runToml(nil, "convert", path, "--json", "--existing", writeFile(t, "machine.json",
		whole)); got != want {
		t.Errorf("onto a Machine: %s %s\nwant %s", got, stderr, want)
	}
	if got, stderr, _ := runToml(strings.NewReader(whole), "convert", path, "--json", "--existing", "-"); got != want {
		t.Errorf("onto standard input: %s %s\nwant %s", got, stderr, want)
	}
	for text, problem := range map[string]string{
		`[` + whole + `]`:                "not a JSON object",
		`{"id": "148e", "config": null}`: "the Machine has no config",
		`{"id": "148e", "config": "x"}`:  "the Machine has no config",
		`{"image": `:                     "unexpected end",
		``:                               "not a JSON object",
		`{"init": 4}`:                    "not a Machine's configuration",
		`{"config": {"metadata": [1]}}`:  "not a Machine's configuration",
		`{"services": {}}`:               "not a Machine's configuration",
		`{"metadata": {"a": 1}, "x": ` + strings.Repeat("[", 20000): "max depth",
	} {
		stdout, stderr, code := runToml(nil, "convert", path, "--json", "--existing", writeFile(t, "machine.json", text))
		if code != 1 || stdout != "" || !strings.Contains(stderr, problem) {
			t.Errorf("--existing %.40s: exit code %d, %q, %q", text, code, stdout, stderr)
		}
	}
}

// TestTomlConvertUTF8 holds that standard output is UTF-8, whatever a Machine
// holds that was read.
func TestTomlConvertUTF8(t *testing.T) {
	path := writeFile(t, "fly.toml", "app = 'a'\n")
	stdout, stderr, code := runToml(nil, "convert", path, "--json", "--existing", writeFile(t, "machine.json",
		"{\"image\": \"\xff\"}"))
	if code != 0 || !utf8.ValidString(stdout) || !strings.Contains(stdout, "\"image\":\"\uFFFD\"") {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
}

// TestTomlConvertTitle: a name of two lines stays on one.
func TestTomlConvertTitle(t *testing.T) {
	path := writeFile(t, "a\nb.toml", "app = 'a'\n[http_service]\ninternal_port = 80\nprocesses = ['none']\n"+
		"[checks.c]\ntype = 'tcp'\n[[vm]]\nsize = 'none'\n")
	for _, flags := range [][]string{nil, {"--json"}, {"--existing", filepath.Join(filepath.Dir(path), "c\nd")}} {
		_, stderr, code := runToml(nil, append([]string{"convert", path}, flags...)...)
		if code != 1 || strings.Contains(stderr, "a\nb") || strings.Contains(stderr, "c\nd") {
			t.Errorf("%q: exit code %d, %q", flags, code, stderr)
		}
	}
}

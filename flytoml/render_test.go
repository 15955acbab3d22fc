package flytoml

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/google/shlex"
)

const stored = `{
	"unknown": {"b": [1, [2.5, "x"], {"k": null, "l": 1e21}], "a b": 12345678901234567890},
	"app": "shop", "primary_region": "ams", "kill_timeout": 5, "processes": [], "mounts": null, "metrics": [],
	"env": {"PW": "hunter2\"\\", "PRIMARY_REGION": "ams", "TEXT": "one\ntwo\n", "odd key": "\u0001é", "EMPTY": ""},
	"build": {"args": {"TOKEN": "hunter2"}, "image": "x"},
	"http_service": {"internal_port": 8080, "auto_stop_machines": true, "auto_start_machines": true, "min_machines_running": 0,
		"checks": [{"path": "/", "interval": "15s", "headers": {"Authorization": "hunter2"}}],
		"http_options": {"response": {"headers": {"Server": false}}}},
	"services": [{"internal_port": 5432, "auto_stop_machines": "suspend", "ports": [{"port": 5432, "handlers": []}]},
		{"internal_port": 1, "auto_stop_machines": false}],
	"checks": {"c": {"type": "http", "port": 1, "headers": {"A": "hunter2"}}},
	"files": [{"guest_path": "/f", "raw_value": "hunter2"}],
	"machine_config": "{\"dns\": {\"hostname\": \"hunter2\"}}"
}`

func TestRenderTOML(t *testing.T) {
	for name, values := range map[string]Values{"shown.toml": Shown, "masked.toml": Masked} {
		got, err := RenderTOML(json.RawMessage(stored), values)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "render", name), got)
		if _, err := Parse(name, got); err != nil {
			t.Error(err)
		}
		if hidden := !strings.Contains(string(got), "hunter2"); hidden != (values == Masked) {
			t.Errorf("%s: secrets hidden = %t", name, hidden)
		}
	}
}

func TestRenderTOMLRefuses(t *testing.T) {
	for _, definition := range []string{"", "null", "[]", `"x"`, "{} {}", "{", strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)} {
		if got, err := RenderTOML(json.RawMessage(definition), Shown); err == nil {
			t.Errorf("%.20q: got %s", definition, got)
		}
	}
}

// TestDefinitionRoundTrip: the file made of a definition converts as the
// definition itself does.
func TestDefinitionRoundTrip(t *testing.T) {
	check := func(name string, definition []byte) {
		t.Helper()
		var doc map[string]any
		if err := json.Unmarshal(definition, &doc); err != nil {
			t.Fatal(err)
		}
		def, err := define(doc)
		if err != nil {
			return
		}
		file, err := FromDefinition("fly.toml", definition)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if !slices.Equal(file.Groups(), def.groups()) {
			t.Errorf("%s: groups %q, want %q", name, file.Groups(), def.groups())
		}
		for _, group := range def.groups() {
			want, wantErr := def.flatten(group).apply(group, machine.Config{}, localFiles{})
			got, err := file.Apply(group, machine.Config{})
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%s, group %s: error %v, want %v", name, group, err, wantErr)
				continue
			}
			for _, change := range machine.Diff(want, got) {
				t.Errorf("%s, group %s: %s", name, group, change)
			}
		}
	}
	check("stored", []byte(stored))
	for name, file := range readableCases(t) {
		if def, err := file.Definition(); err == nil {
			definition, err := json.Marshal(def)
			if err != nil {
				t.Fatal(err)
			}
			check(name, definition)
		}
	}
}

// readableCases are the oracle's files that are TOML.
func readableCases(t testing.TB) map[string]*File {
	t.Helper()
	paths, err := filepath.Glob("testdata/oracle/cases/*.toml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	files := map[string]*File{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if file, err := Parse(filepath.Base(path), data); err == nil {
			files[filepath.Base(path)] = file
		}
	}
	return files
}

func TestShellJoin(t *testing.T) {
	for _, words := range [][]string{{"a", "b c"}, {""}, {"it's", `"`, `\`, `a\"b'`}, {"#x", "$HOME", "a;b", "é\n"}} {
		got, err := shlex.Split(shellJoin(words))
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q → %s → %q, %v", words, shellJoin(words), got, err)
		}
	}
}

// TestReadableDurations: the text is shorter, the length is the same.
func TestReadableDurations(t *testing.T) {
	for in, want := range map[string]string{
		"15s": "15s", "1m0s": "1m", "1m30s": "1m30s", "1h0m0s": "1h", "10m0s": "10m", "1h10m0s": "1h10m", "1h0m5s": "1h0m5s",
		"0s": "0s", "60s": "60s", "1.5s": "1.5s", "": "", "soon": "soon", "-1m0s": "-1m",
	} {
		if got := readableDuration(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	const definition = `{"kill_timeout":"1m0s","deploy":{"wait_timeout":"10m0s"},"env":{"timeout":"1m0s"},"timeout":"1m0s",
		"checks":{"timeout":{"interval":"1m0s","headers":{"timeout":"1m0s"}}},
		"http_service":{"checks":[{"grace_period":"1m0s","path":"1m0s"}],"http_options":{"response":{"headers":{"interval":"1m0s"}}}}}`
	got, err := RenderTOML(json.RawMessage(definition), Shown)
	if err != nil {
		t.Fatal(err)
	}
	if short, long := strings.Count(string(got), `m"`), strings.Count(string(got), `"1m0s"`); short != 4 || long != 5 {
		t.Errorf("%d short and %d long, want 4 and 5:\n%s", short, long, got)
	}
}

// A string of any kind comes back as it was.
func TestTOMLText(t *testing.T) {
	for _, s := range []string{"", "a", `"`, `\`, "'", "'\"", "\n", "a\nb", "\na'''b", "x\ny'", "\r\n", "\x00\x7f\t", "é‹›", "\u2028"} {
		f := parseFile(t, "app = "+tomlText(s)+"\n"+tomlKey(s)+" = 1\n")
		if f.App() != s {
			t.Errorf("%q: got %q", s, f.App())
		}
		if _, ok := f.doc[s]; !ok {
			t.Errorf("%q: the key is not there", s)
		}
	}
}

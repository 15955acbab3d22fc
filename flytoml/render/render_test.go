package render

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/google/shlex"
)

func TestTOML(t *testing.T) {
	for name, values := range map[string]Values{"shown.toml": Shown, "masked.toml": Masked} {
		file, err := flytoml.FromDefinition("fly.toml", json.RawMessage(flytomltest.Stored))
		if err != nil {
			t.Fatal(err)
		}
		got := TOML(file, values)
		flytomltest.Golden(t, filepath.Join("testdata", "render", name), got)
		if _, err := flytoml.Parse(name, got); err != nil {
			t.Error(err)
		}
		if hidden := !strings.Contains(string(got), "hunter2"); hidden != (values == Masked) {
			t.Errorf("%s: secrets hidden = %t", name, hidden)
		}
	}
}

func TestShellJoin(t *testing.T) {
	for _, words := range [][]string{{"a", "b c"}, {""}, {"it's", `"`, `\`, `a\"b'`}, {"#x", "$HOME", "a;b", "é\n"}} {
		got, err := shlex.Split(shellJoin(words))
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q → %s → %q, %v", words, shellJoin(words), got, err)
		}
	}
}

// TestReadableDurations checks that the shorter text means the same duration.
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
		"http_service":{"checks":[{"grace_period":"1m0s","path":"1m0s"}],
			"http_options":{"response":{"headers":{"interval":"1m0s"}}}}}`
	file, err := flytoml.FromDefinition("fly.toml", json.RawMessage(definition))
	if err != nil {
		t.Fatal(err)
	}
	got := TOML(file, Shown)
	if short, long := strings.Count(string(got), `m"`), strings.Count(string(got), `"1m0s"`); short != 4 || long != 5 {
		t.Errorf("%d short and %d long, want 4 and 5:\n%s", short, long, got)
	}
}

// Any string is unchanged after a round trip.
func TestTOMLText(t *testing.T) {
	for _, s := range []string{"", "a", `"`, `\`, "'", "'\"", "\n", "a\nb", "\na'''b", "x\ny'", "\r\n",
		"\x00\x7f\t", "é‹›", "\u2028"} {
		f := parseTOML(t, "app = "+tomlText(s)+"\n"+tomlKey(s)+" = 1\n")
		if f.App() != s {
			t.Errorf("%q: got %q", s, f.App())
		}
		if _, ok := f.Document()[s]; !ok {
			t.Errorf("%q: the key is not there", s)
		}
	}
}

// TestTOMLConverts checks that the text made from a definition converts as the
// definition does.
func TestTOMLConverts(t *testing.T) {
	definitions := map[string][]byte{"stored": []byte(flytomltest.Stored)}
	for name, data := range flytomltest.Files(t) {
		file, err := flytoml.Parse(name, data)
		if err != nil {
			continue
		}
		if def, err := file.SharedDefinition(); err == nil {
			if definitions[name], err = json.Marshal(def); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, definition := range definitions {
		stored, err := flytoml.FromDefinition("fly.toml", definition)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written := parseTOML(t, string(TOML(stored, Shown)))
		if !slices.Equal(written.Groups(), stored.Groups()) {
			t.Errorf("%s: groups %q, want %q", name, written.Groups(), stored.Groups())
		}
		for _, group := range stored.Groups() {
			want, wantErr := stored.Apply(group, machine.Config{})
			got, err := written.Apply(group, machine.Config{})
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%s, group %s: error %v, want %v", name, group, err, wantErr)
				continue
			}
			for _, change := range machine.Diff(want, got) {
				t.Errorf("%s, group %s: %s", name, group, change)
			}
		}
	}
}

// parseTOML reads a file that must be readable.
func parseTOML(t testing.TB, data string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func parseConfig(t testing.TB, data string) machine.Config {
	t.Helper()
	c, err := machine.ParseConfig([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

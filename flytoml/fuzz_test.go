package flytoml_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
	"go.yaml.in/yaml/v4"
)

// FuzzParse checks that no input makes reading, converting, reviewing or rendering
// panic, that a file keeps its bytes, and that conversion returns a readable
// configuration.
func FuzzParse(f *testing.F) {
	for _, data := range flytomltest.Files(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := flytoml.Parse("fly.toml", data); err == nil {
			exercise(t, file, data)
		}
	})
}

// FuzzParseFormats is FuzzParse for fly.json and fly.yaml. The error of a file that
// cannot be read must have a position. (FuzzLocate checks the positions of keys.)
func FuzzParseFormats(f *testing.F) {
	cases := flytomltest.Files(f)
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		file, err := flytoml.Parse("fly.toml", cases[name])
		if err != nil {
			continue
		}
		if data, err := json.Marshal(file.Document()); err == nil && i%2 == 0 {
			f.Add(data) // and read as YAML, too
			continue
		}
		f.Add(must(yaml.Marshal(file.Document()))(f))
	}
	for _, tt := range hostile() {
		if len(tt[1]) > 500 {
			tt[1] = tt[1][:500]
		}
		f.Add([]byte(tt[1]))
	}
	f.Add([]byte("\xef\xbb\xbfa: &x !!str \"\\x41é\n b\"\r\nb: [*x, 'it''s', ~]\r<<: {c: 1}\u2028---\n"))
	f.Add([]byte(`{"":[{"0":?}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
			file, err := flytoml.Parse(name, data)
			if err != nil {
				if e := err.(*syntax.Error); e.Row < 1 && len(data) <= flytoml.MaxSize && e.Reason != syntax.TooDeepReason() {
					t.Fatalf("no place: %v", err)
				}
				continue
			}
			exercise(t, file, data)
			if fresh, err := file.Format().Decode(data); err != nil || !legacy.Equal(fresh, file.Document()) {
				t.Fatalf("the document changed: %v", err)
			}
		}
	})
}

// exercise calls everything that can be done with a file, except for editing.
func exercise(t *testing.T, file *flytoml.File, data []byte) {
	t.Helper()
	existing := parseConfig(t, `{"init":{"tty":true},"metadata":{"a":"b"},"containers":[{"name":"x"}]}`)
	if string(file.Bytes()) != string(data) {
		t.Fatal("the bytes changed")
	}
	_ = file.Validate()
	for _, finding := range lint.Lint(file) {
		if finding.Code == "" || finding.Row < 0 || finding.Column < 0 {
			t.Fatalf("finding %+v", finding)
		}
	}
	live := map[string]machine.Config{}
	for _, group := range file.Groups() {
		config, err := file.Apply(group, existing)
		if err != nil {
			continue
		}
		if err := config.Validate(); err != nil {
			t.Fatalf("group %q: %v", group, err)
		}
		live[group] = config
	}
	if len(live) > 0 {
		rendered, err := render.FromMachines(file.App(), file.PrimaryRegion(), live, render.Masked)
		if err == nil {
			_, err = flytoml.Parse("fly.toml", rendered)
		}
		if err != nil {
			t.Fatalf("from Machines: %v\n%s", err, rendered)
		}
	}
	def, err := file.Definition()
	if err != nil {
		return
	}
	definition, err := json.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flytoml.FromDefinition("fly.toml", definition); err != nil {
		t.Fatalf("from the definition: %v", err)
	}
}

func parseConfig(t testing.TB, data string) machine.Config {
	t.Helper()
	c, err := machine.ParseConfig([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

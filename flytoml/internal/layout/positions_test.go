package layout_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// walk visits every value of a document with its path.
func walk(path string, value any, visit func(path string, value any)) {
	if path != "" {
		visit(path, value)
	}
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			walk(layout.Join(path, key), item, visit)
		}
	case []any:
		for i, item := range value {
			walk(layout.ItemOf(path, i), item, visit)
		}
	}
}

// checkPositions checks that every value of a file has a place, unless an alias repeats
// it, and that its extent decodes to the value. It returns the number of extents.
func checkPositions(t *testing.T, f *flytoml.File) int {
	t.Helper()
	found := layout.Locate(f.Format(), f.Bytes())
	values := 0
	walk("", f.Document(), func(path string, value any) {
		at, ok := found[path]
		if !ok && f.Format() == syntax.YAML && bytes.ContainsAny(f.Bytes(), "*<") {
			return
		}
		if !ok {
			t.Errorf("%s: %s has no place", f.Name(), path)
			return
		}
		for _, span := range []layout.Span{at.Key, at.Value} {
			if span.Start < 0 || span.End < span.Start || span.End > len(f.Bytes()) {
				t.Fatalf("%s: %s is at %v", f.Name(), path, at)
			}
		}
		if at.Value.End == at.Value.Start {
			return
		}
		values++
		text := string(f.Bytes()[at.Value.Start:at.Value.End])
		alone := [...]string{
			syntax.TOML: "x = " + text,
			syntax.JSON: `{"x":` + text + "}",
			syntax.YAML: "x: " + text,
		}[f.Format()]
		doc, err := f.Format().Decode([]byte(alone))
		if err != nil && f.Format() == syntax.YAML { // ? and - stand for themselves between braces only
			doc, err = f.Format().Decode([]byte("{x: " + text + "}"))
		}
		if err != nil || !legacy.Equal(doc["x"], value) {
			t.Errorf("%s: %s: %q is %v, %v, want %v", f.Name(), path, text, doc["x"], err, value)
		}
	})
	return values
}

func TestPositionsOfEveryValue(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "oracle", "cases", "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := flytoml.Parse(filepath.Base(path), must(os.ReadFile(path))(t))
		if err != nil {
			continue
		}
		values := checkPositions(t, file)
		scalars := 0
		walk("", file.Document(), func(_ string, value any) {
			switch value.(type) {
			case map[string]any, []any:
			default:
				scalars++
			}
		})
		if values < scalars {
			t.Errorf("%s: %d of %d values have an extent", path, values, scalars)
		}
		if data, err := json.MarshalIndent(file.Document(), "", "\t"); err == nil {
			other, err := flytoml.Parse("fly.json", data)
			if err != nil {
				t.Fatal(err)
			}
			if values := checkPositions(t, other); values < scalars {
				t.Errorf("%s as JSON: %d of %d values have an extent", path, values, scalars)
			}
		}
		data := must(yaml.Marshal(file.Document()))(t)
		for _, text := range []string{
			string(data),
			strings.ReplaceAll(string(data), "\n", "\r\n"),
			syntax.ByteOrderMark + string(data),
		} {
			other, err := flytoml.Parse("fly.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			checkPositions(t, other)
		}
	}
}

func TestPositions(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		want       map[string][2]string // path: text of the key, text of the value
	}{
		{"fly.toml", "[[services]]\n'internal_port' = 80 # c\n" +
			"ports = [ # c\n {port = 1}, # d\n\n {b.c = 'é'} ]\n[services.x]\n",
			map[string][2]string{
				"services":                  {"services", ""},
				"services[0]":               {"services", ""},
				"services[0].internal_port": {"'internal_port'", "80"},
				"services[0].ports":         {"ports", "[ # c\n {port = 1}, # d\n\n {b.c = 'é'} ]"},
				"services[0].ports[0]":      {"{port = 1}", "{port = 1}"},
				"services[0].ports[1].b":    {"b", ""},
				"services[0].ports[1].b.c":  {"c", "'é'"},
				"services[0].x":             {"x", ""},
			}},
		{"fly.json", `{"é": [1, {"b c": null}], "d": {}, "d": "\u00e9"}`, map[string][2]string{
			"é":          {`"é"`, `[1, {"b c": null}]`},
			"é[0]":       {"1", "1"},
			`é[1]."b c"`: {`"b c"`, "null"},
			"d":          {`"d"`, `"\u00e9"`},
		}},
		{"fly.yaml", syntax.ByteOrderMark +
			"é: {'é': é, \"b\\\"\": 'it''s'}\r\nlist:\r\n- é\r- - \"é\n  b\"\n" +
			"- a: &x 1\n  b: *x\n  c: !!str 2\n  d: |\n    text\n  e: a\n    b\n  f:\n  g: [1]\n",
			map[string][2]string{
				"é":            {"é", ""},
				"é.é":          {"'é'", "é"},
				`é."b\""`:      {`"b\""`, "'it''s'"},
				"list":         {"list", ""},
				"list[0]":      {"é", "é"},
				"list[1][0]":   {"\"é\n  b\"", "\"é\n  b\""},
				"list[2].a":    {"a", ""},
				"list[2].b":    {"b", ""},
				"list[2].c":    {"c", ""},
				"list[2].d":    {"d", ""},
				"list[2].e":    {"e", ""},
				"list[2].f":    {"f", ""},
				"list[2].g":    {"g", ""},
				"list[2].g[0]": {"1", "1"},
			}},
	} {
		f, err := flytoml.Parse(tt.name, []byte(tt.data))
		if err != nil {
			t.Fatal(err)
		}
		found := layout.Locate(f.Format(), f.Bytes())
		for path, want := range tt.want {
			at, ok := found[path]
			got := [2]string{tt.data[at.Key.Start:at.Key.End], tt.data[at.Value.Start:at.Value.End]}
			if !ok || got != want {
				t.Errorf("%s: %s is %q, %t, want %q", tt.name, path, got, ok, want)
			}
		}
		checkPositions(t, f)
	}
}

// Paths do not grow with the names in them.
func TestPositionsOfLongNames(t *testing.T) {
	long := strings.Repeat("k", 10_000)
	for name, data := range map[string]string{
		"fly.toml": "[" + long + "]\na=1",
		"fly.json": `{"` + long + `": {"a": 1}}`,
		"fly.yaml": `"` + long + `": {a: 1}`,
	} {
		f, err := flytoml.Parse(name, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		for path := range layout.Locate(f.Format(), f.Bytes()) {
			if len(path) > layout.MaxPath {
				t.Errorf("%s: a path of %d bytes", name, len(path))
			}
		}
		checkPositions(t, f)
	}
}

// FuzzLocate checks the positions of every file that can be read.
func FuzzLocate(f *testing.F) {
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
	f.Add([]byte("\xef\xbb\xbfa: &x !!str \"\\x41é\n b\"\r\nb: [*x, 'it''s', ~]\r<<: {c: 1}\u2028---\n"))
	f.Add([]byte(`{"":[{"0":?}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
			if file, err := flytoml.Parse(name, data); err == nil {
				checkPositions(t, file)
			}
		}
	})
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

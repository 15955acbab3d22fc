package flytoml

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"go.yaml.in/yaml/v4"
)

// FuzzParse: no input makes reading, converting, reviewing or rendering panic;
// what is read keeps its bytes, and what converts converts to a readable
// configuration.
func FuzzParse(f *testing.F) {
	for _, data := range oracleCases(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := Parse("fly.toml", data); err == nil {
			exercise(t, file, data)
		}
	})
}

// FuzzParseFormats is FuzzParse for fly.json and fly.yaml. A file that is not
// read has a place where it is wrong, every key of one that is has a place too,
// and what its extents hold is what the keys have.
func FuzzParseFormats(f *testing.F) {
	cases := oracleCases(f)
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		file, err := Parse("fly.toml", cases[name])
		if err != nil {
			continue
		}
		if data, err := json.Marshal(file.doc); err == nil && i%2 == 0 {
			f.Add(data) // and read as YAML, too
			continue
		}
		f.Add(must(yaml.Marshal(file.doc))(f))
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
			file, err := Parse(name, data)
			if err != nil {
				if e := err.(*SyntaxError); e.Row < 1 && len(data) <= MaxSize && e.Reason != tooDeepReason() {
					t.Fatalf("no place: %v", err)
				}
				continue
			}
			exercise(t, file, data)
			checkPositions(t, file)
			if fresh, err := file.format.decode(data); err != nil || !same(fresh, file.doc) {
				t.Fatalf("the document changed: %v", err)
			}
		}
	})
}

// exercise does everything with a file that can be done without editing it.
func exercise(t *testing.T, file *File, data []byte) {
	t.Helper()
	existing := config(t, `{"init":{"tty":true},"metadata":{"a":"b"},"containers":[{"name":"x"}]}`)
	if string(file.Bytes()) != string(data) {
		t.Fatal("the bytes changed")
	}
	_ = file.Validate()
	for _, finding := range file.Lint() {
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
		rendered, err := FromMachines(file.App(), file.PrimaryRegion(), live, Masked)
		if err == nil {
			_, err = Parse("fly.toml", rendered)
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
	if _, err := FromDefinition("fly.toml", definition); err != nil {
		t.Fatalf("from the definition: %v", err)
	}
}

// sameDocument compares documents of which the rendering leaves out what is
// empty at the top.
func sameDocument(t *testing.T, a, b []byte) bool {
	t.Helper()
	normal := func(data []byte) string {
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for key := range doc {
			if empty(key, doc[key]) {
				delete(doc, key)
			}
		}
		out, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return normal(a) == normal(b)
}

// FuzzRenderTOML: whatever JSON object a release stores, the file made of it
// can be read, and reads the same when its own document is rendered again.
func FuzzRenderTOML(f *testing.F) {
	f.Add([]byte(stored))
	f.Add([]byte(`{"a":{"b":[{"c":{}},{"c":{"d":[[{}],[]]}}]},"":null,"x.y":{"z":[{"k":1},2]}}`))
	f.Fuzz(func(t *testing.T, definition []byte) {
		if len(definition) > 1<<16 {
			return
		}
		for _, values := range []Values{Masked, Shown} {
			data, err := RenderTOML(definition, values)
			if err != nil {
				continue
			}
			file, err := Parse("fly.toml", data)
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
			again, err := json.Marshal(file.doc)
			if err != nil {
				continue // an infinite number
			}
			second, err := FromDefinition("fly.toml", again)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(second.doc); err != nil || !sameDocument(t, again, got) {
				t.Fatalf("got\n%s\nwant\n%s", got, again)
			}
		}
	})
}

package flytoml

import (
	"encoding/json"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// FuzzParse: no input makes reading, converting, reviewing or rendering panic;
// what is read keeps its bytes, and what converts converts to a readable
// configuration.
func FuzzParse(f *testing.F) {
	for _, data := range oracleCases(f) {
		f.Add(data)
	}
	existing := config(f, `{"init":{"tty":true},"metadata":{"a":"b"},"containers":[{"name":"x"}]}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("fly.toml", data)
		if err != nil {
			return
		}
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
	})
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

package render

import (
	"encoding/json"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
)

// sameDocument compares documents, ignoring empty sections at the top level, which
// rendering leaves out.
func sameDocument(t *testing.T, a, b []byte) bool {
	t.Helper()
	normal := func(data []byte) string {
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for key := range doc {
			switch value := doc[key].(type) {
			case []any:
				if len(value) > 0 {
					continue
				}
			case map[string]any:
				if len(value) > 0 || key == "http_service" {
					continue
				}
			case nil:
			default:
				continue
			}
			delete(doc, key)
		}
		out, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return normal(a) == normal(b)
}

// FuzzTOML checks that the file made from any stored JSON object can be read, and
// reads the same when its document is rendered again.
func FuzzTOML(f *testing.F) {
	f.Add([]byte(flytomltest.Stored))
	f.Add([]byte(`{"a":{"b":[{"c":{}},{"c":{"d":[[{}],[]]}}]},"":null,"x.y":{"z":[{"k":1},2]}}`))
	f.Fuzz(func(t *testing.T, definition []byte) {
		if len(definition) > 1<<16 {
			return
		}
		for _, values := range []Values{Masked, Shown} {
			stored, err := flytoml.FromDefinition("fly.toml", definition)
			if err != nil {
				continue
			}
			data := TOML(stored, values)
			file, err := flytoml.Parse("fly.toml", data)
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
			again, err := json.Marshal(file.Document())
			if err != nil {
				continue // an infinite number
			}
			second, err := flytoml.FromDefinition("fly.toml", again)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(second.Document()); err != nil || !sameDocument(t, again, got) {
				t.Fatalf("got\n%s\nwant\n%s", got, again)
			}
		}
	})
}

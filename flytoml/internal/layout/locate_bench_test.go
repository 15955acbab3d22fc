package layout_test

import (
	"encoding/json"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"go.yaml.in/yaml/v4"
)

// inFormats is a TOML file in all three formats, by their names.
func inFormats(b *testing.B, data []byte) map[string][]byte {
	b.Helper()
	f, err := flytoml.Parse("fly.toml", data)
	if err != nil {
		b.Fatal(err)
	}
	return map[string][]byte{
		"fly.toml": data,
		"fly.json": must(json.Marshal(f.Document()))(b),
		"fly.yaml": must(yaml.Marshal(f.Document()))(b),
	}
}

func BenchmarkLocate(b *testing.B) {
	for _, size := range []struct {
		name string
		data []byte
	}{
		{"1000 services", flytomltest.ManyServices(1_000)},
		{"10000 services", flytomltest.ManyServices(10_000)},
	} {
		for name, data := range inFormats(b, size.data) {
			f, err := flytoml.Parse(name, data)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(size.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if len(layout.Locate(f.Format(), f.Bytes())) == 0 {
						b.Fatal("no places")
					}
				}
			})
		}
	}
}

package flytoml

import (
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
)

// inFormats is a TOML file in all three formats, by their names.
func inFormats(b *testing.B, data []byte) map[string][]byte {
	b.Helper()
	f, err := Parse("fly.toml", data)
	if err != nil {
		b.Fatal(err)
	}
	return map[string][]byte{
		"fly.toml": data,
		"fly.json": must(json.Marshal(f.doc))(b),
		"fly.yaml": must(yaml.Marshal(f.doc))(b),
	}
}

func BenchmarkParse(b *testing.B) {
	for _, size := range []struct {
		name string
		data []byte
	}{
		{"10KB", flytomltest.TenKB()},
		{"1000 services", flytomltest.ManyServices(1_000)},
		{"10000 services", flytomltest.ManyServices(10_000)},
	} {
		for name, data := range inFormats(b, size.data) {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					f, err := Parse(name, data)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := f.Definition(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

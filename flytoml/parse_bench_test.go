package flytoml

import (
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v4"
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
		{"10KB", tenKB()},
		{"1000 services", manyServices(1_000)},
		{"10000 services", manyServices(10_000)},
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

// BenchmarkParseEdit is to stay under 1 ms and 1 MB.
func BenchmarkParseEdit(b *testing.B) {
	data := tenKB()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := Parse("fly.toml", data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Edit(blueprint()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLocate(b *testing.B) {
	for _, size := range []struct {
		name string
		data []byte
	}{
		{"1000 services", manyServices(1_000)},
		{"10000 services", manyServices(10_000)},
	} {
		for name, data := range inFormats(b, size.data) {
			f, err := Parse(name, data)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(size.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if len(f.locate()) == 0 {
						b.Fatal("no places")
					}
				}
			})
		}
	}
}

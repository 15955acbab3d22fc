package edit

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// manyAs is the same file in one of the other formats.
func manyAs(tb testing.TB, name string, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	switch syntax.FormatOf(name) {
	case syntax.TOML:
		return flytomltest.ManyServices(n)
	case syntax.JSON:
		b.WriteString("{\n  \"services\": [")
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b,
				"\n    {\n      \"internal_port\": %d,\n      \"ports\": [{ \"port\": 80, \"force_https\": true }]\n    }", 40000+i)
		}
		b.WriteString("\n  ]\n}\n")
	case syntax.YAML:
		b.WriteString("services:\n")
		for i := range n {
			fmt.Fprintf(&b, "- internal_port: %d\n  ports:\n  - port: 80\n    force_https: true\n", 40000+i)
		}
	}
	return b.Bytes()
}

func TestEditManyServices(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"fly.toml": "auto_start_machines = true\n",
		"fly.json": "\"auto_start_machines\": true,\n",
		"fly.yaml": "auto_start_machines: true\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 1_000
			if name == "fly.toml" {
				n = 5_000
			}
			f, err := flytoml.Parse(name, manyAs(t, name, n))
			if err != nil {
				t.Fatal(err)
			}
			edited, err := Apply(f, blueprint())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(edited.Changes), 4*n; got != want {
				t.Errorf("%d changes, want %d", got, want)
			}
			if got := bytes.Count(edited.After, []byte(line)); got != n {
				t.Errorf("%d services start by themselves, want %d", got, n)
			}
			if got, err := patchText(string(edited.Before), edited.Diff(name)); err != nil || got != string(edited.After) {
				t.Errorf("the diff does not lead to the new text: %v", err)
			}
		})
	}
}

func BenchmarkEdit(b *testing.B) {
	b.Run("10KB", func(b *testing.B) { benchmarkEdit(b, "fly.toml", flytomltest.TenKB()) })
	for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
		for _, n := range []int{1_000, 10_000} {
			b.Run(fmt.Sprint(name, " ", n, " services"), func(b *testing.B) { benchmarkEdit(b, name, manyAs(b, name, n)) })
		}
	}
}

func benchmarkEdit(b *testing.B, name string, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := flytoml.Parse(name, data)
		if err != nil {
			b.Fatal(err)
		}
		edited, err := Apply(f, blueprint())
		if err != nil {
			b.Fatal(err)
		}
		if len(edited.Changes) == 0 {
			b.Fatal("no changes")
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		f, err := flytoml.Parse("fly.toml", flytomltest.ManyServices(n))
		if err != nil {
			b.Fatal(err)
		}
		edited, err := Apply(f, blueprint())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n, " services"), func(b *testing.B) {
			for b.Loop() {
				if edited.Diff("fly.toml") == "" {
					b.Fatal("no diff")
				}
			}
		})
	}
}

// BenchmarkParseEdit must stay under 1 ms and 1 MB.
func BenchmarkParseEdit(b *testing.B) {
	data := flytomltest.TenKB()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := flytoml.Parse("fly.toml", data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Apply(f, blueprint()); err != nil {
			b.Fatal(err)
		}
	}
}

package flytoml

import (
	"bytes"
	"fmt"
	"testing"
)

// manyServices is a file with n services, each of which an edit touches.
func manyServices(n int) []byte {
	var b bytes.Buffer
	b.WriteString("app = 'many'\n")
	for i := range n {
		fmt.Fprintf(&b, "\n[[services]]\n  internal_port = %d\n  [[services.ports]]\n    port = 80\n    force_https = true\n", 40000+i)
	}
	return b.Bytes()
}

// manyAs is the same file in one of the other formats.
func manyAs(tb testing.TB, name string, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	switch formatOf(name) {
	case formatTOML:
		return manyServices(n)
	case formatJSON:
		b.WriteString("{\n  \"services\": [")
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "\n    {\n      \"internal_port\": %d,\n      \"ports\": [{ \"port\": 80, \"force_https\": true }]\n    }", 40000+i)
		}
		b.WriteString("\n  ]\n}\n")
	case formatYAML:
		b.WriteString("services:\n")
		for i := range n {
			fmt.Fprintf(&b, "- internal_port: %d\n  ports:\n  - port: 80\n    force_https: true\n", 40000+i)
		}
	}
	return b.Bytes()
}

// tenKB is a fly.toml of 10 KB with what such files hold.
func tenKB() []byte {
	var b bytes.Buffer
	b.WriteString("app = 'ten'\nprimary_region = 'ams'\n\n[env]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "  SETTING_%02d = 'a value of some length' # and why it is so\n", i)
	}
	for i := range 22 {
		fmt.Fprintf(&b, `
# service %d
[[services]]
  protocol = 'tcp'
  internal_port = %d
  auto_stop_machines = 'off'

  [[services.ports]]
    port = %d
    handlers = ['http']
    force_https = true

  [[services.tcp_checks]]
    interval = '15s'
    timeout = '2s'
    grace_period = '1s'
`, i, 40000+i, 9000+i)
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
			f, err := Parse(name, manyAs(t, name, n))
			if err != nil {
				t.Fatal(err)
			}
			edited, err := f.Edit(blueprint())
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
	b.Run("10KB", func(b *testing.B) { benchmarkEdit(b, "fly.toml", tenKB()) })
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
		f, err := Parse(name, data)
		if err != nil {
			b.Fatal(err)
		}
		edited, err := f.Edit(blueprint())
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
		f, err := Parse("fly.toml", manyServices(n))
		if err != nil {
			b.Fatal(err)
		}
		edited, err := f.Edit(blueprint())
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

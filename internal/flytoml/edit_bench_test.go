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
		fmt.Fprintf(&b, "\n[[services]]\n  internal_port = %d\n  [[services.ports]]\n    force_https = true\n", 1+i)
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
`, i, 8000+i, 9000+i)
	}
	return b.Bytes()
}

func TestEditManyServices(t *testing.T) {
	const n = 10_000
	f, err := Parse("fly.toml", manyServices(n))
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
	if got := bytes.Count(edited.After, []byte("auto_start_machines = true\n")); got != n {
		t.Errorf("%d services start by themselves, want %d", got, n)
	}
	if got, err := patchText(string(edited.Before), edited.Diff("fly.toml")); err != nil || got != string(edited.After) {
		t.Errorf("the diff does not lead to the new text: %v", err)
	}
}

func BenchmarkEdit(b *testing.B) {
	for _, bench := range []struct {
		name string
		data []byte
	}{
		{"10KB", tenKB()},
		{"1000 services", manyServices(1_000)},
		{"10000 services", manyServices(10_000)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.data)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := Parse("fly.toml", bench.data)
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
		})
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

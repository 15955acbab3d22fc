package flytoml

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// BenchmarkApply converts the groups of the cases 1,000 times onto a Machine.
func BenchmarkApply(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "oracle", "existing-machine.json"))
	if err != nil {
		b.Fatal(err)
	}
	existing := parseConfig(b, string(data))
	type target struct {
		file  *File
		group string
	}
	var targets []target
	paths, err := filepath.Glob(filepath.Join("testdata", "*", "*", "*.toml"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		f, err := Parse("fly.toml", data)
		if err != nil {
			continue
		}
		for _, group := range f.Groups() {
			targets = append(targets, target{f, group})
		}
	}
	for b.Loop() {
		for i := range 1000 {
			t := targets[i%len(targets)]
			t.file.Apply(t.group, existing)
		}
	}
}

// BenchmarkApplyGroups converts every group of one file, each with a service,
// a size and a mount of its own.
func BenchmarkApplyGroups(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := parseFile(b, manyGroups(n))
			groups := f.Groups()
			for b.Loop() {
				for _, group := range groups {
					if _, err := f.Apply(group, machine.Config{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// manyGroups returns a file with n groups, each with its own section of every kind.
func manyGroups(n int) string {
	var text strings.Builder
	text.WriteString("app = 'many'\n[env]\nA = '1'\n[processes]\n")
	for i := range n {
		fmt.Fprintf(&text, "g%d = 'run %d'\n", i, i)
	}
	for i := range n {
		fmt.Fprintf(&text, `[[services]]
internal_port = %d
protocol = 'tcp'
auto_stop_machines = 'stop'
processes = ['g%d']
ports = [{ port = 80, handlers = ['http'] }, { port = 443, handlers = ['tls', 'http'] }]
http_checks = [{ interval = '15s', path = '/' }]
[[vm]]
size = 'shared-cpu-2x'
processes = ['g%d']
[[mounts]]
source = 'd%d'
destination = '/d'
processes = ['g%d']
[[restart]]
policy = 'always'
processes = ['g%d']
[checks.c%d]
type = 'tcp'
port = %d
processes = ['g%d']
`, 1000+i, i, i, i, i, i, i, 1000+i, i)
	}
	return text.String()
}

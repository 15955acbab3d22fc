package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// manyFindings is a file with something to find in each of n services, and for
// every ten of them a process group, a size, a mount and a check.
func manyFindings(n int) string {
	var b strings.Builder
	b.WriteString("app = 'x'\n[processes]\n")
	for i := range n / 10 {
		fmt.Fprintf(&b, "g%d = ''\n", i)
	}
	for i := range n {
		fmt.Fprintf(&b, "[[services]]\nprotocl = 1\nprocesses = ['g%d']\n[[services.ports]]\nport = %d\n", i/10, i%65535+1)
	}
	for i := range n / 10 {
		fmt.Fprintf(&b, "[[vm]]\nprocesses = ['g%d']\n[[mounts]]\nprocesses = ['g%d']\n[checks.c%d]\nport = 0\n"+
			"type = 'tcp'\n", i, i, i)
	}
	return b.String()
}

// TestLintMany: the work is in proportion to the file; each with each of
// thousands of services would not come to an end here. Wide tables are JSON, as
// go-toml compares each key of a table with each.
func TestLintMany(t *testing.T) {
	t.Parallel()
	const many = 5_000
	long := strings.Repeat("x.", 150_000)
	for _, tt := range []struct{ what, name, text string }{
		{"services", "fly.json", manyJSON(1_000)},
		{"services in TOML", "fly.toml", manyFindings(1_000)},
		{"many services", "fly.toml", "app = 'x'\n" + strings.Repeat("[[services]]\ninternal_port = 1\n"+
			"protocl = 'tcp'\n[[services.ports]]\nport = 0\n", many)},
		{"unknown keys", "fly.json", "{" + unknownKeys(many) + "}"},
		{"keys near a known one", "fly.json", `{"http_service": {` + nearKeys() + "}}"},
		{"overlapping ranges", "fly.toml", "app = 'x'\n[[services]]\n" + strings.Repeat("[[services.ports]]\n"+
			"start_port = 1\nend_port = 9\n", many)},
		{"a long name", "fly.json", `{"checks": {"` + long + `": {` + unknownKeys(many) + "}}}"},
		{"a long quoted name", "fly.toml", "[[checks]]\nname = '" + long + "'\n"},
		{"a long header", "fly.toml", "[checks.'" + long + "']\n" + strings.Repeat("x.a.", 10) + "b = 1\n"},
		{"environment", "fly.json", `{"env": {` + unknownKeys(many) + "}}"},
		{"files", "fly.toml", strings.Repeat("[[files]]\nguest_path = '/x'\nx = 1\n", many)},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			f, err := flytoml.Parse(tt.name, []byte(tt.text))
			if err != nil {
				t.Fatalf("%d bytes: %v", len(tt.text), err)
			}
			if findings := Lint(f); len(findings) == 0 {
				t.Error("nothing found")
			}
		})
	}
}

// unknownKeys are n members of a JSON object.
func unknownKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"key_%d": [1],`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// nearKeys are members that differ in two letters from internal_port.
func nearKeys() string {
	var b strings.Builder
	name := []rune("internal_port")
	for i := range name {
		for j := range i {
			for c := range 40 {
				key := slices.Clone(name)
				key[i], key[j] = '0'+rune(c%10), 'a'+rune(c/10)
				fmt.Fprintf(&b, `"%s": [1],`, string(key))
			}
		}
	}
	return strings.TrimSuffix(b.String(), ",")
}

// manyJSON has n groups, and for each a service, a size, a mount and a check.
func manyJSON(n int) string {
	var processes, services, vms, mounts, checks []string
	for i := range n {
		processes = append(processes, fmt.Sprintf(`"g%d": ""`, i))
		services = append(services, fmt.Sprintf(`{"protocl": 1, "processes": ["g%d"], "ports": [{"port": %d}]}`, i, i))
		vms = append(vms, fmt.Sprintf(`{"processes": ["g%d"]}`, i))
		mounts = append(mounts, fmt.Sprintf(`{"processes": ["g%d"]}`, i))
		checks = append(checks, fmt.Sprintf(`"c%d": {"type": "tcp"}`, i))
	}
	join := func(items []string) string { return strings.Join(items, ",\n") }
	return fmt.Sprintf(`{"processes": {%s}, "services": [%s], "vm": [%s], "mounts": [%s], "checks": {%s}}`,
		join(processes), join(services), join(vms), join(mounts), join(checks))
}

func BenchmarkLintMany(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f, err := flytoml.Parse("fly.toml", []byte(manyFindings(n)))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				Lint(f)
			}
		})
	}
}

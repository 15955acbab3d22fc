package lint

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// servicesIn is a file with n services, each with something to edit and to
// find in it, and a process group for every ten of them.
func servicesIn(name string, n int) string {
	var groups, services []string
	group, service, text := "g%d = ''", "[[services]]\ninternal_port = %d\nprotocl = 'tcp'\n"+
		"processes = ['g%d']\n[[services.ports]]\nport = %d\nforce_https = true\nhandlers = ['http']", "[processes]\n%s\n%s\n"
	separator := "\n"
	switch syntax.FormatOf(name) {
	case syntax.JSON:
		group, separator = `"g%d": ""`, ",\n"
		service = `{"internal_port": %d, "protocl": "tcp", "processes": ["g%d"], "ports": [{"port": %d, ` +
			`"force_https": true, "handlers": ["http"]}]}`
		text = `{"processes": {%s}, "services": [%s]}`
	case syntax.YAML:
		group = "  g%d: ''"
		service = "- internal_port: %d\n  protocl: tcp\n  processes: [g%d]\n  ports:\n  - port: %d\n" +
			"    force_https: true\n    handlers: [http]"
		text = "processes:\n%s\nservices:\n%s\n"
	}
	for i := range n {
		if i%10 == 0 {
			groups = append(groups, fmt.Sprintf(group, i/10))
		}
		services = append(services, fmt.Sprintf(service, i+1, i/10, i+1))
	}
	return fmt.Sprintf(text, strings.Join(groups, separator), strings.Join(services, separator))
}

// TestGrowth: ten times the services take no more than twenty times the memory
// and allocations, where a copy inside a loop would take a hundred times.
// (go-toml takes more than ten.) It is not parallel, as it counts what the whole
// process allocates.
func TestGrowth(t *testing.T) {
	const few, many = 150, 1_500
	blueprint := edit.Blueprint()
	for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
		files := map[int]*flytoml.File{few: parseNamed(t, name, servicesIn(name, few)), many: parseNamed(t, name,
			servicesIn(name, many))}
		for n, f := range files {
			if _, err := f.SharedDefinition(); err != nil {
				t.Fatalf("%d services: %v", n, err)
			}
		}
		for _, work := range []struct {
			name string
			do   func(f *flytoml.File) (done bool)
		}{
			{"Parse", func(f *flytoml.File) bool {
				again, err := flytoml.Parse(name, f.Bytes())
				if err != nil {
					return false
				}
				_, err = again.SharedDefinition()
				return err == nil
			}},
			{"Lint", func(f *flytoml.File) bool { return len(Lint(f)) >= few }},
			{"Validate", func(f *flytoml.File) bool { return f.Validate() == nil }},
			{"Edit", func(f *flytoml.File) bool {
				edited, err := edit.Apply(f, blueprint)
				return err == nil && len(edited.Changes) >= few && edited.Diff(name) != ""
			}},
		} {
			cost := func(n int) (bytes, count uint64) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				done := work.do(files[n])
				runtime.ReadMemStats(&after)
				if !done {
					t.Errorf("%s of %s: of %d services it does not do what it should", work.name, name, n)
				}
				return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
			}
			cost(few) // what is made once
			fewBytes, fewCount := cost(few)
			manyBytes, manyCount := cost(many)
			if manyBytes > 20*fewBytes || manyCount > 20*fewCount {
				t.Errorf("%s of %s: %d bytes and %d allocations for %d services, %d and %d for %d",
					work.name, name, fewBytes, fewCount, few, manyBytes, manyCount, many)
			}
		}
	}
}

// TestEditCost: to read and edit a file of 10 KB takes about half a megabyte. It
// is not parallel, as it counts what the whole process allocates.
func TestEditCost(t *testing.T) {
	data, blueprint := flytomltest.TenKB(), edit.Blueprint()
	edit := func() {
		f, err := flytoml.Parse("fly.toml", data)
		if err != nil {
			t.Fatal(err)
		}
		if edited, err := edit.Apply(f, blueprint); err != nil || len(edited.Changes) == 0 {
			t.Fatalf("%v, %v", edited, err)
		}
	}
	edit() // what is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	edit()
	runtime.ReadMemStats(&after)
	if bytes, count := after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs; bytes > 600_000 || count > 8_000 {
		t.Errorf("%d bytes in %d allocations, want at most 600,000 in 8,000", bytes, count)
	}
}

func parseNamed(t *testing.T, name, text string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

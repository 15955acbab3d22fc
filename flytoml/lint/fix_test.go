package lint

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestFixNoWorse: a key that does harm under its right name keeps its wrong
// one, and others do not.
func TestFixNoWorse(t *testing.T) {
	for _, tt := range []struct{ what, name, text, want, left string }{
		{"invalid", "fly.toml", "[deploy]\nstrategi = 'x'\nrelease_comand = 'a'", "[deploy]\nstrategi = 'x'\n" +
			"release_command = 'a'", "deploy.strategi"},
		{"invalid, among others", "fly.toml", "primary_regoin = 'ams'\n[http_service]\ninternal_port = 1\n" +
			"proceses = ['none']\nforse_https = true", "primary_region = 'ams'\n[http_service]\ninternal_port = 1\n" +
			"proceses = ['none']\nforce_https = true", "http_service.proceses"},
		{"not convertible", "fly.toml", "machine_confg = '{\"a\": '", "machine_confg = '{\"a\": '", "machine_confg"},
		{"another file", "fly.toml", "machine_confg = 'm.json'", "machine_confg = 'm.json'", "machine_confg"},
		{"invalid once it can be read", "fly.toml", "[http_service]\nauto_stop_machines = 'on'\n" +
			"[deploy]\nstrategi = 'x'", "[http_service]\nauto_stop_machines = 'stop'\n[deploy]\nstrategi = 'x'",
			"deploy.strategi"},
		{"an error stays", "fly.toml", "[deploy]\nstrategy = 'x'\nrelease_comand = 'a'",
			"[deploy]\nstrategy = 'x'\nrelease_command = 'a'", ""},
	} {
		f, err := flytoml.Parse(tt.name, []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		edited, err := Fix(f, Lint(f))
		if err != nil {
			t.Errorf("%s: %v", tt.what, err)
			continue
		}
		var left []string
		for _, finding := range edited.Left {
			left = append(left, finding.Path)
		}
		if string(edited.After) != tt.want || strings.Join(left, " ") != tt.left {
			t.Errorf("%s: left %q\n got %q\nwant %q", tt.what, left, edited.After, tt.want)
		}
	}
}

// TestFixRandom: whatever stands behind mistyped keys, flyctl takes no less of
// the file than before.
func TestFixRandom(t *testing.T) {
	t.Parallel()
	w := docWriter{rand.New(rand.NewPCG(5, 6))}
	known, renamed, left := schema.Root(), 0, 0
	for range 400 {
		data, err := json.Marshal(w.mistyped(w.table(known, "", 0.08)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := flytoml.Parse("fly.json", data)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := Fix(f, Lint(f))
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		renamed, left = renamed+len(edited.Changes), left+len(edited.Left)
		checkNoWorse(t, f, &edited.Result)
	}
	if renamed < 100 || left < 10 {
		t.Errorf("%d edits, %d left out: too few of one kind", renamed, left)
	}
}

// checkNoWorse fails if flyctl reads, accepts or converts less of the edited
// file.
func checkNoWorse(t *testing.T, f *flytoml.File, edited *edit.Result) {
	t.Helper()
	after, err := flytoml.Parse(f.Name(), edited.After)
	switch {
	case err != nil:
		t.Fatalf("%v\n%s", err, edited.Diff("fly"))
	case isReadable(f) && !isReadable(after):
		t.Fatalf("the shape is refused:\n%s", edited.Diff("fly"))
	case f.Validate() == nil && after.Validate() != nil:
		t.Fatalf("%v\n%s", after.Validate(), edited.Diff("fly"))
	case !isReadable(f):
		return
	}
	for _, group := range after.Groups()[:min(len(after.Groups()), 9)] {
		_, err := after.Apply(group, machine.Config{})
		if slices.Contains(f.Groups(), group) && err != nil {
			if _, before := f.Apply(group, machine.Config{}); before == nil {
				t.Fatalf("group %s: %v\n%s", group, err, edited.Diff("fly"))
			}
		}
	}
}

// mistyped is a table with a letter doubled in a third of its longer keys.
func (w docWriter) mistyped(table map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range table {
		if inner, ok := value.(map[string]any); ok {
			value = w.mistyped(inner)
		}
		if list, ok := value.([]any); ok {
			for i, item := range list {
				if inner, ok := item.(map[string]any); ok {
					list[i] = w.mistyped(inner)
				}
			}
		}
		if len(key) > 5 && len(key)%3 == 0 {
			key = key[:3] + key[2:]
		}
		out[key] = value
	}
	return out
}

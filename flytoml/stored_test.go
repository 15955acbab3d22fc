package flytoml

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func TestFromDefinitionRefuses(t *testing.T) {
	for _, definition := range []string{"", "null", "[]", `"x"`, "{} {}", "{", strings.Repeat(`{"a":`, 70) +
		"1" + strings.Repeat("}", 70)} {
		if _, err := FromDefinition("fly.toml", json.RawMessage(definition)); err == nil {
			t.Errorf("%.20q: no error", definition)
		}
	}
}

// TestDefinitionRoundTrip checks that the file of a definition converts as the
// definition does.
func TestDefinitionRoundTrip(t *testing.T) {
	check := func(name string, definition []byte) {
		t.Helper()
		var doc map[string]any
		if err := json.Unmarshal(definition, &doc); err != nil {
			t.Fatal(err)
		}
		def, err := define(doc)
		if err != nil {
			return
		}
		file, err := FromDefinition("fly.toml", definition)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if !slices.Equal(file.Groups(), def.Groups()) {
			t.Errorf("%s: groups %q, want %q", name, file.Groups(), def.Groups())
		}
		for _, group := range def.Groups() {
			want, wantErr := def.flatten(group).apply(group, machine.Config{}, localFiles{})
			got, err := file.Apply(group, machine.Config{})
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%s, group %s: error %v, want %v", name, group, err, wantErr)
				continue
			}
			for _, change := range machine.Diff(want, got) {
				t.Errorf("%s, group %s: %s", name, group, change)
			}
		}
	}
	check("stored", []byte(flytomltest.Stored))
	for name, file := range readableCases(t) {
		if def, err := file.Definition(); err == nil {
			definition, err := json.Marshal(def)
			if err != nil {
				t.Fatal(err)
			}
			check(name, definition)
		}
	}
}

// readableCases are the oracle's files that are TOML.
func readableCases(t testing.TB) map[string]*File {
	t.Helper()
	paths, err := filepath.Glob("testdata/oracle/cases/*.toml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	files := map[string]*File{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if file, err := Parse(filepath.Base(path), data); err == nil {
			files[filepath.Base(path)] = file
		}
	}
	return files
}

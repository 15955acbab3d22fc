package flytoml

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each testdata/edit/NAME.toml has its outcome beside it: NAME.after, the file
// as the blueprint with a soft limit makes it, and NAME.diff.
func TestEditGolden(t *testing.T) {
	e := blueprint()
	e.SoftLimit = ptr(20)
	paths, err := filepath.Glob("testdata/edit/*.toml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(filepath.Base(path), data)
			if err != nil {
				t.Fatal(err)
			}
			edited, err := f.Edit(e)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".toml")+".after", edited.After)
			golden(t, strings.TrimSuffix(path, ".toml")+".diff", []byte(edited.Diff("fly.toml")))
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

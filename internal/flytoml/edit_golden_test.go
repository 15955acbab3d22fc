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

// Each file in testdata/edit has its outcome beside it: NAME.after, the file as
// the blueprint with a soft limit makes it, and NAME.diff.
func TestEditGolden(t *testing.T) {
	e := blueprint()
	e.SoftLimit = ptr(20)
	var paths []string
	for _, extension := range []string{"toml", "json", "yaml"} {
		found, err := filepath.Glob("testdata/edit/*." + extension)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s files: %v", extension, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		base := filepath.Base(path)
		name := strings.TrimSuffix(base, filepath.Ext(base))
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(base, data)
			if err != nil {
				t.Fatal(err)
			}
			edited, err := f.Edit(e)
			if err != nil {
				t.Fatal(err)
			}
			outcome := filepath.Join(filepath.Dir(path), name)
			golden(t, outcome+".after", edited.After)
			golden(t, outcome+".diff", []byte(edited.Diff("fly"+filepath.Ext(base))))
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

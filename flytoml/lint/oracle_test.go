package lint

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// findingLines are findings as the golden file has them.
func findingLines(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%d:%d %s %s %s\n\t%s\n\t%s\n\t%s\n", f.Row, f.Column, f.Severity, f.Code, f.Path,
			f.What, f.Why, f.Fix)
		if f.Edit != nil {
			fmt.Fprintf(&b, "\tedit %d+%d %q\n", f.Edit.Offset, f.Edit.Length, f.Edit.Text)
		}
	}
	return b.String()
}

// TestLintOracle: what flyctl refuses has an error, and nothing else has unless
// a deploy of it fails later; the words are those of the golden file.
func TestLintOracle(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "oracle", "cases", "*.toml"))
	if err != nil || len(paths) < 90 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	var got bytes.Buffer
	for _, path := range paths {
		name := filepath.Base(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused := strings.HasPrefix(name, "invalid-") || strings.HasPrefix(name, "refused-")
		f, err := flytoml.Parse(name, data)
		if err != nil {
			if !refused {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		findings := Lint(f)
		errors := 0
		for _, finding := range findings {
			if finding.Severity == SeverityError && !failsLater(finding) {
				errors++
			}
		}
		if (errors > 0) != refused {
			t.Errorf("%s: %d errors\n%s", name, errors, findingLines(findings))
		}
		fmt.Fprintf(&got, "== %s\n%s", name, findingLines(findings))
	}
	golden := filepath.Join("testdata", "lint", "oracle.golden")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("differs from %s: run the test with -update and look at what changed", golden)
	}
}

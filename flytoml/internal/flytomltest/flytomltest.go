// Package flytomltest provides the files that the tests of several packages read,
// and compares results with golden files.
package flytomltest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Update makes [Golden] write the golden files.
var Update = flag.Bool("update", false, "write the golden files")

// Golden compares a result with the file at path.
func Golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// Dir returns the folder of package flytoml, relative to the package under test.
func Dir(t testing.TB) string {
	t.Helper()
	for _, dir := range []string{".", "..", "../.."} {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "oracle", "cases")); err == nil {
			return dir
		}
	}
	t.Fatal("flytoml/testdata was not found")
	return ""
}

// OracleDirs returns the folders with files and flyctl's answers to them: the
// copy in testdata and, if it is next to the repository, the original.
func OracleDirs(t testing.TB) []string {
	t.Helper()
	dirs := []string{filepath.Join(Dir(t), "testdata", "oracle")}
	beside := filepath.Join(Dir(t), "..", "..", "shared", "oracle")
	if _, err := os.Stat(filepath.Join(beside, "cases")); err == nil {
		dirs = append(dirs, beside)
	}
	return dirs
}

// Files returns TOML files by name: those of the oracle, and those of the golden tests for
// edits.
func Files(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	patterns := []string{filepath.Join(Dir(t), "edit", "testdata", "edit", "*.toml")}
	for _, dir := range OracleDirs(t) {
		patterns = append(patterns, filepath.Join(dir, "cases", "*.toml"))
	}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = data
		}
	}
	return files
}

// ManyServices returns a file with n services, each of which an edit changes.
func ManyServices(n int) []byte {
	var b bytes.Buffer
	b.WriteString("app = 'many'\n")
	for i := range n {
		fmt.Fprintf(&b,
			"\n[[services]]\n  internal_port = %d\n  [[services.ports]]\n    port = 80\n    force_https = true\n", 40000+i)
	}
	return b.Bytes()
}

// TenKB returns a typical fly.toml of 10 KB.
func TenKB() []byte {
	var b bytes.Buffer
	b.WriteString("app = 'ten'\nprimary_region = 'ams'\n\n[env]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "  SETTING_%02d = 'a value of some length' # and the reason for it\n", i)
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

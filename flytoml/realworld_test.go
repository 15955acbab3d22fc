package flytoml

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestRealWorld converts typical files and compares the results with
// testdata/realworld/*.json, which were derived from flyctl's rules and reviewed by
// hand. Files named invalid-* must fail to validate, and files named refused-* to
// convert.
func TestRealWorld(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "realworld", "*.toml"))
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := answerOf(t, parseFile(t, string(data)))
			if invalid := strings.HasPrefix(name, "invalid-"); got.Valid == invalid {
				t.Errorf("valid = %t: %s", got.Valid, got.InvalidReason)
			}
			if refused := strings.HasPrefix(name, "refused-"); got.Valid && refused != (len(got.ConversionError) > 0) {
				t.Errorf("conversion errors: %q", got.ConversionError)
			}
			var text bytes.Buffer
			encoder := json.NewEncoder(&text)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(got); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".toml") + ".json"
			if *flytomltest.Update {
				if err := os.WriteFile(golden, text.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", text.String(), want)
			}
		})
	}
}

// answerOf returns our result for a file in the oracle's form.
func answerOf(t *testing.T, f *File) oracle {
	t.Helper()
	out := oracle{Valid: true, App: f.App(), Groups: f.Groups()}
	var invalid *InvalidError
	if err := f.Validate(); errors.As(err, &invalid) {
		out.Valid, out.InvalidReason = false, invalid.Text
	}
	for _, group := range out.Groups {
		config, err := f.Apply(group, machine.Config{})
		if err != nil {
			if out.ConversionError == nil {
				out.ConversionError = map[string]string{}
			}
			out.ConversionError[group] = err.Error()
			continue
		}
		if out.Config == nil {
			out.Config = map[string]machine.Config{}
		}
		out.Config[group] = config
	}
	return out
}

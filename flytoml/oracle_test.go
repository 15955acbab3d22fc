package flytoml

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// oracle is what flyctl makes of one file.
type oracle struct {
	LoadError       string                    `json:"load_error,omitempty"`
	Valid           bool                      `json:"valid"`
	InvalidReason   string                    `json:"invalid_reason,omitempty"`
	App             string                    `json:"app,omitempty"`
	Groups          []string                  `json:"process_groups,omitempty"`
	Config          map[string]machine.Config `json:"machine_config,omitempty"`
	ConversionError map[string]string         `json:"conversion_error,omitempty"`
	OntoExisting    map[string]machine.Config `json:"machine_config_onto_existing,omitempty"`
}

// TestOracle compares each case with the recorded answers of flyctl. It skips no
// case.
func TestOracle(t *testing.T) {
	for _, dir := range flytomltest.OracleDirs(t) {
		data, err := os.ReadFile(filepath.Join(dir, "existing-machine.json"))
		if err != nil {
			t.Fatal(err)
		}
		existing, err := machine.ParseConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(dir, "cases", "*.toml"))
		if err != nil || len(paths) < 90 {
			t.Fatalf("cases in %s: %d, %v", dir, len(paths), err)
		}
		for _, path := range paths {
			name := filepath.Base(path)
			t.Run(filepath.Join(filepath.Base(filepath.Dir(dir)), name), func(t *testing.T) {
				var want oracle
				answer, err := os.ReadFile(filepath.Join(dir, "expected", name+".json"))
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(answer, &want); err != nil {
					t.Fatal(err)
				}
				input, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				compareOracle(t, name, input, want, existing)
			})
		}
	}
}

func compareOracle(t *testing.T, name string, input []byte, want oracle, existing machine.Config) {
	f, err := Parse(name, input)
	if want.LoadError != "" {
		var syntaxErr *syntax.Error
		if !errors.As(err, &syntaxErr) {
			t.Fatalf("error = %v, want a SyntaxError", err)
		}
		if syntaxErr.Text != want.LoadError {
			t.Errorf("load error:\n got %q\nwant %q", syntaxErr.Text, want.LoadError)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if f.App() != want.App {
		t.Errorf("app = %q, want %q", f.App(), want.App)
	}
	if !slices.Equal(f.Groups(), want.Groups) {
		t.Errorf("groups = %q, want %q", f.Groups(), want.Groups)
	}
	err = f.Validate()
	if (err == nil) != want.Valid {
		t.Errorf("Validate = %v, want valid = %t", err, want.Valid)
	}
	var invalid *InvalidError
	if errors.As(err, &invalid) && invalid.Text != want.InvalidReason {
		t.Errorf("invalid reason:\n got %q\nwant %q", invalid.Text, want.InvalidReason)
	}
	for _, group := range want.Groups {
		fresh, err := f.Apply(group, machine.Config{})
		compareConversion(t, group, fresh, err, want.Config, want.ConversionError)
		onto, err := f.Apply(group, existing)
		if err == nil {
			onto = withoutFlyctlVersion(t, onto)
		}
		compareConversion(t, group+" onto existing", onto, err, want.OntoExisting, want.ConversionError)
	}
}

func compareConversion(t *testing.T, what string, got machine.Config, err error,
	want map[string]machine.Config, wantErr map[string]string) {
	t.Helper()
	group, _, _ := strings.Cut(what, " ")
	if text, ok := wantErr[group]; ok {
		if err == nil || err.Error() != text {
			t.Errorf("%s: error\n got %v\nwant %s", what, err, text)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, change := range machine.Diff(want[group], got) {
		t.Errorf("%s: from flyctl's to ours: %s", what, change)
	}
}

// withoutFlyctlVersion removes what the recorded answers leave out.
func withoutFlyctlVersion(t *testing.T, config machine.Config) machine.Config {
	t.Helper()
	metadata, err := config.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	delete(metadata, machine.MetadataFlyctlVersion)
	config, err = config.With("metadata", metadata)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

package machine_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func TestLabel(t *testing.T) {
	for text, want := range map[string]string{`{}`: "", `{"metadata":{"fly_canary":"true"}}`: "true",
		`{"metadata":7}`: "", `{"metadata":{}}`: ""} {
		config, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Label(machine.MetadataCanary); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestWithoutFlyctlVersion checks that everything else stays as it was.
func TestWithoutFlyctlVersion(t *testing.T) {
	for text, want := range map[string]string{
		`{"image":"a"}`: `{"image":"a"}`,
		`{"image":"a","metadata":{"fly_flyctl_version":"0.3","n":7}}`: `{"image":"a","metadata":{"n":7}}`,
		`{"metadata":{"fly_flyctl_version":"0.3"}}`:                   `{"metadata":{}}`,
		`{"metadata":{"b": "2", "a":"1"}}`:                            `{"metadata":{"b":"2","a":"1"}}`,
		`{"metadata":7}`:                                              `{"metadata":7}`,
	} {
		config, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := config.WithoutFlyctlVersion().MarshalJSON()
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, want %s, %v", text, got, want, err)
		}
	}
}

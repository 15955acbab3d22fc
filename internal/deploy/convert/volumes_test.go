package convert

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func TestKeepVolumes(t *testing.T) {
	tests := []struct {
		name      string
		existing  string
		converted string
		want      string
	}{
		{"none", `{}`, `{}`, `{}`},
		{"null", `{"mounts":null}`, `{"mounts":null}`, `{"mounts":null}`},
		{"empty", `{"mounts":[]}`, `{"mounts":[]}`, `{"mounts":[]}`},
		{"the Machine has none", `{}`, `{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`},
		{"the file has none", `{"mounts":[{"name":"data","volume":"vol_1"}]}`, `{"image":"x"}`, `{"image":"x"}`},
		{"the volume", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"fields of the platform's and unknown ones",
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1","encrypted":true,"size_gb":10,"invented":{"a":[1.50]}}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1","encrypted":true,"size_gb":10,` +
				`"invented":{"a":[1.50]}}]}`},
		{"what the file leaves out is gone",
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1","extend_threshold_percent":80,"add_size_gb":1,` +
				`"size_gb_limit":9}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`, `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"what the file says counts",
			`{"mounts":[{"name":"data","path":"/old","volume":"vol_1","add_size_gb":1,"size_gb":1}]}`,
			`{"mounts":[{"name":"data","path":"/new","add_size_gb":2,"size_gb":3}]}`,
			`{"mounts":[{"name":"data","path":"/new","add_size_gb":2,"size_gb":3,"volume":"vol_1"}]}`},
		{"another name", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`,
			`{"mounts":[{"name":"other","path":"/data"}]}`,
			`{"mounts":[{"name":"other","path":"/data"}]}`},
		{"a mount without a name", `{"mounts":[{"path":"/data","volume":"vol_1"}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"unknown fields elsewhere", `{"mounts":[{"name":"data","volume":"vol_1"}],"invented":1}`,
			`{"mounts":[{"name":"data"}],"invented":12345678901234567890}`,
			`{"mounts":[{"name":"data","volume":"vol_1"}],"invented":12345678901234567890}`},
	}
	parse := func(t *testing.T, text string) machine.Config {
		c, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			existing := parse(t, test.existing)
			got, err := KeepVolumes(existing, parse(t, test.converted))
			if err != nil {
				t.Fatal(err)
			}
			if want := parse(t, test.want); !sameDocument(t, got, want) {
				t.Errorf("got %v, want %v", parseDocument(t, got), parseDocument(t, want))
			}
			if !sameDocument(t, existing, parse(t, test.existing)) {
				t.Error("the Machine's own configuration was changed")
			}
			again, err := KeepVolumes(existing, got)
			if err != nil || !sameDocument(t, again, got) {
				t.Errorf("a second time: %v, %v", parseDocument(t, again), err)
			}
		})
	}
	for _, bad := range []string{`{"mounts":{}}`, `{"mounts":"x"}`, `{"mounts":[1]}`} {
		good := parse(t, `{"mounts":[{"name":"data"}]}`)
		if _, err := KeepVolumes(parse(t, bad), good); err == nil {
			t.Errorf("%s of the Machine: no error", bad)
		}
		if _, err := KeepVolumes(good, parse(t, bad)); err == nil {
			t.Errorf("%s of the file: no error", bad)
		}
	}
}

// sameDocument compares JSON, numbers as they are written.
func sameDocument(t *testing.T, a, b machine.Config) bool {
	t.Helper()
	return reflect.DeepEqual(parseDocument(t, a), parseDocument(t, b))
}

func parseDocument(t *testing.T, c machine.Config) any {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

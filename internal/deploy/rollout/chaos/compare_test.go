package chaos

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// sameButLabels compares configurations without the labels of the release.
func sameButLabels(a, b machine.Config) bool {
	return fly.UpdateTarget("", a) == fly.UpdateTarget("", b)
}

// same compares JSON documents, numbers as they are written.
func same(t *testing.T, a, b machine.Config) bool {
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

// attached is a configuration as Fly keeps it once the volumes are attached: each
// mount has what it got, which only the platform decides.
func attached(t *testing.T, want, found machine.Config) machine.Config {
	t.Helper()
	mounts, has := mountsOf(t, want), mountsOf(t, found)
	for i := range min(len(mounts), len(has)) {
		for _, field := range []string{"volume", "size_gb", "encrypted"} {
			if _, ok := mounts[i][field]; !ok {
				mounts[i][field] = has[i][field]
			}
		}
	}
	if len(mounts) == 0 {
		return want
	}
	want, err := want.With("mounts", mounts)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func mountsOf(t *testing.T, c machine.Config) (mounts []map[string]any) {
	t.Helper()
	if raw := c.Raw("mounts"); raw != nil {
		if err := json.Unmarshal(raw, &mounts); err != nil {
			t.Fatal(err)
		}
	}
	return mounts
}

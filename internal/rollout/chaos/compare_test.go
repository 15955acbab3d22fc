package chaos

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// sameButLabels compares configurations without the labels of the release.
func sameButLabels(a, b machine.Config) bool {
	return fly.UpdateTarget("", a) == fly.UpdateTarget("", b)
}

// same compares JSON documents, numbers as they are written.
func same(t *testing.T, a, b machine.Config) bool {
	t.Helper()
	return reflect.DeepEqual(document(t, a), document(t, b))
}

func document(t *testing.T, c machine.Config) any {
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

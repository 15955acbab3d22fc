package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// masked refuses a file that has a mask in place of a value, as in every answer that shows
// a deployed configuration. It returns nil if there is none.
func masked(file *flytoml.File) *plan.Problem {
	path := maskPath(nil, document(file))
	if path == nil {
		return nil
	}
	place := ""
	for i, line := range bytes.Split(file.Bytes(), []byte("\n")) {
		text := string(line)
		if machine.HoldsMask(text) && strings.Contains(text, path[len(path)-1]) &&
			!strings.HasPrefix(strings.TrimSpace(text), "#") {
			place = fmt.Sprintf(" (row %d)", i+1)
			break
		}
	}
	p := plan.Invalid("%.200s has a masked value for %s%s: deploying it would overwrite the real value",
		file.Name(), plan.Quote(strings.Join(path, ".")), place)
	p.Hint = "patch_services {app} without path and content makes a draft with the real values; or use the " +
		"person's own file"
	return p
}

// document returns what flyctl makes of a file, as a JSON object; nil if it refuses the file.
func document(file *flytoml.File) map[string]any {
	var out map[string]any
	if def, err := file.Definition(); err == nil {
		if body, err := json.Marshal(def); err == nil {
			_ = json.Unmarshal(body, &out) // it is an object: it was made from a struct
		}
	}
	return out
}

// maskPath returns the keys on the way to the first value with a mask in it, in order of
// their names; nil if there is none.
func maskPath(at []string, value any) []string {
	switch value := value.(type) {
	case string:
		if machine.HoldsMask(value) {
			return at
		}
	case []any:
		for _, item := range value {
			if found := maskPath(at, item); found != nil {
				return found
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if found := maskPath(append(slices.Clone(at), key), value[key]); found != nil {
				return found
			}
		}
	}
	return nil
}

package edit

import (
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// processNames returns the names in [processes], sorted; none if the file has no
// such section. Unlike Groups, it works in a file whose shape flyctl does not
// accept, because an edit may fix that.
func processNames(f *flytoml.File) []string {
	var keys []string
	doc := f.Document()
	for key := range doc {
		if strings.EqualFold(key, "processes") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if table, ok := doc["processes"].(map[string]any); ok && len(keys) == 1 {
		return slices.Sorted(maps.Keys(table)) // independent of the rest of the file
	}
	if def, err := f.SharedDefinition(); err == nil {
		return slices.Sorted(maps.Keys(def.Processes))
	}
	var names []string
	for _, key := range keys {
		switch value := doc[key].(type) {
		case map[string]any:
			names = slices.Collect(maps.Keys(value))
		case []any:
			for _, item := range value {
				table, _ := item.(map[string]any)
				if name, ok := table["name"].(string); ok {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// editGroups returns the groups that an edit may name, and the default group,
// which services without processes belong to.
func editGroups(f *flytoml.File) (groups []string, standard string) {
	groups = processNames(f)
	if len(groups) == 0 {
		return []string{flytoml.DefaultGroup}, flytoml.DefaultGroup
	}
	if slices.Contains(groups, flytoml.DefaultGroup) {
		return groups, flytoml.DefaultGroup
	}
	return groups, groups[0]
}

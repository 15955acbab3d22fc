package flytoml

import (
	"maps"
	"slices"
	"strings"
)

// processes are the names in [processes], sorted; none if the file has no such
// section. Unlike Groups it knows them in a file whose shape flyctl does not
// accept: an edit may be what mends it.
func (f *File) processes() []string {
	var keys []string
	for key := range f.doc {
		if strings.EqualFold(key, "processes") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if table, ok := f.doc["processes"].(map[string]any); ok && len(keys) == 1 {
		return slices.Sorted(maps.Keys(table)) // the same in whatever shape the rest is
	}
	if f.shapeError() == nil {
		return slices.Sorted(maps.Keys(f.def().Processes))
	}
	var names []string
	for _, key := range keys {
		switch value := f.doc[key].(type) {
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

// editGroups are the groups that an edit may name, and the one that services
// without processes belong to.
func (f *File) editGroups() (groups []string, standard string) {
	groups = f.processes()
	if len(groups) == 0 {
		return []string{defaultGroup}, defaultGroup
	}
	if slices.Contains(groups, defaultGroup) {
		return groups, defaultGroup
	}
	return groups, groups[0]
}

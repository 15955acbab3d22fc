package flytoml

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// section is what flyctl knows of one table: its keys, and what stands under
// those that are tables or lists of tables themselves.
type section struct {
	keys map[string]*section // nil for a key whose value has no known keys
	any  bool                // keys are free; all have the section under ""
}

// schema is the shape of a fly.toml, the old spellings included.
func schema() *section {
	root := sectionOf(reflect.TypeFor[Definition]())
	also := func(s *section, keys ...string) {
		for _, key := range keys {
			s.keys[key] = nil
		}
	}
	root.keys["mount"] = root.keys["mounts"]
	root.keys["metric"] = root.keys["metrics"]
	root.keys["compute"] = root.keys["vm"]
	root.keys["computes"] = root.keys["vm"]
	also(root.keys["build"], "build_target")
	also(root.keys["experimental"], "kill_timeout", "metrics_port", "metrics_path")
	return root
}

// listItem is the shape of an item where flyctl accepts a list of tables in
// place of a table; nil elsewhere.
func listItem(path string, under *section) *section {
	switch {
	case path == "checks" && under != nil:
		item := &section{keys: map[string]*section{"name": nil}}
		for key, child := range under.keys[""].keys {
			item.keys[key] = child
		}
		return item
	case path == "processes":
		return &section{keys: map[string]*section{"name": nil, "command": nil}}
	case strings.HasSuffix(path, "headers"):
		return &section{keys: map[string]*section{"name": nil, "value": nil}}
	}
	return nil
}

func sectionOf(t reflect.Type) *section {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return nil
		}
		return sectionOf(t.Elem())
	case reflect.Map:
		return &section{any: true, keys: map[string]*section{"": sectionOf(t.Elem())}}
	case reflect.Struct:
		s := &section{keys: map[string]*section{}}
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous && name == "" {
				for key, child := range sectionOf(field.Type).keys {
					s.keys[key] = child
				}
				continue
			}
			s.keys[name] = sectionOf(field.Type)
		}
		return s
	}
	return nil
}

// names are the section's keys, sorted.
func (s *section) names() []string {
	names := make([]string, 0, len(s.keys))
	for name := range s.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

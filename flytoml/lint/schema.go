package lint

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// keySchema is what flyctl knows of one key: the type of its value and, if that
// is a table or a list of tables, the keys in it.
type keySchema struct {
	kind reflect.Type
	keys map[string]*keySchema // nil for a plain value
	list []string              // the names of keys in their order, once they were asked for
	any  bool                  // keys are free; all have the section under ""
}

// schema is the shape of a fly.toml, the old spellings included.
func schema() *keySchema {
	root := schemaOf(reflect.TypeFor[flytoml.Definition]())
	word, number := schemaOf(reflect.TypeFor[string]()), schemaOf(reflect.TypeFor[int]())
	duration := schemaOf(reflect.TypeFor[flytoml.Duration]())
	for old, now := range map[string]string{"mount": "mounts", "metric": "metrics", "compute": "vm", "computes": "vm"} {
		root.keys[old] = root.keys[now]
	}
	root.keys["build"].keys["build_target"] = word
	experimental := root.keys["experimental"].keys
	experimental["kill_timeout"] = duration
	experimental["metrics_port"], experimental["metrics_path"] = number, word
	return root
}

// listItem is the shape of an item where flyctl accepts a list of tables in
// place of a table; nil elsewhere.
func listItem(path string, under *keySchema) *keySchema {
	text := func(names ...string) *keySchema {
		item := &keySchema{keys: map[string]*keySchema{}}
		for _, name := range names {
			item.keys[name] = &keySchema{}
		}
		return item
	}
	switch {
	case path == "checks" && under != nil && under.any: // false inside such a list
		item := text("name")
		for key, child := range under.keys[""].keys {
			item.keys[key] = child
		}
		return item
	case path == "processes":
		return text("name", "command")
	case strings.HasSuffix(path, "headers"):
		return text("name", "value")
	}
	return nil
}

func schemaOf(t reflect.Type) *keySchema {
	s := &keySchema{kind: t}
	if t == reflect.TypeFor[json.RawMessage]() {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		below := schemaOf(t.Elem())
		s.keys, s.any = below.keys, below.any
	case reflect.Map:
		s.keys, s.any = map[string]*keySchema{"": schemaOf(t.Elem())}, true
	case reflect.Struct:
		s.keys = map[string]*keySchema{}
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.Anonymous || name != "" {
				s.keys[name] = schemaOf(field.Type)
				continue
			}
			for key, child := range schemaOf(field.Type).keys {
				s.keys[key] = child
			}
		}
	}
	return s
}

// isDuration reports whether the value is a duration.
func (s *keySchema) isDuration() bool {
	return s.kind == reflect.TypeFor[flytoml.Duration]() || s.kind == reflect.TypeFor[*flytoml.Duration]()
}

// names are the section's keys, sorted.
func (s *keySchema) names() []string {
	names := make([]string, 0, len(s.keys))
	for name := range s.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sortedNames are names, which are kept.
func (s *keySchema) sortedNames() []string {
	if s.list == nil {
		s.list = s.names()
	}
	return s.list
}

// homeTable is a table that has a key.
type homeTable struct {
	path  string // without indexes, NAME for a name that is free; empty for the top of the file
	title string // as its header is written
	own   string // the header of the key, if that is a table; empty if it is a value
}

// header is how a table with this shape begins in TOML.
func (s *keySchema) header(path string) string {
	if s.kind.Kind() == reflect.Slice {
		return "[[" + path + "]]"
	}
	return "[" + path + "]"
}

// modern is today's name of a section that has an old one.
func modern(path, name string) string {
	if path != "" {
		return name
	}
	switch name {
	case "compute", "computes":
		return "vm"
	case "mount":
		return "mounts"
	case "metric":
		return "metrics"
	}
	return name
}

// homes are the tables that have each key, the shallow first.
func (s *keySchema) homes() map[string][]homeTable {
	homes := map[string][]homeTable{}
	type place struct {
		path string
		s    *keySchema
	}
	for queue := []place{{"", s}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at.s.any {
			if below := at.s.keys[""]; below.keys != nil {
				queue = append(queue, place{layout.Join(at.path, "NAME"), below})
			}
			continue
		}
		title := at.s.header(at.path)
		for _, name := range at.s.names() {
			own := ""
			if below := at.s.keys[name]; below.keys != nil {
				own = below.header(layout.Join(at.path, modern(at.path, name)))
			}
			homes[name] = append(homes[name], homeTable{at.path, title, own})
			if below := at.s.keys[name]; below.keys != nil {
				queue = append(queue, place{layout.Join(at.path, name), below})
			}
		}
	}
	return homes
}

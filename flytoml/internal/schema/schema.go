// Package schema knows the keys of a fly.toml: the type of each value, and the tables
// that have it. It is made from the fields of flytoml.Definition.
package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// Key describes a key that flyctl knows: the type of its value and, if that is a
// table or a list of tables, the keys in it.
type Key struct {
	Type reflect.Type
	Keys map[string]*Key // nil for a plain value
	list []string        // the sorted names of Keys, filled on first use
	Free bool            // any key is allowed; Keys[""] describes them all
}

// Root returns the shape of a fly.toml, including old spellings.
func Root() *Key {
	root := schemaOf(reflect.TypeFor[flytoml.Definition]())
	word, number := schemaOf(reflect.TypeFor[string]()), schemaOf(reflect.TypeFor[int]())
	duration := schemaOf(reflect.TypeFor[flytoml.Duration]())
	for old, now := range map[string]string{"mount": "mounts", "metric": "metrics", "compute": "vm", "computes": "vm"} {
		root.Keys[old] = root.Keys[now]
	}
	root.Keys["build"].Keys["build_target"] = word
	experimental := root.Keys["experimental"].Keys
	experimental["kill_timeout"] = duration
	experimental["metrics_port"], experimental["metrics_path"] = number, word
	return root
}

// ListItem returns the shape of an item where flyctl accepts a list of tables
// instead of a table, nil elsewhere.
func ListItem(path string, under *Key) *Key {
	text := func(names ...string) *Key {
		item := &Key{Keys: map[string]*Key{}}
		for _, name := range names {
			item.Keys[name] = &Key{}
		}
		return item
	}
	switch {
	case path == "checks" && under != nil && under.Free: // not inside such a list
		item := text("name")
		for key, child := range under.Keys[""].Keys {
			item.Keys[key] = child
		}
		return item
	case path == "processes":
		return text("name", "command")
	case strings.HasSuffix(path, "headers"):
		return text("name", "value")
	}
	return nil
}

func schemaOf(t reflect.Type) *Key {
	s := &Key{Type: t}
	if t == reflect.TypeFor[json.RawMessage]() {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		below := schemaOf(t.Elem())
		s.Keys, s.Free = below.Keys, below.Free
	case reflect.Map:
		s.Keys, s.Free = map[string]*Key{"": schemaOf(t.Elem())}, true
	case reflect.Struct:
		s.Keys = map[string]*Key{}
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.Anonymous || name != "" {
				s.Keys[name] = schemaOf(field.Type)
				continue
			}
			for key, child := range schemaOf(field.Type).Keys {
				s.Keys[key] = child
			}
		}
	}
	return s
}

// IsDuration reports whether the value is a duration.
func (s *Key) IsDuration() bool {
	return s.Type == reflect.TypeFor[flytoml.Duration]() || s.Type == reflect.TypeFor[*flytoml.Duration]()
}

// Names returns the section's keys, sorted.
func (s *Key) Names() []string {
	names := make([]string, 0, len(s.Keys))
	for name := range s.Keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// SortedNames returns Names and keeps them for the next call.
func (s *Key) SortedNames() []string {
	if s.list == nil {
		s.list = s.Names()
	}
	return s.list
}

// Home is a table that has a key.
type Home struct {
	Path  string // without indexes, with NAME for any name; empty for the top level
	Title string // its header in TOML
	Own   string // the header of the key if it is a table, empty if it is a value
}

// Header returns the header of a table with this shape in TOML.
func (s *Key) Header(path string) string {
	if s.Type.Kind() == reflect.Slice {
		return "[[" + path + "]]"
	}
	return "[" + path + "]"
}

// modern returns the current name of a section that may have an old one.
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

// Homes returns the tables that have each key. Tables closer to the top come first.
func (s *Key) Homes() map[string][]Home {
	homes := map[string][]Home{}
	type place struct {
		path string
		s    *Key
	}
	for queue := []place{{"", s}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at.s.Free {
			if below := at.s.Keys[""]; below.Keys != nil {
				queue = append(queue, place{layout.Join(at.path, "NAME"), below})
			}
			continue
		}
		title := at.s.Header(at.path)
		for _, name := range at.s.Names() {
			own := ""
			if below := at.s.Keys[name]; below.Keys != nil {
				own = below.Header(layout.Join(at.path, modern(at.path, name)))
			}
			homes[name] = append(homes[name], Home{at.path, title, own})
			if below := at.s.Keys[name]; below.Keys != nil {
				queue = append(queue, place{layout.Join(at.path, name), below})
			}
		}
	}
	return homes
}

// Child returns the section of a key, and the key's own spelling. Case does not
// matter, as in flyctl. below is nil if flyctl does not know the key.
func (s *Key) Child(key string) (below *Key, name string) {
	if below := s.Keys[key]; below != nil {
		return below, key
	}
	for name, below := range s.Keys {
		if strings.EqualFold(name, key) {
			return below, name
		}
	}
	return nil, ""
}

// IsVM reports whether a path names the section with the sizes of Machines.
func IsVM(path string) bool { return path == "vm" || path == "compute" || path == "computes" }

// Package render writes fly.toml files: [TOML] for the definition that a release
// stores, [FromMachines] for running Machines. Values that may be secrets are
// masked unless the caller asks for them.
package render

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Values says how to write values that may be secrets: those of [env] and
// [build.args], the headers of checks, the content of files, and JSON in
// machine_config.
type Values int

const (
	Masked Values = iota // ‹hidden, 12 bytes›
	Shown                // the real values: only for text that stays in memory
)

// TOML writes a fly.toml for a file, without comments: known keys in the order of
// Fly's reference, then unknown keys. If the values are shown, the text converts
// to the same Machine configurations.
func TOML(file *flytoml.File, values Values) []byte {
	w := &renderer{values: values}
	w.table(nil, 0, file.Document(), reflect.TypeFor[flytoml.Definition]())
	return w.buf.Bytes()
}

// renderer writes one document.
type renderer struct {
	buf    bytes.Buffer
	values Values
}

// table writes the plain keys of a table, then the tables in it. t is the struct
// with the known keys, nil if any key is allowed. depth is the number of headers
// above the table.
func (w *renderer) table(path []string, depth int, table map[string]any, t reflect.Type) {
	keys, types := sortedKeys(table, t)
	indent := strings.Repeat("  ", depth)
	for _, key := range keys {
		if legacy.IsTable(table[key]) || isTables(table[key]) || table[key] == nil {
			continue
		}
		fmt.Fprintf(&w.buf, "%s%s = %s\n", indent, tomlKey(key), w.value(append(path, key), table[key]))
	}
	for _, key := range keys {
		here := append(slices.Clone(path), key)
		switch value := table[key].(type) {
		case map[string]any:
			below := depth
			if !isImplied(value) {
				w.header(indent, here, "[", "]")
				below++
			}
			w.table(here, below, value, types[key])
		case []any:
			if !isTables(value) {
				continue
			}
			for _, item := range value {
				w.header(indent, here, "[[", "]]")
				w.table(here, depth+1, item.(map[string]any), types[key])
			}
		}
	}
}

// isImplied reports whether a table needs no header of its own, because it only contains tables
// with headers.
func isImplied(table map[string]any) bool {
	for _, value := range table {
		if !legacy.IsTable(value) && !isTables(value) && value != nil {
			return false
		}
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(table)), func(value any) bool { return value != nil })
}

func (w *renderer) header(indent string, path []string, open, closing string) {
	if w.buf.Len() > 0 {
		w.buf.WriteByte('\n')
	}
	names := make([]string, len(path))
	for i, name := range path {
		names[i] = tomlKey(name)
	}
	fmt.Fprintf(&w.buf, "%s%s%s%s\n", indent, open, strings.Join(names, "."), closing)
}

// value returns a value on one line, or a long text on several.
func (w *renderer) value(path []string, value any) string {
	if w.values == Masked && machine.IsSecret(strings.Join(path, ".")) {
		return tomlText(machine.Mask(legacy.Text(value), ""))
	}
	switch value := value.(type) {
	case bool:
		if path[len(path)-1] == "auto_stop_machines" {
			if value {
				return `"stop"`
			}
			return `"off"`
		}
		return fmt.Sprint(value)
	case int64:
		return strconv.FormatInt(value, 10)
	case float64:
		return tomlFloat(value)
	case string:
		if isDuration(path) {
			value = readableDuration(value)
		}
		return tomlText(value)
	case []any:
		items := make([]string, 0, len(value))
		for _, item := range value {
			if item != nil {
				items = append(items, w.value(path, item))
			}
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if value[key] != nil {
				items = append(items, tomlKey(key)+" = "+w.value(append(slices.Clone(path), key), value[key]))
			}
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	return `""`
}

// isTables reports whether a value is a list that contains only tables, which can
// be written as [[sections]].
func isTables(value any) bool {
	list, ok := value.([]any)
	return ok && len(list) > 0 && !slices.ContainsFunc(list, func(item any) bool { return !legacy.IsTable(item) })
}

// sortedKeys returns a table's keys: those of the struct in its order, then the
// others by name. It also returns the types of the tables under the keys.
func sortedKeys(table map[string]any, t reflect.Type) ([]string, map[string]reflect.Type) {
	types := map[string]reflect.Type{}
	var known []string
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) {
		t = t.Elem()
	}
	switch {
	case t == nil:
	case t.Kind() == reflect.Struct:
		for _, field := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || field.Anonymous {
				continue
			}
			if _, ok := table[name]; ok {
				known = append(known, name)
				types[name] = field.Type
			}
		}
	case t.Kind() == reflect.Map:
		for key := range table {
			types[key] = t.Elem()
		}
	}
	keys := known
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(known, key) {
			keys = append(keys, key)
		}
	}
	return keys, types
}

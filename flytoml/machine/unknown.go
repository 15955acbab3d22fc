package machine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// Match says which element of a list takes the place of which one of the earlier list.
type Match int

// The two ways to match the elements of a list.
const (
	ByPosition Match = iota // the element at the same index, as encoding/json merges lists
	ByIdentity              // the same service, port or check; elements of other lists match none
)

// KeepUnknown returns a copy of config that has the fields that T does not know from the
// objects of old, where config has another object in their place. T is a struct with the
// top-level fields to look at. Unknown fields of objects that config lacks are dropped, as
// are those of lists' elements that match none.
func KeepUnknown[T any](config, old Config, match Match) (Config, error) {
	for key, t := range fieldTypes(reflect.TypeFor[T]()) {
		now, had := config.Raw(key), old.Raw(key)
		if now == nil || had == nil || string(now) == string(had) {
			continue
		}
		merged, changed := match.value(t, now, had)
		if !changed {
			continue
		}
		var err error
		if config, err = config.With(key, merged); err != nil {
			return Config{}, err
		}
	}
	return config, nil
}

// value returns now with the unknown fields of had, a value of the same type, and whether
// there were any. A value that is not of that type stays as it is.
func (m Match) value(t reflect.Type, now, had json.RawMessage) (merged json.RawMessage, changed bool) {
	switch {
	case t.Kind() == reflect.Pointer:
		return m.value(t.Elem(), now, had)
	case t.Kind() == reflect.Struct:
		types := fieldTypes(t)
		return m.object(now, had, func(key string) reflect.Type { return types[key] })
	case t.Kind() == reflect.Map:
		return m.object(now, had, func(string) reflect.Type { return t.Elem() })
	case t.Kind() == reflect.Slice:
		return m.list(t.Elem(), now, had)
	}
	return now, false
}

// object is value for an object. typeOf returns nil for an unknown field.
func (m Match) object(now, had json.RawMessage, typeOf func(key string) reflect.Type) (json.RawMessage, bool) {
	var to, from map[string]json.RawMessage
	if json.Unmarshal(now, &to) != nil || json.Unmarshal(had, &from) != nil || to == nil {
		return now, false
	}
	kept := false
	for key, before := range from {
		t := typeOf(key)
		current, set := to[key]
		switch {
		case t == nil && !set:
			to[key], kept = before, true
		case t != nil && set:
			if merged, changed := m.value(t, current, before); changed {
				to[key], kept = merged, true
			}
		}
	}
	return encodeChanged(now, to, kept)
}

// list is value for a list.
func (m Match) list(t reflect.Type, now, had json.RawMessage) (json.RawMessage, bool) {
	var to, from []json.RawMessage
	if json.Unmarshal(now, &to) != nil || json.Unmarshal(had, &from) != nil {
		return now, false
	}
	kept := false
	before := m.indexes(t, from)
	for element, at := range m.indexes(t, to) {
		if i, ok := before[element]; ok {
			if merged, changed := m.value(t, to[at], from[i]); changed {
				to[at], kept = merged, true
			}
		}
	}
	return encodeChanged(now, to, kept)
}

// indexes maps what the elements of a list are matched by to their indexes. Elements that
// cannot be told apart are not in it.
func (m Match) indexes(t reflect.Type, list []json.RawMessage) map[string]int {
	indexes := make(map[string]int)
	identity := identityOf(t)
	for i, raw := range list {
		var fields map[string]json.RawMessage
		switch {
		case m == ByPosition:
			indexes[strconv.Itoa(i)] = i
			continue
		case len(identity) == 0 || json.Unmarshal(raw, &fields) != nil:
			continue
		}
		var values strings.Builder
		for _, key := range identity {
			fmt.Fprintf(&values, "%s ", fields[key])
		}
		if _, twice := indexes[values.String()]; twice {
			i = -1
		}
		indexes[values.String()] = i
	}
	maps.DeleteFunc(indexes, func(_ string, i int) bool { return i < 0 })
	return indexes
}

// identityOf lists the fields that elements of a type are matched by.
func identityOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[Service]():
		return []string{"protocol", "internal_port"}
	case reflect.TypeFor[Port]():
		return []string{"port", "start_port", "end_port"}
	case reflect.TypeFor[Check]():
		return []string{"type", "port", "method", "path"}
	}
	return nil
}

// fieldTypes maps the JSON names of a struct's fields to their types.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	types := make(map[string]reflect.Type)
	for _, field := range reflect.VisibleFields(t) {
		types[jsonName(field)] = field.Type
	}
	delete(types, "") // embedded structs
	return types
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// encodeChanged returns value's result for a collection.
func encodeChanged(now json.RawMessage, to any, changed bool) (json.RawMessage, bool) {
	if !changed {
		return now, false
	}
	merged, err := json.Marshal(to)
	if err != nil { // to was decoded from JSON
		return now, false
	}
	return merged, true
}

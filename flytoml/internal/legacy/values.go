package legacy

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// gather joins the tables under several keys, in the order of the keys, and removes the keys.
func gather(doc map[string]any, what string, keys ...string) ([]map[string]any, error) {
	var all []map[string]any
	for _, key := range keys {
		raw, ok := doc[key]
		if !ok {
			continue
		}
		part, err := Tables(raw)
		if err != nil {
			return nil, fmt.Errorf("Error processing %s: %w", what, err)
		}
		delete(doc, key)
		all = append(all, part...)
	}
	return all, nil
}

// CheckHeaders reads a table, or a list of tables with name and value. Unlike
// flyctl, its errors quote only values that cannot be credentials.
func CheckHeaders(raw any) (map[string]string, error) {
	headers := map[string]string{}
	switch raw := raw.(type) {
	case []any:
		for _, item := range raw {
			header, ok := item.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("Can't cast %s into map[string]any", goSyntax(item))
			}
			name, ok := header["name"]
			if !ok {
				return nil, fmt.Errorf("Unsupported headers format: a header has no name")
			}
			value := ""
			if raw, ok := header["value"]; ok {
				value = Text(raw)
			}
			headers[Text(name)] = value
		}
	case map[string]any:
		for name, value := range raw {
			headers[name] = Text(value)
		}
	default:
		return nil, fmt.Errorf("Unsupported headers format: %s", goSyntax(raw))
	}
	return headers, nil
}

// goSyntax returns Go's syntax for a number, a boolean or nil, and only the type of any other
// value.
func goSyntax(raw any) string {
	switch raw.(type) {
	case nil, bool, int, int64, uint64, float64:
		return fmt.Sprintf("%#v", raw)
	}
	return fmt.Sprintf("a header of type %T", raw)
}

// LegacyConcurrency reads "soft,hard". Such limits count requests.
func LegacyConcurrency(s string) (map[string]any, error) {
	left, right, ok := strings.Cut(s, ",")
	if !ok {
		return nil, fmt.Errorf("Unknown value %s for concurrency limits", excerpt.QuoteWhole(s))
	}
	soft, err := strconv.Atoi(left)
	if err != nil {
		return nil, fmt.Errorf("Can not convert %s: %w", excerpt.QuoteWhole(s), err)
	}
	hard, err := strconv.Atoi(right)
	if err != nil {
		return nil, fmt.Errorf("Can not convert %s: %w", excerpt.QuoteWhole(s), err)
	}
	return map[string]any{"type": "requests", "hard_limit": hard, "soft_limit": soft}, nil
}

// DurationIn converts a number of units to a duration string. Values that are
// neither numbers nor strings, and the empty string, become nil, which drops the
// key. So do YAML's whole numbers, which have type int: flyctl handles only the
// types of TOML and JSON.
func DurationIn(raw any, unit time.Duration) any {
	switch raw := raw.(type) {
	case *string:
		return raw
	case string:
		if raw == "" {
			return nil
		}
		return &raw
	case float64:
		s := (time.Duration(raw) * unit).String()
		return &s
	case int64:
		s := (time.Duration(raw) * unit).String()
		return &s
	}
	return nil
}

// ToInt converts the value under key to a whole number. It reads quoted numbers and cuts off
// fractions.
func ToInt(table map[string]any, key string) error {
	raw, ok := table[key]
	if !ok {
		return nil
	}
	switch raw := raw.(type) {
	case string:
		n, err := strconv.Atoi(raw)
		if err != nil {
			return fmt.Errorf("Can not convert %s to integer: %w", excerpt.QuoteWhole(raw), err)
		}
		table[key] = n
	case float64:
		table[key] = int(raw)
	case int: // this and the next two are a YAML decoder's types
		table[key] = raw
	case int64:
		table[key] = int(raw)
	case uint64:
		table[key] = int(raw)
	default:
		return fmt.Errorf("Unknown type for cast: %T", raw)
	}
	return nil
}

// Text returns a value in Go's default format.
func Text(raw any) string {
	if s, ok := raw.(string); ok {
		return s
	}
	return fmt.Sprintf("%v", raw)
}

// Tables reads a list of tables, or one table instead of a list.
func Tables(raw any) ([]map[string]any, error) {
	switch raw := raw.(type) {
	case map[string]any:
		return []map[string]any{raw}, nil
	case []map[string]any:
		return raw, nil
	case []any:
		out := make([]map[string]any, 0, len(raw))
		for _, item := range raw {
			table, ok := item.(map[string]any)
			if !ok {
				return nil, notTable(item)
			}
			out = append(out, table)
		}
		return out, nil
	}
	return nil, fmt.Errorf("Unknown type '%T'", raw)
}

// notTable returns flyctl's message. Unlike flyctl's, it does not repeat the
// content of a list or a table, which may be a check's headers.
func notTable(item any) error {
	switch item.(type) {
	case []any, map[any]any:
		return fmt.Errorf("Can not cast a value of type %T as map[string]any", item)
	}
	return fmt.Errorf("Can not cast '%s' of type '%t' as map[string]any", item, item)
}

// StringList reads a string or a list of strings. Null is not a list.
func StringList(raw any, key string) ([]string, error) {
	switch raw := raw.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{raw}, nil
	case []any:
		out := make([]string, 0, len(raw))
		for _, item := range raw {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("could not cast %v of type %T to string on %s", item, item, key)
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, fmt.Errorf("could not cast %v of type %T to []string on %s", raw, raw, key)
}

// IsTable reports whether a decoded value is a table.
func IsTable(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// CloneTable copies a table and everything in it. The patches write into the copy.
func CloneTable(table map[string]any) map[string]any {
	out := make(map[string]any, len(table))
	for key, value := range table {
		out[key] = Clone(value)
	}
	return out
}

// Clone copies a value: see [CloneTable].
func Clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return CloneTable(value)
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = Clone(item)
		}
		return out
	}
	return value
}

// TypeNames returns a replacer of our type names with those that flyctl's structs
// have in messages of encoding/json.
func TypeNames() *strings.Replacer {
	return strings.NewReplacer(
		"machine.Port", "fly.MachinePort",
		"machine.Concurrency", "fly.MachineServiceConcurrency",
		"machine.HTTPResponse", "fly.HTTPResponseOptions",
		"machine.", "fly.",
		"flytoml.Definition", "appconfig.Config",
		"flytoml.GuestFile", "appconfig.File",
		"flytoml.Duration", "fly.Duration",
		"flytoml.Autostop", "fly.MachineAutostop",
		"flytoml.Machine", "fly.Machine",
		"flytoml.", "appconfig.",
		"map[string]json.RawMessage", "map[string]interface {}",
	)
}

// Equal reports whether two decoded values are equal. NaN equals itself.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !Equal(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[any]any: // a YAML mapping, whose keys may be any values
		b, ok := b.(map[any]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if f, ok := key.(float64); ok && math.IsNaN(f) {
				continue // no key equals it
			}
			if other, ok := b[key]; !ok || !Equal(value, other) {
				return false
			}
		}
		return true
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	}
	return reflect.DeepEqual(a, b)
}

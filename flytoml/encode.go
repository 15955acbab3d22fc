package flytoml

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// appendJSON appends the JSON form of a decoded document, byte for byte what
// json.Marshal writes. It writes the common types itself, which is faster, and
// leaves the rest to json.Marshal.
func appendJSON(out []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, value), nil
	case int:
		return strconv.AppendInt(out, int64(value), 10), nil
	case int64:
		return strconv.AppendInt(out, value, 10), nil
	case float64:
		const exact = 1 << 53
		if value == math.Trunc(value) && math.Abs(value) < exact && (value != 0 || !math.Signbit(value)) {
			return strconv.AppendInt(out, int64(value), 10), nil
		}
	case string:
		return appendString(out, value), nil
	case *string:
		if value != nil {
			return appendString(out, *value), nil
		}
	case []any:
		return appendList(out, value, value == nil)
	case []map[string]any:
		return appendList(out, value, value == nil)
	case map[string]any:
		return appendTable(out, value)
	case map[string]string:
		return appendTable(out, value)
	}
	data, err := json.Marshal(value)
	return append(out, data...), err
}

func appendList[T any](out []byte, list []T, null bool) ([]byte, error) {
	if null {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	for i, item := range list {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendJSON(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendTable writes the keys in sorted order, as json.Marshal does. The order
// matters: of keys that differ only in case the last one wins when they are read,
// and of several errors the first is reported.
func appendTable[T any](out []byte, table map[string]T) ([]byte, error) {
	if table == nil {
		return append(out, "null"...), nil
	}
	var few [16]string
	keys := few[:0]
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		var err error
		if out, err = appendJSON(out, table[key]); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

func appendString(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b < ' ' || b >= utf8.RuneSelf || b == '"' || b == '\\' || b == '<' || b == '>' || b == '&' {
			data, err := json.Marshal(s)
			if err != nil {
				data = []byte(`""`) // does not happen: marshaling a string cannot fail
			}
			return append(out, data...)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}

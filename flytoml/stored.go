package flytoml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// FromDefinition returns the file for a definition in JSON as a release stores
// it. Null values and empty sections at the top level are left out. The file has
// no text.
func FromDefinition(name string, definition json.RawMessage) (*File, error) {
	decoder := json.NewDecoder(bytes.NewReader(definition))
	decoder.UseNumber()
	var stored map[string]any
	if err := decoder.Decode(&stored); err != nil {
		return nil, fmt.Errorf("stored definition: %w", err)
	}
	if stored == nil {
		return nil, errors.New("stored definition: it is null")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("stored definition: there is text after the JSON value")
	}
	if syntax.Depth(stored, syntax.MaxDepth+1) > syntax.MaxDepth {
		return nil, fmt.Errorf("stored definition: nested deeper than %d levels", syntax.MaxDepth)
	}
	doc := asTOML(stored).(map[string]any)
	for key, value := range doc {
		if isEmpty(key, value) {
			delete(doc, key)
		}
	}
	return &File{name: name, doc: doc, define: sync.OnceValues(func() (*Definition, error) { return define(doc) })}, nil
}

// asTOML converts a decoded JSON value to what a TOML decoder returns: without
// nulls, and with whole numbers as integers.
func asTOML(value any) any {
	switch value := value.(type) {
	case map[string]any:
		table := make(map[string]any, len(value))
		for key, item := range value {
			if item != nil {
				table[key] = asTOML(item)
			}
		}
		return table
	case []any:
		list := make([]any, 0, len(value))
		for _, item := range value {
			if item != nil {
				list = append(list, asTOML(item))
			}
		}
		return list
	case json.Number:
		if i, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return i
		}
		if f, err := value.Float64(); err == nil {
			return f
		}
		return value.String()
	}
	return value
}

// isEmpty reports whether a top-level section has no content. An empty
// [http_service] is not empty: it makes a service.
func isEmpty(key string, value any) bool {
	switch value := value.(type) {
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0 && key != "http_service"
	}
	return false
}

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

// FromDefinition is the file that a definition in JSON stands for, as a release
// stores it: the document without what is null, or empty at its top. The file
// has no text.
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
		return nil, errors.New("stored definition: text after its end")
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

// asTOML makes of a decoded JSON value what TOML would have in its place: no
// null, and whole numbers that are integers.
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

// isEmpty reports whether a section at the top says nothing. An empty
// [http_service] is a service all the same.
func isEmpty(key string, value any) bool {
	switch value := value.(type) {
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0 && key != "http_service"
	}
	return false
}

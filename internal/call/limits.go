package call

import (
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// Bounds of arguments whose schema has none of its own: nothing that a call
// names is longer, and work that is done for each item stays small.
const (
	MaxItem     = 255  // bytes of one item
	maxArgument = 1024 // bytes of a text
	maxPath     = 4096 // bytes of a path
)

// tooLong refuses an argument beyond its bounds.
func tooLong(name string, s *jsonschema.Schema, value any) *plan.Problem {
	switch value := value.(type) {
	case string:
		most := maxArgument
		switch {
		case s.MaxLength != nil:
			most = *s.MaxLength
		case name == "content":
			most = roots.MaxSize
		case name == "path":
			most = maxPath
		}
		if len(value) > most {
			return plan.Invalid("argument %s is longer than %d bytes", name, most)
		}
	case []any:
		most := plan.MaxItems
		if s.MaxItems != nil {
			most = *s.MaxItems
		}
		if len(value) > most {
			return plan.Invalid("argument %s has %d items, more than the %d allowed: make several calls", name, len(value), most)
		}
		for _, item := range value {
			if text, ok := item.(string); ok && len(text) > MaxItem {
				return plan.Invalid("argument %s has an item that is longer than %d bytes", name, MaxItem)
			}
		}
	}
	return nil
}

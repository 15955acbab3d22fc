package call

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// hostArguments are names that some hosts add to the arguments of every call:
// n8n sends all four. They are ignored unless the tool declares them.
func hostArguments() []string {
	return []string{"toolCallId", "sessionId", "action", "chatInput"}
}

// arguments returns the arguments of a call in the types of the schema: a null
// is an absent argument, what the host added is left out, and text that can
// only mean one boolean, number or array becomes that value. What does not fit
// the schema stays as it is, for [decode] to refuse. If the call names no app,
// the app of the session (FLY_APP, as in flyctl) is filled in. The given map is
// not changed.
func (a *Handler) arguments(schema *jsonschema.Schema, request mcp.CallToolRequest) (map[string]any, *plan.Problem) {
	given, ok := request.Params.Arguments.(map[string]any)
	if !ok && request.Params.Arguments != nil {
		return nil, plan.Invalid("the arguments must be an object, not %s", jsonType(request.Params.Arguments))
	}
	arguments := make(map[string]any, len(given)+1)
	for name, value := range given {
		property := schema.Properties[name]
		switch {
		case property == nil && slices.Contains(hostArguments(), name):
		case property == nil: // unknown, whatever its value: refused with a suggestion
			arguments[name] = value
		case value != nil:
			arguments[name] = coerce(property, value)
		}
	}
	if a.DefaultApp != "" && slices.Contains(schema.Required, "app") && arguments["app"] == nil {
		arguments["app"] = a.DefaultApp
	}
	return arguments, nil
}

// coerce returns the value that a text stands for, if the schema wants a
// boolean, a number or an array and the text is one in JSON ("True" is what
// Python writes). Any other value is returned unchanged.
func coerce(schema *jsonschema.Schema, value any) any {
	text, ok := value.(string)
	if !ok {
		return value
	}
	if schema.Type == "boolean" {
		text = strings.ToLower(text)
	}
	var meant any
	if json.Unmarshal([]byte(text), &meant) != nil {
		return value
	}
	switch meant.(type) {
	case bool:
		ok = schema.Type == "boolean"
	case float64:
		ok = schema.Type == "integer" || schema.Type == "number"
	case []any:
		ok = schema.Type == "array"
	default:
		ok = false
	}
	if !ok {
		return value
	}
	return meant
}

package call

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// hostArguments returns names that some hosts add to the arguments of every call:
// n8n sends all four. They are ignored unless the tool declares them.
func hostArguments() []string {
	return []string{"toolCallId", "sessionId", "action", "chatInput"}
}

// arguments returns the arguments of a call in the types of the schema: a null
// is an absent argument, what the host added is left out, and text that can
// only mean one boolean, number or array becomes that value. What does not fit
// the schema stays as it is, for [encodeArguments] to refuse. If the call names no app,
// the app of the session (FLY_APP, as in flyctl) is filled in. The given map is
// not changed.
func (h *Handler) arguments(schema *jsonschema.Schema, request mcp.CallToolRequest) (map[string]any, *plan.Problem) {
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
	if h.DefaultApp != "" && slices.Contains(schema.Required, "app") && arguments["app"] == nil {
		arguments["app"] = h.DefaultApp
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

// Decode checks the arguments of a call and reads them into In. A problem is one sentence
// and names what is valid; nothing unknown is accepted.
func Decode[In any](schema *jsonschema.Schema, arguments map[string]any) (In, *plan.Problem) {
	var in In
	body, problem := encodeArguments(schema, arguments)
	if problem == nil && json.Unmarshal(body, &in) != nil {
		problem = errUnreadable()
	}
	return in, problem
}

// encodeArguments checks the arguments of a call against its schema and returns them as
// JSON, in the order of their names.
func encodeArguments(schema *jsonschema.Schema, arguments map[string]any) (json.RawMessage, *plan.Problem) {
	names := slices.Sorted(maps.Keys(arguments))
	for _, name := range names {
		if schema.Properties[name] == nil {
			return nil, unknownArgument(schema, name)
		}
	}
	for _, name := range schema.Required {
		if arguments[name] == nil {
			return nil, plan.Invalid("argument %s is missing", name)
		}
	}
	for _, name := range names {
		if problem := check(name, schema.Properties[name], arguments[name]); problem != nil {
			return nil, problem
		}
	}
	body, err := json.Marshal(arguments)
	if err != nil {
		return nil, errUnreadable()
	}
	return body, nil
}

func errUnreadable() *plan.Problem { return plan.Invalid("the arguments could not be read") }

func unknownArgument(schema *jsonschema.Schema, name string) *plan.Problem {
	valid := slices.Sorted(maps.Keys(schema.Properties))
	near := ""
	for _, v := range valid {
		if len(name) > MaxItem {
			break // no slip of the pen, and long to compare
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(name), v); d <= 3 &&
			(near == "" || d < levenshtein.ComputeDistance(strings.ToLower(name), near)) {
			near = v
		}
	}
	p := plan.Invalid("there is no argument %s", outside.Quote(name, 40))
	p.Hint = "valid arguments: " + strings.Join(valid, ", ")
	if near != "" {
		p.Hint = "did you mean " + near + "? " + p.Hint
	}
	return p
}

// check compares one argument with its schema. The types used by inputs are
// string, boolean, integer, number, and array of strings or integers.
func check(name string, s *jsonschema.Schema, value any) *plan.Problem {
	switch s.Type {
	case "string":
		v, ok := value.(string)
		if !ok {
			return plan.Invalid("argument %s must be a string, not %s", name, jsonType(value))
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, any(v)) {
			return plan.Invalid("argument %s is %.40q; it must be one of %v", name, v, s.Enum)
		}
		if p := tooLong(name, s, v); p != nil {
			return p
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return plan.Invalid("argument %s must be true or false, not %s", name, jsonType(value))
		}
	case "integer":
		v, ok := value.(float64)
		if !ok || v != float64(int64(v)) {
			return plan.Invalid("argument %s must be a whole number, not %s", name, jsonType(value))
		}
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			return plan.Invalid("argument %s is %d; it must be from %g to %g", name, int64(v), *s.Minimum, *s.Maximum)
		}
	case "number":
		v, ok := value.(float64)
		if !ok {
			return plan.Invalid("argument %s must be a number, not %s", name, jsonType(value))
		}
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			return plan.Invalid("argument %s is %g, which is out of its range", name, v)
		}
	case "array":
		items, ok := value.([]any)
		if !ok {
			return plan.Invalid("argument %s must be an array of %ss, not %s", name, s.Items.Type, jsonType(value))
		}
		if p := tooLong(name, s, items); p != nil {
			return p
		}
		for _, item := range items {
			if problem := check(name, s.Items, item); problem != nil {
				if s.Items.Type == "string" && jsonType(item) != "a string" {
					return plan.Invalid("argument %s must hold strings only, not %s", name, jsonType(item))
				}
				return problem
			}
		}
	}
	return nil
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case float64, json.Number:
		return "a number"
	case []any:
		return "an array"
	}
	return "an object"
}

package call

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Schemas are derived from the Go types, and normalised to what clients can
// read: no nullable types, no composition, an object at the root, items for
// every array (mcp.md, "Practical portability"). Deriving takes milliseconds,
// and a client may start the program only to ask what it is: so they are
// derived once, by `go test ./tools -update`, and embedded there; a test compares.

// schemas are the two of a tool.
type schemas struct {
	files   fs.FS // holds each as [SchemaFile]; nil: they are derived
	name    string
	derived func() (in, out *jsonschema.Schema)
	parsed  func() *jsonschema.Schema // of the input, read at the first call
}

func newSchemas[In, Out any](files fs.FS, name string, refine func(map[string]*jsonschema.Schema)) schemas {
	s := schemas{files: files, name: name, derived: func() (in, out *jsonschema.Schema) { return InputSchema[In](refine), outputSchema[Out]() }}
	s.parsed = sync.OnceValue(func() *jsonschema.Schema {
		var in jsonschema.Schema
		if err := json.Unmarshal(s.input(), &in); err != nil {
			panic(fmt.Sprintf("embedded schema of %s: %v", name, err)) // every test reads it
		}
		return &in
	})
	return s
}

// DeriveSchemas makes the schemas from the types, the output's with its descriptions:
// what is embedded is [Compact].
func (s schemas) DeriveSchemas() (in, out *jsonschema.Schema) { return s.derived() }

func (s schemas) input() json.RawMessage {
	if s.files == nil {
		in, _ := s.derived()
		return encode(in)
	}
	return s.read("input")
}

func (s schemas) output() json.RawMessage {
	if s.files == nil {
		_, out := s.derived()
		return encode(Compact(out))
	}
	return s.read("output")
}

func encode(s *jsonschema.Schema) json.RawMessage {
	body, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("schema: %v", err)) // a mistake in a declaration; every test finds it
	}
	return body
}

func (s schemas) read(which string) json.RawMessage {
	body, err := fs.ReadFile(s.files, SchemaFile(s.name, which))
	if err != nil {
		panic(err) // every test reads it
	}
	return body
}

// SchemaFile is the path of a tool's input or output schema in [Deps.Schemas].
func SchemaFile(tool, which string) string { return "schemas/" + tool + "." + which + ".json" }

func InputSchema[T any](refine func(map[string]*jsonschema.Schema)) *jsonschema.Schema {
	s := Derive[T]()
	if refine != nil {
		refine(s.Properties)
	}
	return s
}

func outputSchema[T any]() *jsonschema.Schema {
	s := Derive[T]()
	open(s)
	return s
}

func Derive[T any]() *jsonschema.Schema {
	s, err := jsonschema.For[T](nil)
	if err != nil {
		panic(fmt.Sprintf("schema of %T: %v", *new(T), err)) // a mistake in a declaration; every test finds it
	}
	flatten(s)
	return s
}

// flatten takes "null" out of types: our encoders leave empty fields out.
func flatten(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if len(s.Types) > 0 {
		s.Types = slices.DeleteFunc(s.Types, func(t string) bool { return t == "null" })
		if len(s.Types) == 1 {
			s.Type, s.Types = s.Types[0], nil
		}
	}
	flatten(s.Items)
	for _, p := range s.Properties {
		flatten(p)
	}
}

// open lets objects of an answer have further fields, which costs fewer tokens
// than saying that they have none.
func open(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	s.AdditionalProperties = nil
	open(s.Items)
	for _, p := range s.Properties {
		open(p)
	}
}

// compact is an output schema as tools/list carries it: without prose, which
// docs/tools.md has, and without the properties of the arguments of a next call,
// which the called tool's own schema has. Every client pays for each word of it
// in every conversation.
func Compact(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	out := *s
	out.Description = ""
	out.Items = Compact(s.Items)
	if s.Properties != nil {
		out.Properties = make(map[string]*jsonschema.Schema, len(s.Properties))
		for name, property := range s.Properties {
			out.Properties[name] = Compact(property)
		}
	}
	if arguments := out.Properties["arguments"]; arguments != nil {
		out.Properties["arguments"] = &jsonschema.Schema{Type: "object"}
	}
	return &out
}

// decode reads the arguments of a call into In. Every problem is told in one
// sentence with the valid names; nothing is accepted in silence.
func Decode[In any](schema *jsonschema.Schema, arguments map[string]any) (In, *plan.Problem) {
	var in In
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if schema.Properties[name] == nil {
			return in, unknownArgument(schema, name)
		}
	}
	for _, name := range schema.Required {
		if arguments[name] == nil {
			return in, plan.Invalid("argument %s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if problem := check(name, schema.Properties[name], arguments[name]); problem != nil {
			return in, problem
		}
	}
	body, err := json.Marshal(arguments)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		return in, plan.Invalid("the arguments could not be read")
	}
	return in, nil
}

func unknownArgument(schema *jsonschema.Schema, name string) *plan.Problem {
	valid := slices.Sorted(maps.Keys(schema.Properties))
	near := ""
	for _, v := range valid {
		if len(name) > MaxItem {
			break // no slip of the pen, and long to compare
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(name), v); d <= 3 && (near == "" || d < levenshtein.ComputeDistance(strings.ToLower(name), near)) {
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

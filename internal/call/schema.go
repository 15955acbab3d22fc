package call

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
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

func newSchemas[In, Out any](files fs.FS, name string, refine Refine) schemas {
	s := schemas{files: files, name: name, derived: func() (in, out *jsonschema.Schema) {
		return InputSchema[In](refine), outputSchema[Out]()
	}}
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

// SchemaFile returns the path of a tool's input or output schema in [Deps.Schemas].
func SchemaFile(tool, which string) string { return "schemas/" + tool + "." + which + ".json" }

func InputSchema[T any](refine Refine) *jsonschema.Schema {
	s := Derive[T]()
	if refine != nil {
		refine(s.Properties)
	}
	return s
}

func outputSchema[T any]() *jsonschema.Schema {
	s := Derive[T]()
	openObjects(s)
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

// openObjects lets objects of an answer have further fields, which costs fewer tokens than
// saying that they have none.
func openObjects(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	s.AdditionalProperties = nil
	openObjects(s.Items)
	for _, p := range s.Properties {
		openObjects(p)
	}
}

// Compact returns an output schema as tools/list carries it: without prose, which
// docs/tools.md has, and without the properties of the arguments of a next call,
// which the called tool's own schema has, and without those of a remedy, which is like an
// entry of next. Every client pays for each word of it
// in every conversation.
func Compact(s *jsonschema.Schema) *jsonschema.Schema {
	out := compact(s)
	if out != nil {
		out.Required = s.Required // of the answer itself; what is in it says so by being there
	}
	return out
}

func compact(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	out := *s
	out.Description, out.Required = "", nil
	out.Items = compact(s.Items)
	if s.Properties != nil {
		out.Properties = make(map[string]*jsonschema.Schema, len(s.Properties))
		for name, property := range s.Properties {
			out.Properties[name] = compact(property)
		}
	}
	if arguments := out.Properties["arguments"]; arguments != nil {
		out.Properties["arguments"] = &jsonschema.Schema{Type: "object"}
	}
	for _, name := range []string{"remedy", "fix"} {
		if remedy := out.Properties[name]; remedy != nil && remedy.Type == "object" {
			out.Properties[name] = &jsonschema.Schema{Type: "object"}
		}
	}
	return &out
}

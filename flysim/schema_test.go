package flysim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func parseSchema(t *testing.T, paths ...string) *ast.SchemaDocument {
	t.Helper()
	var sources []*ast.Source
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: path, Input: string(text)})
	}
	doc, err := parser.ParseSchemas(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSchemaIsSubset compares the served schema with the one that fly-go publishes: each of our
// types, fields, arguments and type references is in theirs in the same form.
func TestSchemaIsSubset(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/superfly/fly-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("schema/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	ours := parseSchema(t, files...)
	theirs := parseSchema(t, filepath.Join(strings.TrimSpace(string(dir)), "schema.graphql"))
	if len(ours.Definitions) < 30 || len(theirs.Definitions) < 200 {
		t.Fatalf("%d and %d definitions", len(ours.Definitions), len(theirs.Definitions))
	}
	for _, operation := range ours.Schema[0].OperationTypes {
		if i := slices.IndexFunc(theirs.Schema[0].OperationTypes, func(o *ast.OperationTypeDefinition) bool {
			return o.Operation == operation.Operation && o.Type == operation.Type
		}); i < 0 {
			t.Errorf("%s: %s", operation.Operation, operation.Type)
		}
	}
	for _, def := range ours.Definitions {
		other := theirs.Definitions.ForName(def.Name)
		if other == nil || other.Kind != def.Kind {
			t.Errorf("%s %s is not theirs", def.Kind, def.Name)
			continue
		}
		for _, name := range def.Interfaces {
			if !slices.Contains(other.Interfaces, name) {
				t.Errorf("%s does not implement %s", def.Name, name)
			}
		}
		for _, field := range def.Fields {
			compareField(t, def, field, other.Fields.ForName(field.Name))
		}
		for _, field := range other.Fields {
			if def.Kind == ast.InputObject && field.Type.NonNull && def.Fields.ForName(field.Name) == nil {
				t.Errorf("%s lacks %s, which is required", def.Name, field.Name)
			}
		}
		var values, want []string
		for _, v := range def.EnumValues {
			values = append(values, v.Name)
		}
		for _, v := range other.EnumValues {
			want = append(want, v.Name)
		}
		if !slices.Equal(values, want) {
			t.Errorf("enum %s: %v, want %v", def.Name, values, want)
		}
	}
}

func compareField(t *testing.T, def *ast.Definition, field, other *ast.FieldDefinition) {
	t.Helper()
	if other == nil {
		t.Errorf("%s.%s is not theirs", def.Name, field.Name)
		return
	}
	if got, want := field.Type.String(), other.Type.String(); got != want {
		t.Errorf("%s.%s: %s, want %s", def.Name, field.Name, got, want)
	}
	for _, argument := range field.Arguments {
		same := other.Arguments.ForName(argument.Name)
		if same == nil || same.Type.String() != argument.Type.String() ||
			same.DefaultValue.String() != argument.DefaultValue.String() {
			t.Errorf("%s.%s(%s: %s) is not theirs", def.Name, field.Name, argument.Name, argument.Type)
		}
	}
	for _, argument := range other.Arguments {
		if argument.Type.NonNull && field.Arguments.ForName(argument.Name) == nil {
			t.Errorf("%s.%s lacks the argument %s, which is required", def.Name, field.Name, argument.Name)
		}
	}
}

package tools

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

var update = flag.Bool("update", false, "rewrite golden files and the README's table")

func declared() []call.Tool {
	return All(Deps{Deps: call.Deps{Clock: flytest.StillClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))}})
}

func TestGoldenDefinitions(t *testing.T) {
	var names []string
	for _, tool := range declared() {
		names = append(names, tool.Spec().Name)
		got, err := json.MarshalIndent(tool.Definition(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("..", "testdata", "golden", "tools", tool.Spec().Name+".json"), append(got, '\n'))
	}
	want := []string{"list_ips", "audit", "why_awake", "make_private", "allocate_flycast", "patch_services", "deploy", "deploy_status",
		"deploy_stop", "release_public_ips", "verify_private", "create_private_app", "make_public"}
	if !slices.Equal(names, want) {
		t.Errorf("tools are %v, want %v", names, want)
	}
}

// TestEmbeddedSchemas checks that the files in schemas are what the Go types say.
func TestEmbeddedSchemas(t *testing.T) {
	for path, body := range derivedSchemas() {
		golden(t, path, body)
	}
}

// derivedSchemas returns the schemas of all tools, as the Go types say, by the path of the
// file that holds them.
func derivedSchemas() map[string][]byte {
	files := make(map[string][]byte)
	for _, tool := range declared() {
		in, out := tool.(interface {
			DeriveSchemas() (in, out *jsonschema.Schema)
		}).DeriveSchemas()
		for which, s := range map[string]*jsonschema.Schema{"input": in, "output": call.Compact(out)} {
			body, err := json.Marshal(s)
			if err != nil {
				panic(err)
			}
			files[call.SchemaFile(tool.Spec().Name, which)] = body
		}
	}
	return files
}

// TestMain writes the schemas, if -update is given, before any test uses them. The tests of
// this run have the earlier ones embedded, so it ends if one has changed.
func TestMain(m *testing.M) {
	flag.Parse()
	if *update && schemasChanged() {
		fmt.Fprintln(os.Stderr, "schemas were written: run the same command again, which embeds them")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// schemasChanged writes the schemas that are not as the Go types say.
func schemasChanged() (changed bool) {
	for path, body := range derivedSchemas() {
		if held, err := os.ReadFile(path); err == nil && bytes.Equal(held, body) {
			continue
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			panic(err)
		}
		changed = true
	}
	return changed
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run go test ./tools -update", err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is out of date: run go test ./tools -update and read the diff", path)
	}
}

// TestPortableSchemas holds what clients need: object roots without composition,
// no nullable types, items for arrays, no further arguments.
func TestPortableSchemas(t *testing.T) {
	for _, tool := range declared() {
		def := tool.Definition()
		for which, raw := range map[string]json.RawMessage{"input": def.RawInputSchema, "output": def.RawOutputSchema} {
			var s jsonschema.Schema
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			name := tool.Spec().Name + " " + which
			if s.Type != "object" {
				t.Errorf("%s: root is %q, want an object", name, s.Type)
			}
			if which == "input" && (s.AdditionalProperties == nil || s.AdditionalProperties.Not == nil) {
				t.Errorf("%s: further arguments are accepted", name)
			}
			portable(t, name, &s)
		}
	}
}

func portable(t *testing.T, path string, s *jsonschema.Schema) {
	t.Helper()
	if s == nil {
		return
	}
	if len(s.Types) > 0 || s.Type == "" && s.Not == nil {
		t.Errorf("%s: type is %q %v, want one", path, s.Type, s.Types)
	}
	if len(s.OneOf)+len(s.AnyOf)+len(s.AllOf) > 0 || s.If != nil || s.Ref != "" {
		t.Errorf("%s: composition", path)
	}
	if s.Type == "array" && s.Items == nil {
		t.Errorf("%s: array without items", path)
	}
	portable(t, path+"[]", s.Items)
	for name, p := range s.Properties {
		portable(t, path+"."+name, p)
	}
}

func TestSpecs(t *testing.T) {
	for _, tool := range declared() {
		s, def := tool.Spec(), tool.Definition()
		if n := len(strings.Fields(s.Description)); n < 28 || n > 52 {
			t.Errorf("%s: description has %d words, want 28 to 52", s.Name, n)
		}
		if s.Title == "" || def.Annotations.Title == "" {
			t.Errorf("%s: no title", s.Name)
		}
		for hint, v := range map[string]*bool{
			"readOnly": def.Annotations.ReadOnlyHint, "destructive": def.Annotations.DestructiveHint,
			"idempotent": def.Annotations.IdempotentHint, "openWorld": def.Annotations.OpenWorldHint,
		} {
			if v == nil {
				t.Errorf("%s: hint %s is not set", s.Name, hint)
			}
		}
		if *def.Annotations.ReadOnlyHint && *def.Annotations.DestructiveHint {
			t.Errorf("%s: read-only and destructive", s.Name)
		}
	}
	if got := len(ReadOnly(declared())); got != 3 {
		t.Errorf("%d tools are read-only, want 3", got)
	}
	if got, want := Changers(declared()), []string{"make_private", "allocate_flycast", "patch_services", "deploy",
		"release_public_ips", "verify_private", "create_private_app", "make_public"}; !slices.Equal(got, want) {
		t.Errorf("changing tools are %v, want %v", got, want)
	}
}

// TestBudget keeps tools/list under 9,000 tokens, at four bytes a token, and what a model reads of
// it (names, descriptions and input schemas) under 4,500: every client pays for it in every
// conversation.
func TestBudget(t *testing.T) {
	total, read := 0, 0
	for _, tool := range declared() {
		d := tool.Definition()
		body, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		total += len(body)
		read += len(d.Name) + len(d.Description) + len(d.RawInputSchema)
		t.Logf("%s: %d tokens", d.Name, len(body)/4)
	}
	if n := len(declared()); n > 14 {
		t.Errorf("%d tools, want at most 14", n)
	}
	if total/4 > 9000 || read/4 > 4500 {
		t.Errorf("tools/list takes %d tokens, of which a model reads %d; want at most 9000 and 4500", total/4, read/4)
	}
	t.Logf("%d tokens, of which a model reads %d", total/4, read/4)
}

func TestDecode(t *testing.T) {
	schema := call.InputSchema[releaseInput](func(p map[string]*jsonschema.Schema) { appPattern(p) })
	tests := []struct {
		name string
		args map[string]any
		want string // part of message and hint; empty: accepted
	}{
		{"minimal", map[string]any{"app": "shop-api"}, ""},
		{"all", map[string]any{"app": "a", "ips": []any{"1.2.3.4"}, "allow_unreachable": true, "approval": "x",
			"dry_run": false}, ""},
		{"missing", map[string]any{}, "argument app is missing"},
		{"null", map[string]any{"app": nil}, "argument app is missing"},
		{"unknown", map[string]any{"app": "a", "confirm": true}, "there is no argument"},
		{"near miss", map[string]any{"app": "a", "ip": []any{}}, "did you mean ips"},
		{"case", map[string]any{"App": "a"}, "did you mean app"},
		{"number for string", map[string]any{"app": 7.0}, "must be a string, not a number"},
		{"string for bool", map[string]any{"app": "a", "dry_run": "true"}, "must be true or false, not a string"},
		{"string for array", map[string]any{"app": "a", "ips": "1.2.3.4"}, "must be an array of strings"},
		{"number in array", map[string]any{"app": "a", "ips": []any{1.0}}, "must hold strings only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problem := call.Decode[releaseInput](schema, test.args)
			switch {
			case test.want == "" && problem != nil:
				t.Errorf("refused: %v", problem)
			case test.want != "" && problem == nil:
				t.Errorf("accepted, want %q", test.want)
			case problem != nil && !strings.Contains(problem.Message+" "+problem.Hint, test.want):
				t.Errorf("message %q hint %q, want %q", problem.Message, problem.Hint, test.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	schema := call.InputSchema[patchInput](func(p map[string]*jsonschema.Schema) { appPattern(p) })
	f.Add(`{"app":"a","create":true,"internal_port":8080,"process_groups":["web"]}`)
	f.Add(`{"app":{"x":[1,null]},"internal_port":1e309}`)
	f.Fuzz(func(t *testing.T, body string) {
		var args map[string]any
		if json.Unmarshal([]byte(body), &args) != nil {
			return
		}
		in, problem := call.Decode[patchInput](schema, args)
		if problem == nil && args["app"] != nil && in.App == "" && args["app"] != "" {
			t.Errorf("%s: the app was accepted and lost", body)
		}
	})
}

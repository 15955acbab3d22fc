package tools

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// inputTables are the arguments and results of all tools, and the words in them.
func inputTables(t *testing.T, all []call.Tool) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("## Arguments\n\nRequired ones are bold. Nothing else is accepted.\n")
	for _, tool := range all {
		var s jsonschema.Schema
		if err := json.Unmarshal(tool.Definition().RawInputSchema, &s); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n### %s\n\n| argument | type | |\n|---|---|---|\n", tool.Spec().Name)
		required := func(name string) bool { return slices.Contains(s.Required, name) }
		names := slices.Sorted(maps.Keys(s.Properties))
		slices.SortStableFunc(names, func(a, b string) int {
			switch {
			case required(a) == required(b):
				return 0
			case required(a):
				return -1
			}
			return 1
		})
		for _, name := range names {
			p := s.Properties[name]
			shown, kind := "`"+name+"`", p.Type
			if required(name) {
				shown = "**" + shown + "**"
			}
			if p.Items != nil {
				kind += " of " + p.Items.Type
			}
			meaning := p.Description
			if len(p.Enum) > 0 {
				words := make([]string, len(p.Enum))
				for i, word := range p.Enum {
					words[i] = fmt.Sprintf("`%v`", word)
				}
				meaning = strings.TrimSuffix(strings.Join(words, ", ")+". "+meaning, ". ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", shown, kind, strings.ReplaceAll(meaning, "|", "\\|"))
		}
	}
	resultTables(t, &b, all)
	wordTables(&b)
	return b.String()
}

// wordTables are the codes, the steps and the hazards.
func wordTables(b *strings.Builder) {
	b.WriteString("\n## Codes\n\n| code | retry | |\n|---|---|---|\n")
	for _, w := range gate.Codes() {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", w.Code, w.Retry, w.Sentence)
	}
	b.WriteString("\n## Steps\n\n| step | |\n|---|---|\n")
	for _, w := range plan.Verbs() {
		fmt.Fprintf(b, "| `%s` | %s |\n", w.Verb, w.Sentence)
	}
	b.WriteString(
		"\n## Hazards\n\nPlans, questions, policies and the journal use these words. To approve those in bold, a " +
			"person types the app's name.\n\n| hazard | |\n|---|---|\n")
	for _, w := range plan.Hazards() {
		name := fmt.Sprintf("`%s`", w.Hazard)
		if w.Irreversible {
			name = "**" + name + "**"
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, w.Sentence)
	}
}

// resultTables are the fields of results that need a word: those of the common
// envelope once, then each tool's own.
func resultTables(t *testing.T, b *strings.Builder, all []call.Tool) {
	t.Helper()
	envelope := call.Derive[plan.Result]()
	b.WriteString(
		"\n## Results\n\nFields that are empty are left out; `status`, `summary` and `next` are always there. " +
			"tools/list has the types.\n\n### The envelope of every changing tool\n\n| field | |\n|---|---|\n")
	describe(b, envelope, "", func(string) bool { return false })
	for _, tool := range all {
		_, out := tool.(interface {
			DeriveSchemas() (in, out *jsonschema.Schema)
		}).DeriveSchemas()
		var own strings.Builder
		describe(&own, out, "", func(name string) bool {
			return envelope.Properties[name] != nil &&
				out.Properties["steps"] != nil
		})
		if own.Len() > 0 {
			fmt.Fprintf(b, "\n### Results of %s\n\n| field | |\n|---|---|\n%s", tool.Spec().Name, own.String())
		}
	}
}

// describe writes a row for every property with a description, but for those at
// the top that skip names.
func describe(b *strings.Builder, s *jsonschema.Schema, at string, skip func(name string) bool) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if at == "" && skip(name) {
			continue
		}
		p := s.Properties[name]
		if p.Description != "" {
			fmt.Fprintf(b, "| `%s%s` | %s |\n", at, name, strings.ReplaceAll(p.Description, "|", "\\|"))
		}
		describe(b, p, at+name+".", skip)
		if p.Items != nil {
			describe(b, p.Items, at+name+"[].", skip)
		}
	}
}

func TestToolsDocument(t *testing.T) {
	path := filepath.Join("..", "docs", "tools.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), tableStart)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatal("the document has no place for the tables")
	}
	want := head + tableStart + inputTables(t, declared()) + tableEnd + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(data) != want {
		t.Error("docs/tools.md is out of date: run go test ./tools -update")
	}
}

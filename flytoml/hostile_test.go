package flytoml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// An eighth of the allowed size is enough to make a reader without limits slow.
const hostileSize = flytoml.MaxSize / 8

// filled repeats a text up to the size of a file.
func filled(text string) string { return strings.Repeat(text, hostileSize/len(text)) }

// numbered repeats a text up to the size of a file, with a number in place of @.
func numbered(text string) string {
	var b strings.Builder
	for i := 0; b.Len() < hostileSize; i++ {
		b.WriteString(strings.ReplaceAll(text, "@", fmt.Sprint(i)))
	}
	return b.String()
}

// chained repeats a text that refers to the previous one by its number.
func chained(text string) string {
	var b strings.Builder
	for i := 1; b.Len() < hostileSize; i++ {
		b.WriteString(strings.NewReplacer("@-1", fmt.Sprint(i-1), "@", fmt.Sprint(i)).Replace(text))
	}
	return b.String()
}

// hostile returns files that make a reader without limits very slow.
// Those with a reason must be refused with it; the others must be read.
func hostile() map[string][3]string {
	return map[string][3]string{
		"toml brackets":       {"fly.toml", "a=" + filled("["), "nested deeper"},
		"toml dots":           {"fly.toml", filled("a.") + "a=1", "nested deeper"},
		"toml keys":           {"fly.toml", numbered("k@=1\n"), "too many keys"},
		"toml tables":         {"fly.toml", numbered("[k@]\n"), "too many keys"},
		"toml dotted":         {"fly.toml", numbered("a.k@=1\n"), "too many keys"},
		"toml inline":         {"fly.toml", "a={" + numbered("k@=1,") + "z=1}", "too many keys"},
		"toml inline items":   {"fly.toml", "a=[" + filled("{k=1},") + "]", ""},
		"toml number":         {"fly.toml", "a=" + filled("9"), "too large"},
		"toml key":            {"fly.toml", filled("k") + "=1", ""},
		"json brackets":       {"fly.json", filled("["), "nested deeper"},
		"json objects":        {"fly.json", filled("{\"a\":"), "nested deeper"},
		"json keys":           {"fly.json", "{" + numbered("\"k@\":1,") + "\"z\":1}", ""},
		"json number":         {"fly.json", "{\"a\":" + filled("9") + "}", "cannot unmarshal number"},
		"json key":            {"fly.json", "{\"" + filled("k") + "\":1}", ""},
		"yaml brackets":       {"fly.yaml", filled("["), "nested deeper"},
		"yaml braces":         {"fly.yaml", filled("{"), "nested deeper"},
		"yaml dashes":         {"fly.yaml", filled("- "), "nested deeper"},
		"yaml questions":      {"fly.yaml", filled("? "), "nested deeper"},
		"yaml keys":           {"fly.yaml", numbered("k@: 1\n"), ""},
		"yaml equal keys":     {"fly.yaml", filled("a: 1\n"), "already defined"},
		"yaml chain":          {"fly.yaml", "a0: &a0 [x]\n" + chained("a@: &a@ [*a@-1]\n"), "aliases expand"},
		"yaml bomb":           {"fly.yaml", "a0: &a0 [x]\n" + chained("a@: &a@ [*a@-1,*a@-1]\n"), "aliases expand"},
		"yaml merges":         {"fly.yaml", "a0: &a0 {k: 1}\n" + chained("a@: &a@ {<<: *a@-1, k@: 1}\n"), "aliases expand"},
		"yaml repeated text":  {"fly.yaml", "a: &a " + filled("x") + "\nb: [" + filled("*a, ") + "]", "aliases expand"},
		"yaml tag directives": {"fly.yaml", numbered("%TAG !a@! x\n") + "---\na: 1", "too many directives"},
		"yaml documents":      {"fly.yaml", "{}\n" + filled("---\n"), ""},
		"yaml indent":         {"fly.yaml", indented(), "nested deeper"},
	}
}

// indented is a mapping inside a mapping, and so on.
func indented() string {
	var b strings.Builder
	for i := 0; b.Len() < hostileSize; i++ {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestHostile checks the limits by their reasons. Without one of the limits it takes
// very long, or all of the memory.
func TestHostile(t *testing.T) {
	t.Parallel()
	for what, tt := range hostile() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f, err := flytoml.Parse(tt[0], []byte(tt[1]))
			if tt[2] == "" != (err == nil) || err != nil && !strings.Contains(err.(*syntax.Error).Reason, tt[2]) {
				t.Fatalf("got %.200v, want %q", err, tt[2])
			}
			if err == nil {
				layout.Locate(f.Format(), f.Bytes())
			}
			if err != nil && len(err.Error()) > 2000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
}

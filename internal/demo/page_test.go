package demo

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

func TestDemoForm(t *testing.T) {
	properties := func(p map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": p}
	}
	box := properties(map[string]any{"confirm": map[string]any{"type": "boolean"}})
	name := properties(map[string]any{"app": map[string]any{"type": "string"}})
	for _, test := range []struct {
		schema any
		typed  string
		action mcp.ElicitationResponseAction
		want   any
	}{
		{box, "y", "accept", true},
		{box, "YES", "accept", true},
		{box, "", "decline", nil},
		{box, "n", "decline", nil},
		{box, "shop-api", "decline", nil},
		{name, "shop-api", "accept", "shop-api"},
		{name, "y", "accept", "y"}, // the server's to refuse
		{name, "No", "decline", nil},
		{name, "", "decline", nil},
	} {
		form, err := readForm(test.schema)
		if err != nil {
			t.Fatal(err)
		}
		got := form.result(test.typed)
		content, _ := got.Content.(map[string]any)
		if got.Action != test.action || content[form.name] != test.want {
			t.Errorf(
				"%q with box %v: got %s %v, want %s %v",
				test.typed,
				form.isBox,
				got.Action,
				content,
				test.action,
				test.want,
			)
		}
	}
	two := map[string]any{"a": map[string]any{}, "b": map[string]any{}}
	for _, schema := range []any{nil, "x", properties(nil), properties(two)} {
		if form, err := readForm(schema); err == nil {
			t.Errorf("%v: got %v, want an error", schema, form)
		}
	}
}

func TestPageHang(t *testing.T) {
	for i, test := range []struct {
		text string
		want string
	}{
		{"", "> \n"},
		{"one two", "> one two\n"},
		{"one two three four", "> one two\n  three four\n"},
		{"  kept  blanks of a line", ">   kept\n  blanks of\n  a line\n"},
		{"averyverylongword and more", "> averyverylongword\n  and more\n"},
		{"über ünder örtlich", "> über ünder\n  örtlich\n"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			var out bytes.Buffer
			p := &page{w: &out, width: 12}
			p.hang("> ", "  ", test.text, "")
			if got := out.String(); got != test.want {
				t.Errorf("%q: got\n%s\nwant\n%s", test.text, got, test.want)
			}
		})
	}
}

package flytoml

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

func TestFile(t *testing.T) {
	data := []byte(
		"app = \"shop\"\nprimary_region = 'ams'\n[deploy]\nrelease_command = \"migrate\"\n[processes]\n" +
			"web = \"a\"\nbatch = \"b\"\n")
	f, err := Parse("dir/fly.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name() != "dir/fly.toml" || f.App() != "shop" || f.PrimaryRegion() != "ams" || f.ReleaseCommand() != "migrate" {
		t.Errorf("got %q %q %q %q", f.Name(), f.App(), f.PrimaryRegion(), f.ReleaseCommand())
	}
	if want := []string{"batch", "web"}; !slices.Equal(f.Groups(), want) || f.DefaultGroup() != "batch" {
		t.Errorf("groups = %q, default %q", f.Groups(), f.DefaultGroup())
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(data)); f.SHA256() != want {
		t.Errorf("SHA256 = %s, want %s", f.SHA256(), want)
	}
	f.Bytes()[0] = 'X'
	if !bytes.Equal(f.Bytes(), data) {
		t.Error("a change to what Bytes returned reached the file")
	}
	data[0] = 'X'
	if f.Bytes()[0] == 'X' {
		t.Error("a change to Parse's argument reached the file")
	}
	d, err := f.Definition()
	if err != nil {
		t.Fatal(err)
	}
	d.Processes["new"] = ""
	if slices.Contains(f.Groups(), "new") {
		t.Error("a change to the Definition reached the file")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		row, col   int
		reason     string
		line       string
	}{
		{"fly.YAML", "app: x", 1, 4, "rename it", "app: x"},
		{"fly.yml", "app: x", 1, 4, "flyctl reads a file with this name as TOML", "app: x"},
		{"fly.toml", "app = \"x\"\nport = = 1\n", 2, 8, "at start of value", "port = = 1"},
		{"fly.toml", "\xef\xbb\xbfapp = \"x\"\n", 1, 1, "byte order mark", "\uFFFDapp = \"x\""},
		{"fly.toml", "app = \"x\"\n# a\x00b\n", 2, 4, "NUL", "# a\uFFFDb"},
		{"fly.toml", "app = \"x\"\rb = 1\r", 1, 10, "CR only", "app = \"x\"\uFFFDb = 1"},
		{"fly.toml", "app = \"x\"\r\nenv.A = \"\xff\"\r\n", 2, 10, "not valid UTF-8", "env.A = \"\uFFFD\""},
		{"fly.toml", "a = " + strings.Repeat("[", 65) + strings.Repeat("]", 65), 1, 69, "nested deeper than 64", "a = "},
		{"fly.toml", strings.Repeat("a.", 70) + "a = 1", 1, 128, "nested deeper than 64", ".a."},
		{"fly.toml", "[" + strings.Repeat("a.", 40) + "a]\n" + strings.Repeat("b.", 40) + "b = 1", 0, 0,
			"nested deeper than 64", ""},
		{"fly.toml", "# " + strings.Repeat("x", MaxSize), 0, 0, "more than the", ""},
		{"fly.json", "\xef\xbb\xbf{}", 1, 1, "byte order mark", "\uFFFD{}"},
		{"fly.json", "{\n  // c\n}", 2, 3, "no comments", "  // c"},
		{"fly.json", "{\"a\": [1,\n ]}", 2, 2, "no trailing commas", " ]}"},
		{"fly.json", "{\"a\": 1", 1, 8, "unexpected end", "{\"a\": 1"},
		{"fly.json", "", 1, 1, "unexpected end", ""},
		{"fly.json", "{}\n{}", 2, 1, "after top-level value", "{}"},
		{"fly.json", "{\"a\":\n 1e999}", 2, 2, "number 1e999", " 1e999}"},
		{"fly.json", "\n []", 2, 2, "cannot unmarshal array", " []"},
		{"fly.json", " null", 1, 2, "null", " null"},
		{"fly.json", "{\"a\": \"\x00\"}", 1, 8, "invalid character", "{\"a\": \"\uFFFD\"}"},
		{"fly.json", strings.Repeat("[", MaxSize), 1, 65, "nested deeper than 64", "[["},
		{"fly.yaml", "a: 1\na: 2\n", 2, 1, "already defined at line 1", "a: 2"},
		{"fly.yaml", "é: 1\r\né: [é, *y]", 2, 10, "unknown anchor 'y'", "é: [é, *y]"},
		{"fly.yaml", "\xef\xbb\xbfa: *y", 1, 7, "unknown anchor 'y'", "\uFFFDa: *y"},
		{"fly.yaml", "a:\r  b: *y", 1, 9, "unknown anchor 'y'", "a:\uFFFD  b: *y"},
		{"fly.yaml", "a: b\n\t: 1", 2, 1, "tab", " : 1"},
		{"fly.yaml", "a: 1\nb: \"\x00\"", 2, 5, "control characters", "b: \"\uFFFD\""},
		{"fly.yaml", "a: 1\nb: \xff", 2, 4, "UTF-8", "b: \uFFFD"},
		{"fly.yaml", "a: x\nb:\n- !!int x", 3, 3, "as a !!int", "- !!int x"},
		{"fly.yaml", "- 1", 1, 1, "cannot unmarshal !!seq", "- 1"},
		{"fly.yaml", "# c\n~", 2, 1, "null", "~"},
		{"fly.yaml", "a: &a\n  b: *a", 2, 6, "contains itself", "  b: *a"},
		{"fly.yaml", "a: {[b]: 1}", 1, 5, "invalid map key", "a: {[b]: 1}"},
		{"fly.yaml", "a: " + strings.Repeat("[", MaxSize-3), 1, 68, "nested deeper than 64", "a: [["},
		{"fly.yaml", strings.Repeat("- ", MaxSize/2), 1, 129, "nested deeper than 64", "- - "},
	} {
		_, err := Parse(tt.name, []byte(tt.data))
		var syntaxErr *syntax.Error
		if !errors.As(err, &syntaxErr) {
			t.Errorf("%s %.40q: error = %v, want a SyntaxError", tt.name, tt.data, err)
			continue
		}
		if syntaxErr.Row != tt.row || syntaxErr.Column != tt.col || !strings.Contains(syntaxErr.Reason, tt.reason) {
			t.Errorf("%.40q: got %d:%d %s, want %d:%d %s", tt.data, syntaxErr.Row, syntaxErr.Column,
				syntaxErr.Reason, tt.row, tt.col, tt.reason)
		}
		if !strings.HasPrefix(syntaxErr.Line, tt.line) {
			t.Errorf("%.40q: line = %q, want %q", tt.data, syntaxErr.Line, tt.line)
		}
		if syntaxErr.Row > 0 && strings.TrimLeft(syntaxErr.Caret, " ") != "^" {
			t.Errorf("%.40q: caret = %q", tt.data, syntaxErr.Caret)
		}
	}
}

// The caret is below the position, in long lines too. It is counted in characters.
func TestSyntaxErrorCaret(t *testing.T) {
	for _, before := range []string{"", "é", strings.Repeat("x", 300), "\t"} {
		data := "a = \"" + before + "\" ! # " + strings.Repeat("y", 300)
		_, err := Parse("fly.toml", []byte(data))
		var syntaxErr *syntax.Error
		if !errors.As(err, &syntaxErr) {
			t.Fatal(err)
		}
		if len([]rune(syntaxErr.Line)) > syntax.MaxLine {
			t.Errorf("line of %d characters", len([]rune(syntaxErr.Line)))
		}
		if at := len(syntaxErr.Caret) - 1; []rune(syntaxErr.Line)[at] != '!' {
			t.Errorf("%q\n%s\n%s", before, syntaxErr.Line, syntaxErr.Caret)
		}
		if got := strings.Count(err.Error(), "\n"); got != 2 {
			t.Errorf("message has %d line ends: %q", got, err)
		}
	}
}

// A file that flyctl reads is read, even if it could not be edited.
func TestParseReads(t *testing.T) {
	for _, tt := range []struct{ name, data string }{
		{"fly.json", "{\r\"app\":\r\"x\"}\r"},
		{"fly.json", "{\"app\": \"x\", \"env\": {\"A\": \"\xff\"}}"},
		{"fly.json", "{\"app\": \"y\", \"app\": \"x\"}"},
		{"fly.yaml", "\xef\xbb\xbfapp: x"},
		{"fly.yaml", "app: x\renv: {}\r"},
		{"fly.yaml", "app: x\u2028env: {}"},
		{"fly.yaml", "\xff\xfea\x00p\x00p\x00:\x00 \x00x\x00"},
		{"fly.yaml", "app: x\n---\napp: y\n---\n["},
		{"fly.yaml", "a: &a x\napp: *a"},
		{"fly.yaml", "?\n: y\napp: x"},
		{"fly.yaml", "app: x\na: {: y}"},
		{"fly.yaml", "%YAML 1.1\n---\napp: x"},
	} {
		f, err := Parse(tt.name, []byte(tt.data))
		if err != nil || f.App() != "x" {
			t.Errorf("%s %q: %v, %v", tt.name, tt.data, f, err)
		}
	}
	for _, data := range []string{"", "# nothing\n", "{}", "---\n{}"} {
		if _, err := Parse("fly.yaml", []byte(data)); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// TestYAMLText compares with the messages of gopkg.in/yaml.v3 3.0.1, which flyctl
// prints, including that library's way of counting lines.
func TestYAMLText(t *testing.T) {
	for data, want := range map[string]string{
		"a: [1,2":        "yaml: line 1: did not find expected ',' or ']'",
		"a: b: c":        "yaml: mapping values are not allowed in this context",
		"\ta: 1":         "yaml: found character that cannot start any token",
		"x: 1\n\tb: 2":   "yaml: line 2: found a tab character that violates indentation",
		"a: &x 1\nb: *y": "yaml: unknown anchor 'y' referenced",
		"- 1\n- 2":       "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]interface {}",
		"foo": "yaml: unmarshal errors:\n" +
			"  line 1: cannot unmarshal !!str `foo` into map[string]interface {}",
		"b: 2\na: 1\na: 2":          "yaml: unmarshal errors:\n  line 3: mapping key \"a\" already defined at line 2",
		"a: \x01":                   "yaml: control characters are not allowed",
		"a: \xff":                   "yaml: invalid leading UTF-8 octet",
		"a: 'x":                     "yaml: found unexpected end of stream",
		"a: \"x\n\n":                "yaml: line 3: found unexpected end of stream",
		"<<: 1":                     "yaml: map merge requires map or sequence of maps as the value",
		"a: !!int x":                "yaml: cannot decode !!str `x` as a !!int",
		"? [a]\n: 1":                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into string",
		"x: {[a]: 1}":               "yaml: invalid map key: []interface {}{\"a\"}",
		"a: 1\n}":                   "yaml: line 1: did not find expected key",
		"a: &a [*a]":                "yaml: anchor 'a' value contains itself",
		"a: !!binary 'x'":           "yaml: !!binary value contains invalid base64 data",
		"a: 1\n b: 2":               "yaml: line 2: mapping values are not allowed in this context",
		"a:\n  - b\n c: 1":          "yaml: line 2: did not find expected key",
		"a: \"\\q\"":                "yaml: found unknown escape character",
		"a: 1\n: 2":                 "yaml: line 1: did not find expected key",
		"a:\n  b:\n   c: 1\n   : 2": "yaml: line 2: did not find expected key",
		"%YAML 9.9\n---\na: 1":      "yaml: found incompatible YAML document",
	} {
		_, err := Parse("fly.yaml", []byte(data))
		var syntaxErr *syntax.Error
		if !errors.As(err, &syntaxErr) || syntaxErr.Text != want || syntaxErr.Row == 0 {
			t.Errorf("%q: got %#v, want %q", data, err, want)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, data := range []string{
		"",
		"a = " + strings.Repeat("[", 63) + strings.Repeat("]", 63),
		"# " + strings.Repeat("[", 100) + "\na = '" + strings.Repeat("[", 100) + "'",
		"a = \"\"\"" + strings.Repeat("[\n", 100) + "\"\"\"",
		"a = '''" + strings.Repeat("{", 100) + "''''",
		"a = \"\\\"" + strings.Repeat("{", 100) + "\"",
		"a = [\n" + strings.Repeat("1.5, 2.5,\n", 100) + "]",
	} {
		if _, err := Parse("fly.toml", []byte(data)); err != nil {
			t.Errorf("%.40q: %v", data, err)
		}
	}
}

package flytoml

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	data := []byte("app = \"shop\"\nprimary_region = 'ams'\n[deploy]\nrelease_command = \"migrate\"\n[processes]\nweb = \"a\"\nbatch = \"b\"\n")
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
		{"fly.json", "{}", 0, 0, "only TOML", ""},
		{"fly.YAML", "app: x", 0, 0, "only TOML", ""},
		{"fly.toml", "app = \"x\"\nport = = 1\n", 2, 8, "at start of value", "port = = 1"},
		{"fly.toml", "\xef\xbb\xbfapp = \"x\"\n", 1, 1, "byte order mark", "\uFFFDapp = \"x\""},
		{"fly.toml", "app = \"x\"\n# a\x00b\n", 2, 4, "NUL", "# a\uFFFDb"},
		{"fly.toml", "app = \"x\"\rb = 1\r", 1, 10, "CR alone", "app = \"x\"\uFFFDb = 1"},
		{"fly.toml", "app = \"x\"\r\nenv.A = \"\xff\"\r\n", 2, 10, "not valid UTF-8", "env.A = \"\uFFFD\""},
		{"fly.toml", "a = " + strings.Repeat("[", 65) + strings.Repeat("]", 65), 1, 69, "nested deeper than 64", "a = "},
		{"fly.toml", strings.Repeat("a.", 70) + "a = 1", 1, 128, "nested deeper than 64", ".a."},
		{"fly.toml", "[" + strings.Repeat("a.", 40) + "a]\n" + strings.Repeat("b.", 40) + "b = 1", 0, 0, "nested deeper than 64", ""},
		{"fly.toml", "# " + strings.Repeat("x", MaxSize), 0, 0, "more than the", ""},
	} {
		_, err := Parse(tt.name, []byte(tt.data))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q: error = %v, want a SyntaxError", tt.data, err)
			continue
		}
		if syntax.Row != tt.row || syntax.Column != tt.col || !strings.Contains(syntax.Reason, tt.reason) {
			t.Errorf("%.40q: got %d:%d %s, want %d:%d %s", tt.data, syntax.Row, syntax.Column, syntax.Reason, tt.row, tt.col, tt.reason)
		}
		if !strings.HasPrefix(syntax.Line, tt.line) {
			t.Errorf("%.40q: line = %q, want %q", tt.data, syntax.Line, tt.line)
		}
		if syntax.Row > 0 && strings.TrimLeft(syntax.Caret, " ") != "^" {
			t.Errorf("%.40q: caret = %q", tt.data, syntax.Caret)
		}
	}
}

// The caret stands under the place, in long lines too, counted in characters.
func TestSyntaxErrorCaret(t *testing.T) {
	for _, before := range []string{"", "é", strings.Repeat("x", 300), "\t"} {
		data := "a = \"" + before + "\" ! # " + strings.Repeat("y", 300)
		_, err := Parse("fly.toml", []byte(data))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Fatal(err)
		}
		if len([]rune(syntax.Line)) > maxLine {
			t.Errorf("line of %d characters", len([]rune(syntax.Line)))
		}
		if at := len(syntax.Caret) - 1; []rune(syntax.Line)[at] != '!' {
			t.Errorf("%q\n%s\n%s", before, syntax.Line, syntax.Caret)
		}
		if got := strings.Count(err.Error(), "\n"); got != 2 {
			t.Errorf("message has %d line ends: %q", got, err)
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

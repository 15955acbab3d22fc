package source

import (
	"strings"
	"testing"
)

func TestParseRefusesMasks(t *testing.T) {
	const head = "app = \"shop\"\n"
	for _, tt := range []struct {
		name, text, want string // want empty: accepted
	}{
		{"env", "[env]\n  A = \"x\"\n  B = \"‹hidden, 3 bytes›\"\n", `"env.B" (row 4)`},
		{"env, changed", "[env]\n  B = \"‹hidden, 3 bytes, changed›\"\n", `"env.B" (row 3)`},
		{"within a value", "[env]\n  B = \"postgres://‹hidden, 3 bytes›@db\"\n", `"env.B"`},
		{"escaped", "[env]\n  B = \"\\u2039hidden, 3 bytes\\u203a\"\n", `"env.B":`},
		{"build argument", "[build.args]\n  TOKEN = \"‹hidden, 3 bytes›\"\n", `"build.args.TOKEN" (row 3)`},
		{"file", "[[files]]\n  guest_path = \"/a\"\n  raw_value = \"‹hidden, 3 bytes›\"\n", `"files.raw_value" (row 4)`},
		{"check header",
			"[http_service]\ninternal_port = " +
				"80\n[[http_service.checks]]\n[http_service.checks.headers]\nAuthorization = \"‹hidden, 3 bytes›\"\n",
			"http_service.checks.headers"},
		{"comment", "# B = \"‹hidden, 3 bytes›\"\n[env]\n  B = \"x\"\n", ""},
	} {
		_, err := Parse("content", []byte(head+tt.text))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if _, err := parse("content", []byte(head+tt.text)); err != nil {
			t.Errorf("%s, for showing: %v", tt.name, err)
		}
	}
}

// A text has no name, and tells its format by how it begins.
func TestParseContent(t *testing.T) {
	for _, tt := range []struct {
		text, want string // the app; or what is wrong
	}{
		{"app = \"shop\"", "shop"},
		{"# app: x\n\n[env]\nA = \"\"\"\napp: x\"\"\"", ""},
		{"'app' = 'shop'", "shop"},
		{"app.x:y = 1", "content:1:6: "},
		{"{\"app\": \"shop\"}", "shop"},
		{" \r\n{\"app\": ", "content.json:2:"},
		{"app: shop", "shop"},
		{"---\napp: shop\n", "shop"},
		{"# ours\r\n\r\nbuild-x:\r\napp: shop\r\n", "shop"},
		{"http_service:\n  a: [", "content.yaml:2:"},
		{"app: ‹hidden, 3 bytes›", "has a masked value for \"app\""},
		{"", ""},
	} {
		file, err := FromContent(tt.text)
		switch {
		case err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		case err == nil && file.App() != tt.want:
			t.Errorf("%q: app %q, want %q", tt.text, file.App(), tt.want)
		}
	}
}

// TestHeldHidesTheLine: what Fly holds cannot be read, and its values are not
// told.
func TestHeldHidesTheLine(t *testing.T) {
	_, err := parse("deployed fly.toml", []byte("[env]\nTOKEN = 'S3CR3T' oops\n"))
	if err == nil || strings.Contains(err.Error(), "S3CR3T") ||
		!strings.Contains(err.Error(), "deployed fly.toml:2:18: ") {
		t.Errorf("got %v", err)
	}
}

// TestSyntaxErrorsHoldNoValue: the line that is wrong may be one of [env].
func TestSyntaxErrorsHoldNoValue(t *testing.T) {
	for _, content := range []string{
		"app = \"shop\"\n[env]\n  KEY = sw0rdfish\n",
		"app = \"shop\"\n[env]\n  KEY = \"sw0rdfish\n",
		"app = \"shop\"\n[env]\n  KEY = \"a\"\n  KEY = \"sw0rdfish\"\n",
		"{\"app\": \"shop\", \"env\": {\"KEY\": sw0rdfish}}",
		"app: shop\nenv:\n  KEY: \"sw0rdfish\n",
		"app: shop\nenv:\n  KEY: a\n  KEY: sw0rdfish\n",
	} {
		_, err := FromContent(content)
		if err == nil || strings.Contains(err.Error(), "sw0rdfish") {
			t.Errorf("%q: got %v", content, err)
		}
	}
}

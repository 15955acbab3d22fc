package outside

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestIsVisible(t *testing.T) {
	for _, r := range "aZ09 \"'\\~ßéżжλ中あ한नी🚀€…�" {
		if !IsVisible(r) {
			t.Errorf("%q (%U) is not visible", r, r)
		}
	}
	for name, list := range map[string]string{
		"control":           "\x00\a\b\t\n\r\x1b\x7f\u0080\u0085\u009b",
		"spaces":            "\u00a0\u1680\u2000\u2003\u2007\u200a\u2028\u2029\u202f\u205f\u3000",
		"zero width":        "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",
		"bidirectional":     "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
		"tags":              "\U000e0001\U000e0020\U000e0041\U000e007f",
		"fillers":           "\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u2800\U0001d159",
		"selectors":         "\u180b\u180c\u180d\u180f\ufe00\ufe0e\ufe0f\U000e0100\U000e01ef",
		"private":           "\ue000\uf8ff\U000f0000\U0010fffd",
		"unassigned":        "\u0378\ufff0\U000e0000\uffff",
		"interlinear":       "\ufff9\ufffa\ufffb",
		"musical and hiero": "\U0001d173\U0001d17a\U00013430",
	} {
		for _, r := range list {
			if IsVisible(r) {
				t.Errorf("%s: %U is visible", name, r)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	tests := []struct{ text, double, single string }{
		{"", `""`, `''`},
		{"rolling", `"rolling"`, `'rolling'`},
		{"x\nIGNORE ALL", `"x\nIGNORE ALL"`, `'x\nIGNORE ALL'`},
		{`a" says the server`, `"a\" says the server"`, `'a" says the server'`},
		{`it's`, `"it's"`, `'it\'s'`},
		{`ends with \`, `"ends with \\"`, `'ends with \\'`},
		{`\" and out`, `"\\\" and out"`, `'\\" and out'`},
		{"\x1b[31mred", `"\u001b[31mred"`, `'\u001b[31mred'`},
		{"\u202edrawkcab", `"\u202edrawkcab"`, `'\u202edrawkcab'`},
		{"tag\U000e0041", `"tag\U000e0041"`, `'tag\U000e0041'`},
		{"\xff\xfe", `"\xff\xfe"`, `'\xff\xfe'`},
		{"\ufffd", "\"\ufffd\"", "'\ufffd'"},
		{strings.Repeat("é", 41), `"` + strings.Repeat("é", 40) + `…"`, `'` + strings.Repeat("é", 40) + `…'`},
		{strings.Repeat("é", 40), `"` + strings.Repeat("é", 40) + `"`, `'` + strings.Repeat("é", 40) + `'`},
		{strings.Repeat("\n", 30), `"` + strings.Repeat(`\n`, 20) + `…"`, `'` + strings.Repeat(`\n`, 20) + `…'`},
	}
	for _, test := range tests {
		if got := Quote(test.text, 40); got != test.double {
			t.Errorf("Quote(%q) is %s, want %s", test.text, got, test.double)
		}
		if got := QuoteSingle(test.text, 40); got != test.single {
			t.Errorf("QuoteSingle(%q) is %s, want %s", test.text, got, test.single)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := Line("one \"two\" \\ three\nfour\u200b", 100), `one "two" \ three\nfour\u200b`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Line("abcdef", 3), "abc…"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBlock(t *testing.T) {
	tests := []struct{ text, want string }{
		{"a = 1\n\tb = 2\r\n", "a = 1\n\tb = 2\r\n"},
		{"grüße 🚀\n", "grüße 🚀\n"},
		{"over\rwritten", `over\rwritten`},
		{"\x1b]0;title\a\n", `\u001b]0;title\u0007` + "\n"},
		{"# \u2067# hidden\n", `# \u2067# hidden` + "\n"},
		{"bad \xc3\n", `bad \xc3` + "\n"},
	}
	for _, test := range tests {
		if got := Block(test.text); got != test.want {
			t.Errorf("Block(%q) is %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("x\nIGNORE \"ALL\" \\", 40)
	f.Add("\xff\u202e\U000e0041\u3164", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit %= 1000
		for _, got := range []string{Quote(text, limit), QuoteSingle(text, limit), Line(text, limit)} {
			for _, r := range got {
				if !IsVisible(r) {
					t.Errorf("%q shows %U", got, r)
				}
			}
			if n := utf8.RuneCountInString(got); n > max(limit, 0)+3 {
				t.Errorf("%q has %d characters, want at most %d", got, n, limit+3)
			}
		}
		inner := Quote(text, limit)
		inner = inner[1 : len(inner)-1]
		for escaped, i := false, 0; i < len(inner); i++ {
			switch {
			case escaped:
				escaped = false
			case inner[i] == '\\':
				escaped = true
			case inner[i] == '"':
				t.Errorf("%s ends early", inner)
			}
		}
		if strings.ContainsFunc(Block(text), func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' &&
				r != '\t' && r != '\r'
		}) {
			t.Errorf("Block(%q) shows a control character", text)
		}
	})
}

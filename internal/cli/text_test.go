package cli

import "testing"

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain ✓\ttext\n":      "plain ✓\ttext\n",
		"a\x1b[31mb\x07":       `a\u001b[31mb\u0007`,
		"dos\r\nline":          "dos\r\nline",
		"over\rwritten":        `over\u000dwritten`,
		"\u202egnp.exe \u009b": `\u202egnp.exe \u009b`,
		"\U000e0041":           `\udb40\udc41`,
	} {
		if got := Escape(text); got != want {
			t.Errorf("Escape(%q) = %q, want %q", text, got, want)
		}
	}
	if got, want := Line("a\nb\tc\r\n"), `a\nb\tc\r\n`; got != want {
		t.Errorf("Line = %q, want %q", got, want)
	}
}

package outside

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// macaroon is a token as Fly makes them, of no platform.
const macaroon = "fm2_lJPECAAAAAAAAB3cxBCqEf+Zk7Yq/1pUu0sX3vWcwrhodHRwczovL2Fwa" +
	"S5mbHkuaW8vYWFhL3YxlgDOAAdVBRTEPH7Wn2oT9Q=="

// TestMaskSecrets: a token is hidden however an error repeats it, and the rest of
// the text stays.
func TestMaskSecrets(t *testing.T) {
	percent := func(text string) string {
		var b strings.Builder
		for _, c := range []byte(text) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		return b.String()
	}
	unicoded := func(text string) string {
		var b strings.Builder
		for _, c := range text {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	}
	wrapped := func(with string, every int) string {
		var b strings.Builder
		for i, c := range macaroon {
			if i > 0 && i%every == 0 {
				b.WriteString(with)
			}
			b.WriteRune(c)
		}
		return b.String()
	}
	asJSON, err := json.Marshal(strings.ReplaceAll(macaroon, "/", `\/`))
	if err != nil {
		t.Fatal(err)
	}
	standard, raw := base64.StdEncoding, base64.RawURLEncoding
	for name, form := range map[string]string{
		"as it is":             macaroon,
		"a prefix":             macaroon[:20] + "…",
		"a short prefix":       macaroon[:12],
		"cut at the end":       macaroon[:len(macaroon)-11],
		"a tail":               "…" + macaroon[len(macaroon)-16:],
		"the middle":           macaroon[30:52],
		"quoted":               strconv.Quote(macaroon),
		"JSON":                 string(asJSON),
		"unicode escapes":      unicoded(macaroon),
		"URL":                  url.QueryEscape(macaroon),
		"a path":               url.PathEscape(macaroon),
		"URL, twice":           url.QueryEscape(url.QueryEscape(macaroon)),
		"URL, thrice":          url.QueryEscape(url.QueryEscape(url.QueryEscape(macaroon))),
		"URL, lower case":      strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(macaroon), "%2F", "%2f"), "%2B", "%2b"),
		"URL, every byte":      percent(macaroon),
		"HTML":                 html.EscapeString(strings.ReplaceAll(macaroon, "+", "&#43;")),
		"HTML, hexadecimal":    strings.ReplaceAll(macaroon, "/", "&#x2f;"),
		"base64":               standard.EncodeToString([]byte(macaroon)),
		"base64, URL":          raw.EncodeToString([]byte(macaroon)),
		"base64 of a header":   standard.EncodeToString([]byte("Bearer " + macaroon)),
		"base64 of two words":  standard.EncodeToString([]byte("x " + macaroon + " y")),
		"base64, cut":          standard.EncodeToString([]byte(macaroon))[9:60],
		"base64 in a URL":      url.QueryEscape(standard.EncodeToString([]byte(macaroon))),
		"hexadecimal":          hex.EncodeToString([]byte(macaroon)),
		"hexadecimal, capital": strings.ToUpper(hex.EncodeToString([]byte(macaroon))),
		"hexadecimal, cut":     hex.EncodeToString([]byte(macaroon))[11:50],
		"hexadecimal, spaced":  fmt.Sprintf("% x", macaroon),
		"hexadecimal, colons":  strings.ReplaceAll(fmt.Sprintf("% x", macaroon), " ", ":"),
		"wrapped":              wrapped("\n", 19),
		"wrapped, CRLF":        wrapped("\r\n\t", 33),
		"wrapped, escaped":     wrapped(`\n`, 20),
		"wrapped, continued":   wrapped("\\\n", 20),
		"spaced out":           wrapped(" ", 1),
		"split":                wrapped(`" + "`, 17),
		"zero width":           wrapped("\u200b", 5),
		"another case":         strings.ToUpper(macaroon),
		"twice":                macaroon + "," + macaroon,
	} {
		text := "the token (" + form + ") was not accepted by the API"
		got := MaskSecrets(text, []string{macaroon}, 1)
		if !strings.HasPrefix(got, "the token (") || !strings.HasSuffix(got, ") was not accepted by the API") ||
			!strings.Contains(got, Hidden) {
			t.Errorf("%s: got %q", name, got)
		}
		left := strings.ReplaceAll(got, Hidden, "")
		left = strings.TrimSuffix(strings.TrimPrefix(left, "the token ("), ") was not accepted by the API")
		// What stands around the token, such as a quotation mark, or the base64 of
		// the word before it, may be left: never a piece of it.
		if n := len(lettersOf(left)); n > 16 {
			t.Errorf("%s: %q is left of it", name, left)
		}
		for i := 0; i+6 <= len(macaroon); i++ {
			if piece := macaroon[i : i+6]; strings.Contains(left, piece) {
				t.Errorf("%s: %q is in %q", name, piece, got)
				break
			}
		}
	}
}

// TestMaskLeavesText: what only resembles a secret is shown.
func TestMaskLeavesText(t *testing.T) {
	secrets := []string{macaroon, "sandbox-4f1d22c0a9", "production", "https://hooks.example.com/services/T0001", "off"}
	for _, text := range []string{
		"", "could not find App", "machine 148e21ea7d9d89 is replacing",
		"the sandbox refused it", "100% of the hosts are full & busy",
		`bad \u escape, % and &; \`, "fm2", "registry.fly.io/shop:deployment-01JZ", "\xff\xfe", "it is off and on",
		"https://api.machines.dev/v1/apps/shop/machines", "%", "%2", "%25", "&", "&#;", "&#x;", "\\", `\u12`,
	} {
		want := strings.ReplaceAll(text, "off", "off")
		if got := MaskSecrets(text, secrets, 2); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := MaskSecrets("not in production yet", secrets, 2); got != "not in "+Hidden+" yet" {
		t.Errorf("got %q", got)
	}
	if got := MaskSecrets("POST hooks.example.com/services/T0001 failed", secrets, 2); strings.Contains(got, "T0001") {
		t.Errorf("got %q", got)
	}
}

func FuzzMaskSecrets(f *testing.F) {
	f.Add("token "+macaroon[:30], macaroon)
	f.Add(`%u0041 %25252B \u004 &#xffffffff; &`, "secret")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := MaskSecrets(text, []string{secret}, 1)
		if len(secret) >= minSecret && secret != Hidden && !strings.Contains(Hidden, secret) &&
			strings.Contains(got, secret) && strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, got)
		}
	})
}

package fly

import (
	"strings"
	"testing"
)

func TestPlaceholders(t *testing.T) {
	for value, want := range map[string]string{ // what the message says of it
		`${FLY_API_TOKEN}`:              "${…}",
		`${FLY_API_TOKEN:-}`:            "${…}",
		`${FLY_API_TOKEN:-fo1_hunter2}`: "${…}",
		` "${FLY_API_TOKEN}" `:          "${…}",
		`FlyV1 ${FLY_API_TOKEN}`:        "${…}",
		`fm2_abc,${OTHER}`:              "${…}",
		`$FLY_API_TOKEN`:                "$…",
		`'$FLY_API_TOKEN'`:              "$…",
		`$(fly tokens create deploy)`:   "$(…)",
		"`fly tokens create deploy`":    "$(…)",
		`${env:FLY_API_TOKEN}`:          "{env:…}",
		`{env:FLY_API_TOKEN}`:           "{env:…}",
		`$env:FLY_API_TOKEN`:            "{env:…}",
		`${input:fly}`:                  "${input:…}",
		`{{ fly_token }}`:               "{{…}}",
		`${{ secrets.FLY_API_TOKEN }}`:  "{{…}}",
		`%FLY_API_TOKEN%`:               "%…%",
		`<your-token>`:                  "<…>",
		`Bearer <token>`:                "<…>",
		`[your token here]`:             "<…>",
		`YOUR_TOKEN_HERE`:               "words",
		`your-fly-api-token`:            "words",
		`your fly token`:                "words",
		`<YOUR_FLY_API_TOKEN>`:          "<…>",
		`FLY_API_TOKEN`:                 "words",
		`insert token here`:             "words",
		`replace-with-your-fly-token`:   "words",
		`changeme`:                      "words",
		`null`:                          "words",
		`undefined`:                     "words",
		`xxxxxxxx`:                      "…",
		`...`:                           "…",
		`***`:                           "…",
		` `:                             "blanks",
		`""`:                            "blanks",
		`''`:                            "blanks",
		"\u201c\u201d":                  "blanks",
		"\t\r\n":                        "blanks",
		`FlyV1 `:                        "scheme",
		`"Bearer"`:                      "scheme",
		`fo1_abc...`:                    "cut short",
		`FlyV1 fm2_lJPE…`:               "cut short",
		`op://vault/fly/token`:          "address of a secret",
		`FlyV1 op://vault/fly/token`:    "address of a secret",
	} {
		environment := map[string]string{"FLY_API_TOKEN": value}
		_, token, err := ParseEnvironment(func(name string) (string, bool) {
			v, ok := environment[name]
			return v,
				ok
		}, false)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if !token.Empty() {
			t.Errorf("%q counts as a token", value)
		}
		missing := token.Missing()
		if !strings.Contains(missing, "FLY_API_TOKEN holds") || !strings.Contains(missing, want) ||
			strings.Contains(missing, "hunter2") {
			t.Errorf("%q: %q, want %q in it", value, missing, want)
		}
		if message := noToken(token, "").Message; !strings.Contains(message, missing) {
			t.Errorf("%q: the first call says %q", value, message)
		}
	}
}

func TestTokensAreNoPlaceholders(t *testing.T) {
	for value, want := range map[string]string{
		"fo1_Zk3nYOURTOKENHEREabcdefghijklmnopqrstuvw": "fo1_Zk3nYOURTOKENHEREabcdefghijklmnopqrstuvw",
		"FlyV1 fm2_lJPEAAAAA+/=,fm2_lJPETokenx==":      "FlyV1 fm2_lJPEAAAAA+/=,fm2_lJPETokenx==",
		" fo1_abc\n":       "fo1_abc",
		`"fo1_abc"`:        "fo1_abc",
		"'FlyV1 fm2_abc'":  "FlyV1 fm2_abc",
		"sandbox-token":    "sandbox-token",
		"Bearer fm2_abc":   "Bearer fm2_abc",
		"deadbeef-token-1": "deadbeef-token-1",
	} {
		environment := map[string]string{"FLY_ACCESS_TOKEN": value, "FLY_API_TOKEN": "${FLY_API_TOKEN}"}
		if strings.HasPrefix(value, "sandbox-") {
			for _, name := range []string{"FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"} {
				environment[name] = "http://127.0.0.1:1"
			}
		}
		_, token, err := ParseEnvironment(func(name string) (string, bool) {
			v, ok := environment[name]
			return v,
				ok
		}, false)
		if err != nil || token.reveal() != want || token.Missing() != "" {
			t.Errorf("%q: got %q, %v, %q", value, token.reveal(), err, token.Missing())
		}
	}
}

// A placeholder in the variable that wins is not made up for by the other one:
// that token may be allowed more.
func TestPlaceholderWins(t *testing.T) {
	environment := map[string]string{"FLY_ACCESS_TOKEN": "${FLY_ACCESS_TOKEN}", "FLY_API_TOKEN": "fo1_abc"}
	_, token, err := ParseEnvironment(func(name string) (string, bool) { v, ok := environment[name]; return v, ok }, false)
	if err != nil || !token.Empty() || !strings.Contains(token.Missing(), "FLY_ACCESS_TOKEN") {
		t.Errorf("got %v, %v, %q", token.Empty(), err, token.Missing())
	}
}

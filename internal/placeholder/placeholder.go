// Package placeholder recognizes values that a client or an example left to be filled
// in, such as ${FLY_API_TOKEN} and <your-token>.
package placeholder

import (
	"regexp"
	"strings"
)

const fromEnvironment = "the client fills it in from its own environment: " +
	"start the client where that variable is set"

// forms are the ways in which clients and examples mark a value that has to be filled
// in. No token looks like one of them.
var forms = []struct {
	pattern *regexp.Regexp
	form    string // how a message names it; never the value, which may hold a secret as its default
	advice  string
}{
	{regexp.MustCompile(`\{\{`), "{{…}}", "a template was not filled in: write the token there"},
	{regexp.MustCompile(`\$\{input:`), "${input:…}", `it comes from "inputs" in the client's mcp.json: ` +
		`add the input with that id there, and answer when the client asks for it`},
	{regexp.MustCompile(`\$\{env:|\{env:|\$env:`), "{env:…}", fromEnvironment},
	{regexp.MustCompile(`\$\{`), "${…}", fromEnvironment},
	{regexp.MustCompile(`^\$\(|^(fly|flyctl) `), "$(…)",
		"clients run no commands there: write the token itself, or a variable"},
	{regexp.MustCompile(`^\$`), "$…", fromEnvironment},
	{regexp.MustCompile(`^%.*%$`), "%…%", fromEnvironment},
	{regexp.MustCompile(`^(<.*>|\[.*\]|\{.*\})$`), "<…>", "it stands for a token: write one there"},
	{regexp.MustCompile(`^[.…*xX_-]+$`), "…", "it stands for a token: write one there"},
	{regexp.MustCompile(`\.\.\.|…`), "a token that was cut short (…)", "write the whole token there"},
	{regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`), "the address of a secret (…://)",
		"start the client through the program that looks secrets up, or write the token there"},
	{words, "words that stand for a token", "write a token there"},
}

// words are what examples have as the whole value, in capitals or not.
var words = regexp.MustCompile(`(?i)^(` +
	`((your|my|the|a|an|some|real|actual|insert|paste|put|enter|add|replace|with|this|example|dummy|test|new)[ _-]*)+` +
	`(own[ _-]*)?((fly|flyio|fly\.io|api|access|auth|deploy|secret|bearer|org|app)[ _-]*)*` +
	`(token|key|secret|value)([ _-]*(goes|in|here|please|value))*` +
	`|fly[ _-]*(api|access)[ _-]*token|(api[ _-]*|access[ _-]*|bearer[ _-]*)?token([ _-]*here)?` +
	`|token|change[ _-]*me|replace[ _-]*me|fill[ _-]*me([ _-]*in)?|insert[ _-]*here` +
	`|todo|tbd|fixme|placeholder|redacted|secret|null|nil|none|undefined|empty|unset)$`)

// Trim removes the blanks and quotation marks that a shell or a client would have
// removed.
func Trim(value string) string {
	return strings.Trim(value, " \t\r\n\"'`\u201c\u201d\u2018\u2019\u00a0\ufeff")
}

// Bare returns the value after Trim, without an authorization scheme.
func Bare(value string) string {
	value = Trim(value)
	scheme, rest, _ := strings.Cut(value, " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "FlyV1") {
		return strings.TrimSpace(rest)
	}
	return value
}

// IsUnexpanded reports whether a value is a variable that the client did not fill in,
// such as ${FLY_APP}.
func IsUnexpanded(value string) bool {
	value = Bare(value)
	return strings.Contains(value, "${") || strings.Contains(value, "{{") ||
		strings.Contains(value, "{env:") || strings.HasPrefix(value, "$") ||
		len(value) > 1 && strings.HasPrefix(value, "%") && strings.HasSuffix(value, "%")
}

// Find reports whether a value is a placeholder. The form names it in a message without
// repeating it.
func Find(value string) (form, advice string, ok bool) {
	value = Bare(value)
	for _, p := range forms {
		if p.pattern.MatchString(value) {
			return p.form, p.advice, true
		}
	}
	return "", "", false
}

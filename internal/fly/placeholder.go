package fly

import (
	"regexp"
	"strings"
)

// placeholderForms are the ways in which clients and examples write that a
// value is to be put in here. No token looks like one of them.
var placeholderForms = []struct {
	pattern *regexp.Regexp
	form    string // how a message names it; never the value, which may hold a secret as its default
	advice  string
}{
	{regexp.MustCompile(`\{\{`), "{{…}}", "a template was not filled in: write the token there"},
	{regexp.MustCompile(`\$\{input:`), "${input:…}", `it comes from "inputs" in the client's mcp.json: add the input with that id there, and answer when the client asks for it`},
	{regexp.MustCompile(`\$\{env:|\{env:|\$env:`), "{env:…}", "the client takes it from its own environment: start the client where that variable is set"},
	{regexp.MustCompile(`\$\{`), "${…}", "the client fills it in from its own environment: start the client where that variable is set"},
	{regexp.MustCompile(`^\$\(|^(fly|flyctl) `), "$(…)", "clients run no commands there: write the token itself, or a variable"},
	{regexp.MustCompile(`^\$`), "$…", "the client fills it in from its own environment: start the client where that variable is set"},
	{regexp.MustCompile(`^%.*%$`), "%…%", "the client fills it in from its own environment: start the client where that variable is set"},
	{regexp.MustCompile(`^(<.*>|\[.*\]|\{.*\})$`), "<…>", "it stands for a token: write one there"},
	{regexp.MustCompile(`^[.…*xX_-]+$`), "…", "it stands for a token: write one there"},
	{regexp.MustCompile(`\.\.\.|…`), "a token that was cut short (…)", "write the whole token there"},
	{regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`), "the address of a secret (…://)", "start the client through the program that looks secrets up, or write the token there"},
	{placeholderWords, "words that stand for a token", "write a token there"},
}

// placeholderWords are what examples have, in capitals or not, as the whole
// value.
var placeholderWords = regexp.MustCompile(`(?i)^(((your|my|the|a|an|some|real|actual|insert|paste|put|enter|add|replace|with|this|example|dummy|test|new)[ _-]*)+(own[ _-]*)?((fly|flyio|fly\.io|api|access|auth|deploy|secret|bearer|org|app)[ _-]*)*(token|key|secret|value)([ _-]*(goes|in|here|please|value))*|fly[ _-]*(api|access)[ _-]*token|(api[ _-]*|access[ _-]*|bearer[ _-]*)?token([ _-]*here)?|token|change[ _-]*me|replace[ _-]*me|fill[ _-]*me([ _-]*in)?|insert[ _-]*here|todo|tbd|fixme|placeholder|redacted|secret|null|nil|none|undefined|empty|unset)$`)

// bare is a value without the blanks and quotation marks that a shell or a
// client would have taken off, and without an authorization scheme.
func bare(value string) string {
	value = strings.Trim(value, " \t\r\n\"'`\u201c\u201d\u2018\u2019\u00a0\ufeff")
	if scheme, rest, _ := strings.Cut(value, " "); strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "FlyV1") {
		return strings.TrimSpace(rest)
	}
	return value
}

// IsUnexpanded reports whether a value is a variable that the client did
// not fill in, such as ${FLY_APP}.
func IsUnexpanded(value string) bool {
	value = bare(value)
	return strings.Contains(value, "${") || strings.Contains(value, "{{") || strings.Contains(value, "{env:") ||
		strings.HasPrefix(value, "$") || len(value) > 1 && strings.HasPrefix(value, "%") && strings.HasSuffix(value, "%")
}

// placeholder reports whether a value only says that one is to be put in:
// ${NAME} which a client did not fill in, or an example's <your-token>. The
// form names it for a message without repeating it.
func placeholder(value string) (form, advice string, ok bool) {
	value = bare(value)
	for _, p := range placeholderForms {
		if p.pattern.MatchString(value) {
			return p.form, p.advice, true
		}
	}
	return "", "", false
}

// parseToken reads the value of a variable. What is no token but a placeholder
// counts as none, and the token says so where it is missed.
func parseToken(variable, value string) Token {
	if form, advice, ok := placeholder(value); ok {
		token := NewToken("")
		token.missing = variable + " holds " + form + ", which is no token: in the client's settings of this server (\"env\"), " + advice
		return token
	}
	if bare(value) == "" {
		token := NewToken("")
		if value != "" {
			token.missing = variable + " holds no token, only blanks, quotation marks or the name of a scheme"
		}
		return token
	}
	return NewToken(strings.Trim(value, " \t\r\n\"'`\u201c\u201d\u2018\u2019\u00a0\ufeff"))
}

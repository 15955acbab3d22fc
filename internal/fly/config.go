package fly

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/placeholder"
)

// Endpoints are the base URLs of Fly's three APIs: GraphQL, Machines and uiex.
// A path prefix is kept. The zero value stands for Fly.io itself.
type Endpoints struct{ API, Flaps, UIEX string }

// Production returns Fly.io.
func Production() Endpoints {
	return Endpoints{API: "https://api.fly.io", Flaps: "https://api.machines.dev", UIEX: "https://api.fly.io"}
}

// ParseEnvironment reads the base URLs and the token as flyctl does: FLY_API_BASE_URL,
// FLY_FLAPS_BASE_URL and FLY_UIEX_BASE_URL, where empty counts as not set; and
// FLY_ACCESS_TOKEN, or FLY_API_TOKEN if the former is not set. A token variable that
// is set wins even if it is empty or holds a placeholder.
//
// It refuses what [Endpoints.Check] refuses, and some but not all base URLs, because a
// token would then go to two platforms. The error names every problem, one a line, and
// no value. lookup is os.LookupEnv or a substitute.
func ParseEnvironment(lookup func(string) (string, bool), allowLoopback bool) (Endpoints, Token, error) {
	variable := "FLY_ACCESS_TOKEN"
	value, ok := lookup(variable)
	if !ok {
		variable = "FLY_API_TOKEN"
		value, _ = lookup(variable)
	}
	token := parseToken(variable, value)

	var endpoints Endpoints
	var missing, problems []string
	for _, field := range endpoints.fields() {
		*field.value, _ = lookup(field.variable)
		if *field.value == "" {
			missing = append(missing, field.variable)
		}
	}
	switch len(missing) {
	case 0:
	case 3:
		endpoints = Production()
	default:
		problems = append(problems, strings.Join(missing, " and ")+
			" must be set too: with only some of the three base URLs set, the token would go to two platforms")
	}
	problems = append(problems, endpoints.problems(token, allowLoopback)...)
	if len(problems) > 0 {
		return Endpoints{}, Token{}, errors.New(strings.Join(problems, "\n"))
	}
	return endpoints, token, nil
}

// Check refuses base URLs that would send a token where it does not belong: plain http,
// except to a loopback address or to _api.internal (the Machines API inside a private
// network); a sandbox's token (prefix sandbox-) with a host that is not loopback; and
// any other token with a loopback host, unless allowLoopback is set. The error names
// every problem, one a line, and no value.
func (e Endpoints) Check(token Token, allowLoopback bool) error {
	if e == (Endpoints{}) {
		e = Production()
	}
	if problems := e.problems(token, allowLoopback); len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	return nil
}

func (e Endpoints) problems(token Token, allowLoopback bool) []string {
	var problems []string
	if strings.ContainsFunc(token.reveal(), unicode.IsControl) {
		problems = append(problems, "the access token holds a control character")
	}
	sandboxed, real := token.origins()
	for _, field := range e.fields() {
		if *field.value == "" {
			continue
		}
		base, err := parseBase(*field.value)
		if err != nil {
			problems = append(problems, field.variable+" "+err.Error())
			continue
		}
		here := loopback.IsHost(base.Hostname())
		switch {
		case sandboxed && !here:
			problems = append(problems, fmt.Sprintf(
				"%s names %s, and the access token is a sandbox's: it belongs on a loopback address",
				field.variable, base.Hostname()))
		case real && here && !allowLoopback:
			problems = append(problems, field.variable+" names a loopback address, and the access token is not a sandbox's")
		}
	}
	return problems
}

type endpointField struct {
	variable string
	value    *string
}

func (e *Endpoints) fields() []endpointField {
	return []endpointField{
		{"FLY_API_BASE_URL", &e.API},
		{"FLY_FLAPS_BASE_URL", &e.Flaps},
		{"FLY_UIEX_BASE_URL", &e.UIEX},
	}
}

// parseBase reads a base URL. Its errors follow the name of a variable and do
// not repeat the value, which may hold a password.
func parseBase(s string) (*url.URL, error) {
	base, err := url.Parse(s)
	switch {
	case err != nil || base.Host == "" || base.Hostname() == "":
		return nil, errors.New("is not a URL such as https://api.machines.dev")
	case base.Scheme != "https" && base.Scheme != "http":
		return nil, errors.New("is neither an https nor an http URL")
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("has more than scheme, host and path")
	case base.Scheme == "http" && !loopback.IsHost(base.Hostname()) && base.Hostname() != internalAPI:
		return nil, errors.New("is plain http to another machine: the token would be readable on the way")
	}
	return base, nil
}

// internalAPI is the Machines API as seen from inside a private network, where
// it is plain http (Fly docs, "Working with the Machines API").
const internalAPI = "_api.internal"

// Token is an access token, or several joined by commas as Fly writes them. It prints
// as a mask, also inside another value.
type Token struct {
	value   *string // fmt follows no pointer below the top level
	missing string  // why there is none; empty if that is unknown
}

// NewToken wraps a token; blanks around it are dropped.
func NewToken(s string) Token {
	s = strings.TrimSpace(s)
	return Token{value: &s}
}

// parseToken reads the value of a variable. A placeholder counts as no token, and
// [Token.Missing] says so.
func parseToken(variable, value string) Token {
	if form, advice, ok := placeholder.Find(value); ok {
		token := NewToken("")
		token.missing = variable + " holds " + form +
			", which is no token: in the client's settings of this server (\"env\"), " + advice
		return token
	}
	if placeholder.Bare(value) == "" {
		token := NewToken("")
		if value != "" {
			token.missing = variable + " holds no token, only blanks, quotation marks or the name of a scheme"
		}
		return token
	}
	return NewToken(placeholder.Trim(value))
}

// Empty reports whether there is no token.
func (t Token) Empty() bool { return t.reveal() == "" }

// Missing returns why there is no token; empty if none is set.
func (t Token) Missing() string { return t.missing }

func (t Token) reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// parts returns the single tokens, without an authorization scheme.
func (t Token) parts() []string {
	list := t.reveal()
	scheme, rest, ok := strings.Cut(list, " ")
	if ok && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "FlyV1")) {
		list = rest
	}
	var parts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// origins reports whether some part is a sandbox's token, and whether some part is not.
func (t Token) origins() (sandboxed, real bool) {
	for _, part := range t.parts() {
		if strings.HasPrefix(part, "sandbox-") {
			sandboxed = true
		} else {
			real = true
		}
	}
	return sandboxed, real
}

// Sandbox reports whether this is an emulated platform's token and nothing else.
func (t Token) Sandbox() bool {
	sandboxed, real := t.origins()
	return sandboxed && !real
}

// String returns a mask.
func (Token) String() string { return outside.Hidden }

// GoString is a mask.
func (Token) GoString() string { return outside.Hidden }

// MarshalJSON gives a mask.
func (Token) MarshalJSON() ([]byte, error) { return json.Marshal(outside.Hidden) }

// LogValue returns a mask.
func (Token) LogValue() slog.Value { return slog.StringValue(outside.Hidden) }

package sandbox

import (
	"net/http"
	"strings"
	"sync"
)

// TokenKind is what a request's token may do.
type TokenKind string

// The kinds. An unknown or missing token is TokenNone and gets 401.
const (
	TokenNone     TokenKind = "none"
	TokenFull     TokenKind = "full"     // every organization of the person
	TokenReadOnly TokenKind = "readonly" // reads like TokenFull, writes get 403
	TokenApp      TokenKind = "app"      // one app; cannot list or create apps
)

// tokens are the tokens the platform accepts.
type tokens struct {
	full string

	mu   sync.Mutex
	apps map[string]string // token to app
}

// grant is what one token allows.
type grant struct {
	kind TokenKind
	app  string // of TokenApp
}

// Token is the full-rights token.
func (p *Platform) Token() string { return p.tokens.full }

// ReadOnlyToken reads everything and writes nothing.
func (p *Platform) ReadOnlyToken() string { return p.tokens.full + "-readonly" }

// AppToken is a deploy token for one app, whether or not the app exists.
func (p *Platform) AppToken(app string) string {
	token := p.tokens.full + "-app-" + app
	p.tokens.mu.Lock()
	defer p.tokens.mu.Unlock()
	p.tokens.apps[token] = app
	return token
}

// authenticate finds the grant of a request. Fly's clients write the scheme
// as Bearer or FlyV1 and may join several tokens with commas.
func (p *Platform) authenticate(r *http.Request) grant {
	scheme, list, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "FlyV1") {
		return grant{kind: TokenNone}
	}
	p.tokens.mu.Lock()
	defer p.tokens.mu.Unlock()
	for token := range strings.SplitSeq(list, ",") {
		token = strings.TrimSpace(token)
		if app, ok := p.tokens.apps[token]; ok {
			return grant{kind: TokenApp, app: app}
		}
		switch token {
		case p.tokens.full:
			return grant{kind: TokenFull}
		case p.tokens.full + "-readonly":
			return grant{kind: TokenReadOnly}
		}
	}
	return grant{kind: TokenNone}
}

// sees reports whether the grant covers an app.
func (g grant) sees(app string) bool {
	return g.kind == TokenFull || g.kind == TokenReadOnly || g.kind == TokenApp && g.app == app
}

// writes reports whether the grant allows changes at all.
func (g grant) writes() bool { return g.kind == TokenFull || g.kind == TokenApp }

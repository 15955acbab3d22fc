package flysim

import (
	"slices"
	"time"
)

// TokenKind says what a token may do.
type TokenKind string

// The kinds. A token that is unknown, missing, revoked or expired is TokenNone, and its requests
// get 401.
const (
	TokenNone     TokenKind = "none"
	TokenFull     TokenKind = "full"     // every organization of the person
	TokenOrg      TokenKind = "org"      // everything in one organization; others do not exist for it
	TokenReadOnly TokenKind = "readonly" // reads one organization or all; writes get 403
	TokenApp      TokenKind = "app"      // one app; cannot list or create apps
	TokenExec     TokenKind = "exec"     // reads one app and runs commands in its Machines
)

// Scope says what a token is for.
type Scope struct {
	Kind    TokenKind
	Org     string    // slug; for TokenOrg, and for TokenReadOnly, where empty means every organization
	App     string    // for TokenApp and TokenExec; the app need not exist
	Name    string    // for people
	Expires time.Time // zero: never
}

// accessToken is a token that was minted.
type accessToken struct {
	id, secret string
	key        []byte // signs the macaroon; nil: the token is opaque
	scope      Scope
	created    time.Time
	revoked    time.Time
}

func (t *accessToken) valid(now time.Time) bool {
	return t.revoked.IsZero() && (t.scope.Expires.IsZero() || now.Before(t.scope.Expires))
}

// maxTokens is the number of tokens above which those that are no longer valid are dropped.
const maxTokens = 1000

// mint makes an opaque token, like those of persons on Fly. Tokens made through the API are
// macaroons; see [platformState.mintMacaroon].
func (s *platformState) mint(scope Scope, now time.Time) *accessToken {
	t := &accessToken{id: s.ids.opaque("token id", "tok_", 16), secret: s.ids.opaque("token",
		"sandbox-"+string(scope.Kind)+"-", 24), scope: scope, created: now}
	s.keep(t, now)
	return t
}

func (s *platformState) keep(t *accessToken, now time.Time) {
	if s.tokens = append(s.tokens, t); len(s.tokens) > maxTokens {
		s.tokens = slices.DeleteFunc(slices.Clone(s.tokens), func(t *accessToken) bool { return !t.valid(now) })
	}
}

// revoke revokes a token. ok is false if no token has the id.
func (s *platformState) revoke(id string, now time.Time) (t *accessToken, ok bool) {
	for _, t := range s.tokens {
		if t.id == id && t.revoked.IsZero() {
			t.revoked = now
			return t, true
		}
	}
	return nil, false
}

// Token returns the full-rights token.
func (p *Platform) Token() string { return p.options.Token }

// Mint makes a token with the scope and returns it.
func (p *Platform) Mint(scope Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.mint(scope, p.clock.Now()).secret
}

// ReadOnlyToken returns a token that can read everything and change nothing.
func (p *Platform) ReadOnlyToken() string {
	return p.fixedToken(p.options.Token+"-readonly", Scope{Kind: TokenReadOnly})
}

// AppToken returns a deploy token for one app. The app need not exist.
func (p *Platform) AppToken(app string) string {
	return p.fixedToken(p.options.Token+"-app-"+app, Scope{Kind: TokenApp, App: app})
}

// OrgToken returns a token that can do everything in the apps of one organization.
func (p *Platform) OrgToken(slug string) string {
	return p.fixedToken(p.options.Token+"-org-"+slug, Scope{Kind: TokenOrg, Org: slug})
}

// ExecToken returns a token that can read one app and run commands in its Machines.
func (p *Platform) ExecToken(app string) string {
	return p.fixedToken(p.options.Token+"-exec-"+app, Scope{Kind: TokenExec, App: app})
}

// ExpiredToken returns a full-rights token that has expired.
func (p *Platform) ExpiredToken() string {
	return p.fixedToken(p.options.Token+"-expired", Scope{Kind: TokenFull, Expires: time.Unix(1, 0)})
}

// fixedToken returns a token with the given secret, and creates it on the first call.
func (p *Platform) fixedToken(secret string, scope Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.state.tokens, func(t *accessToken) bool { return t.secret == secret }) {
		p.state.mint(scope, p.clock.Now()).secret = secret
	}
	return secret
}

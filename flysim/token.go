package flysim

import (
	"slices"
	"time"
)

// TokenKind is what a token may do.
type TokenKind string

// The kinds. A token that is unknown, missing, revoked or expired is TokenNone
// and gets 401.
const (
	TokenNone     TokenKind = "none"
	TokenFull     TokenKind = "full"     // every organization of the person
	TokenOrg      TokenKind = "org"      // everything in one organization; the others are not there
	TokenReadOnly TokenKind = "readonly" // reads one organization or all; writes get 403
	TokenApp      TokenKind = "app"      // one app; cannot list or create apps
	TokenExec     TokenKind = "exec"     // reads one app and runs commands in its Machines
)

// Scope is what a token is for.
type Scope struct {
	Kind    TokenKind
	Org     string    // slug; of TokenOrg, and of TokenReadOnly, where empty is every organization
	App     string    // of TokenApp and TokenExec, whether or not the app exists
	Name    string    // for people
	Expires time.Time // zero: never
}

// accessToken is a token that was minted.
type accessToken struct {
	id, secret string
	key        []byte // that signs the macaroon; nil: the token is opaque
	scope      Scope
	created    time.Time
	revoked    time.Time
}

func (t *accessToken) valid(now time.Time) bool {
	return t.revoked.IsZero() && (t.scope.Expires.IsZero() || now.Before(t.scope.Expires))
}

// maxTokens is how many tokens are too many to keep those that are not valid
// any more, too.
const maxTokens = 1000

// mint makes an opaque token, as Fly's are that belong to a person. Those that are
// made through the API are macaroons, see [state.mintMacaroon].
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

// revoke ends a token; ok is false if there is none of that id.
func (s *platformState) revoke(id string, now time.Time) (t *accessToken, ok bool) {
	for _, t := range s.tokens {
		if t.id == id && t.revoked.IsZero() {
			t.revoked = now
			return t, true
		}
	}
	return nil, false
}

// Token is the full-rights token.
func (p *Platform) Token() string { return p.options.Token }

// Mint makes a token.
func (p *Platform) Mint(scope Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.mint(scope, p.clock.Now()).secret
}

// ReadOnlyToken reads everything and writes nothing.
func (p *Platform) ReadOnlyToken() string {
	return p.standing(p.options.Token+"-readonly", Scope{Kind: TokenReadOnly})
}

// AppToken is a deploy token for one app, whether or not the app exists.
func (p *Platform) AppToken(app string) string {
	return p.standing(p.options.Token+"-app-"+app, Scope{Kind: TokenApp, App: app})
}

// OrgToken does everything in the apps of one organization.
func (p *Platform) OrgToken(slug string) string {
	return p.standing(p.options.Token+"-org-"+slug, Scope{Kind: TokenOrg, Org: slug})
}

// ExecToken reads one app and runs commands in its Machines.
func (p *Platform) ExecToken(app string) string {
	return p.standing(p.options.Token+"-exec-"+app, Scope{Kind: TokenExec, App: app})
}

// ExpiredToken is a full-rights token whose time is up.
func (p *Platform) ExpiredToken() string {
	return p.standing(p.options.Token+"-expired", Scope{Kind: TokenFull, Expires: time.Unix(1, 0)})
}

// standing is a token that is the same each time it is asked for, and not valid
// before.
func (p *Platform) standing(secret string, scope Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.state.tokens, func(t *accessToken) bool { return t.secret == secret }) {
		p.state.mint(scope, p.clock.Now()).secret = secret
	}
	return secret
}

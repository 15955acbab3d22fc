package sandbox

import (
	"net/http"
	"slices"
	"strings"
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

// token is a token that was minted.
type token struct {
	id, secret string
	scope      Scope
	created    time.Time
	revoked    time.Time
}

func (t *token) valid(now time.Time) bool {
	return t.revoked.IsZero() && (t.scope.Expires.IsZero() || now.Before(t.scope.Expires))
}

// maxTokens is how many tokens are too many to keep those that are not valid
// any more, too.
const maxTokens = 1000

// mint makes a token. They are opaque: flyctl prunes macaroons it cannot read.
func (s *state) mint(scope Scope, now time.Time) *token {
	t := &token{id: s.ids.opaque("token id", "tok_", 16), secret: s.ids.opaque("token", "sandbox-"+string(scope.Kind)+"-", 24), scope: scope, created: now}
	if s.tokens = append(s.tokens, t); len(s.tokens) > maxTokens {
		s.tokens = slices.DeleteFunc(slices.Clone(s.tokens), func(t *token) bool { return !t.valid(now) })
	}
	return t
}

// revoke ends a token; ok is false if there is none of that id.
func (s *state) revoke(id string, now time.Time) (t *token, ok bool) {
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
	if !slices.ContainsFunc(p.state.tokens, func(t *token) bool { return t.secret == secret }) {
		p.state.mint(scope, p.clock.Now()).secret = secret
	}
	return secret
}

// grant is what the tokens of a request allow together.
type grant struct {
	kind   TokenKind // the widest
	scopes []*token
	owner  func(app string) string // slug of an app's organization, empty for no app; wants the platform's lock
}

// width orders kinds by what they allow.
func (k TokenKind) width() int {
	return slices.Index([]TokenKind{TokenNone, TokenExec, TokenApp, TokenReadOnly, TokenOrg, TokenFull}, k)
}

// authenticate finds the grant of a request. Fly's clients write the scheme
// as Bearer or FlyV1 and may join several tokens with commas: what any of them
// allows is allowed.
func (p *Platform) authenticate(r *http.Request) grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := grant{kind: TokenNone, owner: p.state.owner}
	scheme, list, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "FlyV1") {
		return g
	}
	now := p.clock.Now()
	for secret := range strings.SplitSeq(list, ",") {
		secret = strings.TrimSpace(secret)
		if secret == p.options.Token {
			g.add(&token{id: "tok_full", scope: Scope{Kind: TokenFull}})
			continue
		}
		for _, t := range p.state.tokens {
			if t.secret == secret && t.valid(now) {
				g.add(t)
			}
		}
	}
	return g
}

func (g *grant) add(t *token) {
	g.scopes = append(g.scopes, t)
	if t.scope.Kind.width() > g.kind.width() {
		g.kind = t.scope.Kind
	}
}

// owner is the slug of an app's organization.
func (s *state) owner(app string) string {
	if a := s.apps[app]; a != nil {
		return a.organization.slug
	}
	return ""
}

func (g grant) any(allows func(Scope) bool) bool {
	return slices.ContainsFunc(g.scopes, func(t *token) bool { return allows(t.scope) })
}

// sees reports whether the grant covers an app. The caller holds the platform's
// lock. An app that does not exist is seen by those who may list apps: it is
// not found for them.
func (g grant) sees(app string) bool {
	owner := g.owner(app)
	return g.any(func(s Scope) bool {
		switch s.Kind {
		case TokenFull:
			return true
		case TokenReadOnly, TokenOrg:
			return s.Org == "" || owner == "" || owner == s.Org
		}
		return s.App == app
	})
}

// writes reports whether the grant allows changes at all; see changes.
func (g grant) writes() bool {
	return g.any(func(s Scope) bool { return s.Kind == TokenFull || s.Kind == TokenOrg || s.Kind == TokenApp })
}

// changes reports whether the grant allows changes of an app. The caller holds
// the platform's lock.
func (g grant) changes(app string) bool {
	owner := g.owner(app)
	return g.any(func(s Scope) bool {
		return s.Kind == TokenFull || s.Kind == TokenOrg && (owner == "" || owner == s.Org) || s.Kind == TokenApp && s.App == app
	})
}

// executes reports whether the grant allows to run commands in an app's
// Machines. The caller holds the platform's lock.
func (g grant) executes(app string) bool {
	return g.changes(app) || g.any(func(s Scope) bool { return s.Kind == TokenExec && s.App == app })
}

// lists reports whether the grant may list apps.
func (g grant) lists() bool { return g.kind.width() >= TokenReadOnly.width() }

// seesOrganization reports whether the grant covers an organization. A token of
// an app sees the one it is in. The caller holds the platform's lock.
func (g grant) seesOrganization(slug string) bool {
	return g.any(func(s Scope) bool {
		switch s.Kind {
		case TokenFull:
			return true
		case TokenReadOnly, TokenOrg:
			return s.Org == "" || s.Org == slug
		}
		return g.owner(s.App) == slug
	})
}

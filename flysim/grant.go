package flysim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/superfly/macaroon"
	"github.com/superfly/macaroon/flyio"
	"github.com/superfly/macaroon/resset"
)

// grant is what the tokens of a request allow together: what any of them allows is allowed. The
// caller of its methods holds the platform's lock.
type grant struct {
	kind  TokenKind // of the token that allows the most
	held  []presentedToken
	state *platformState
	now   time.Time
	asked []ask // what the request is about to do; never empty
}

// presentedToken is one token that came with a request.
type presentedToken struct {
	*accessToken
	caveats *macaroon.CaveatSet // of a macaroon: the original ones and those that its holders added
}

// ask is what a request wants to do, apart from the app and the organization.
type ask struct {
	action   resset.Action // what it does to its object
	machine  *string
	volume   *string
	mutation *string  // of GraphQL
	command  []string // the command to run in the Machine; nil: none
}

// width orders the kinds by how much they allow.
func (k TokenKind) width() int {
	return slices.Index([]TokenKind{TokenNone, TokenExec, TokenApp, TokenReadOnly, TokenOrg, TokenFull}, k)
}

// maxPresented is how many tokens of a request are examined; the rest are ignored.
const maxPresented = 50

// authenticate returns the grant of a request. Fly's clients write the scheme as Bearer or FlyV1,
// or as both, and may join several tokens with commas.
func (p *Platform) authenticate(r *http.Request) grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := grant{kind: TokenNone, state: p.state, now: p.clock.Now(), asked: []ask{{action: resset.ActionRead}}}
	list, ok := macaroon.StripAuthorizationScheme(r.Header.Get("Authorization"))
	if !ok {
		return g
	}
	for i, secret := range strings.Split(list, ",") {
		if i == maxPresented {
			break
		}
		switch secret = strings.TrimSpace(secret); secret {
		case "":
		case p.options.Token:
			g.add(presentedToken{accessToken: &accessToken{id: "tok_full", scope: Scope{Kind: TokenFull}}})
		default:
			if h, ok := p.state.present(secret); ok && h.valid(g.now) {
				g.add(h)
			}
		}
	}
	return g
}

func (g *grant) add(h presentedToken) {
	g.held = append(g.held, h)
	if h.scope.Kind.width() > g.kind.width() {
		g.kind = h.scope.Kind
	}
}

// owner returns the slug of the organization that owns an app, or "" if there is no such app.
func (s *platformState) owner(app string) string {
	if a := s.apps[app]; a != nil {
		return a.organization.slug
	}
	return ""
}

func (g grant) owner(app string) string { return g.state.owner(app) }

func (g grant) any(allows func(presentedToken) bool) bool { return slices.ContainsFunc(g.held, allows) }

// access is a request as caveats see it, with the time of the platform's clock.
type access struct {
	flyio.Access
	now time.Time
}

// Now implements [macaroon.Access].
func (a *access) Now() time.Time { return a.now }

// permits reports whether the caveats of a token allow all that is asked for in an organization
// and, unless number is nil, in an app of it. An app that does not exist has the number 0. With
// reads, only reading is checked, whatever else the request does.
func (g grant) permits(h presentedToken, org *organization, number *uint64, feature string, reads bool) bool {
	if h.caveats == nil {
		return true
	}
	if org == nil {
		return false
	}
	for _, asked := range g.asked {
		a := &access{now: g.now, Access: flyio.Access{
			Action: asked.action, OrgID: new(uint64(org.number)), Mutation: asked.mutation,
		}}
		if reads {
			a.Action = resset.ActionRead
		}
		switch {
		case feature != "":
			a.Feature = &feature
		case number != nil:
			a.AppID = number
			if *number > 0 {
				a.Machine, a.Volume, a.Command = asked.machine, asked.volume, asked.command
			}
		}
		if h.caveats.Validate(a) != nil {
			return false
		}
	}
	return true
}

// permitsApp is permits for an app by name. The app need not exist.
func (g grant) permitsApp(h presentedToken, name string, reads bool) bool {
	if a := g.state.apps[name]; a != nil {
		return g.permits(h, a.organization, new(uint64(a.number)), "", reads)
	}
	return g.permits(h, g.home(h), new(uint64(0)), "", reads)
}

// home returns the organization that a token was made for, or nil if there is no such organization.
func (g grant) home(h presentedToken) *organization {
	if h.scope.Org != "" {
		return g.state.organization(h.scope.Org)
	}
	return g.state.organization(g.owner(h.scope.App))
}

// canSee reports whether the grant covers an app. An app that does not exist is covered if the grant
// may list apps, so that the answer is "not found".
func (g grant) canSee(app string) bool {
	owner := g.owner(app)
	return g.any(func(h presentedToken) bool {
		s, covers := h.scope, false
		switch s.Kind {
		case TokenFull:
			covers = true
		case TokenReadOnly, TokenOrg:
			covers = s.Org == "" || owner == "" || owner == s.Org
		default:
			covers = s.App == app
		}
		return covers && g.permitsApp(h, app, true)
	})
}

// canWrite reports whether the grant allows any changes; see canChange.
func (g grant) canWrite() bool {
	return g.any(func(h presentedToken) bool {
		return h.scope.Kind == TokenFull || h.scope.Kind == TokenOrg || h.scope.Kind == TokenApp
	})
}

// canChange reports whether the grant allows the requested change of an app.
func (g grant) canChange(app string) bool {
	owner := g.owner(app)
	return g.any(func(h presentedToken) bool {
		s := h.scope
		covers := s.Kind == TokenFull || s.Kind == TokenOrg && (owner == "" || owner == s.Org) ||
			s.Kind == TokenApp && s.App == app
		return covers && g.permitsApp(h, app, false)
	})
}

// canExecute reports whether the grant allows the requested command to run in an app's Machines.
func (g grant) canExecute(app string) bool {
	return g.canChange(app) || g.any(func(h presentedToken) bool {
		return h.scope.Kind == TokenExec && h.scope.App == app && g.permitsApp(h, app, false)
	})
}

// canManage reports whether the grant may create apps and tokens in an organization.
func (g grant) canManage(org *organization) bool {
	return g.any(func(h presentedToken) bool {
		covers := h.scope.Kind == TokenFull || h.scope.Kind == TokenOrg && h.scope.Org == org.slug
		return covers && g.permits(h, org, new(uint64(0)), "", false)
	})
}

// canConnect reports whether the grant may add and remove WireGuard peers of an organization. Tokens
// of an app may (Fly docs, "Access tokens").
func (g grant) canConnect(org *organization) bool {
	return g.any(func(h presentedToken) bool {
		s, covers := h.scope, false
		switch s.Kind {
		case TokenFull:
			covers = true
		case TokenOrg:
			covers = s.Org == org.slug
		case TokenApp:
			covers = g.owner(s.App) == org.slug
		}
		return covers && g.permits(h, org, nil, flyio.FeatureWireGuard, false)
	})
}

// canList reports whether the grant may list apps.
func (g grant) canList() bool { return g.kind.width() >= TokenReadOnly.width() }

// canSeeOrganization reports whether the grant covers an organization. A token of an app covers the
// app's organization.
func (g grant) canSeeOrganization(slug string) bool {
	return g.any(func(h presentedToken) bool {
		s, covers := h.scope, false
		switch s.Kind {
		case TokenFull:
			covers = true
		case TokenReadOnly, TokenOrg:
			covers = s.Org == "" || s.Org == slug
		default:
			covers = g.owner(s.App) == slug
		}
		return covers && g.permits(h, g.state.organization(slug), nil, "", true)
	})
}

// asks returns what a request wants to do: one thing, or, for a GraphQL document, one for each of
// its mutations.
func (req *apiRequest) asks(rt route) []ask {
	if rt.graph {
		return req.graph.asks()
	}
	one := ask{action: rt.action()}
	switch target := req.PathValue("target"); {
	case target == "":
	case strings.Contains(rt.pattern, "/machines/"):
		one.machine = &target
	case strings.Contains(rt.pattern, "/volumes/"):
		one.volume = &target
	}
	if rt.exec {
		var in execInput
		if req.decode(&in) == nil {
			one.command, _ = in.words() // a command that cannot be split is refused later
		}
		one.command = append([]string{}, one.command...)
	}
	return []ask{one}
}

// action returns what a route does to its object.
func (rt route) action() resset.Action {
	method, _, _ := strings.Cut(rt.pattern, " ")
	_, verb, _ := strings.Cut(rt.operation, ".")
	switch {
	case !rt.write:
		return resset.ActionRead
	case method == http.MethodDelete:
		return resset.ActionDelete
	}
	switch verb {
	case "create", "allocate", "import", "generate":
		return resset.ActionCreate
	case "start", "stop", "restart", "signal", "suspend", "cordon", "uncordon", "exec", "acquire":
		return resset.ActionControl
	}
	return resset.ActionWrite
}

// asks returns one ask for each mutation, or a single one that reads.
func (g graphRequest) asks() []ask {
	var list []ask
	for _, name := range g.mutations() {
		one := ask{action: resset.ActionWrite, mutation: &name}
		switch {
		case hasAnyPrefix(name, "create", "allocate", "add"):
			one.action = resset.ActionCreate
		case hasAnyPrefix(name, "delete", "release", "remove", "unset"):
			one.action = resset.ActionDelete
		}
		if name == "updateRelease" || name == "createRelease" { // a deploy uses these to change the app
			one.action = resset.ActionWrite
		}
		list = append(list, one)
	}
	if list == nil {
		return []ask{{action: resset.ActionRead}}
	}
	return list
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

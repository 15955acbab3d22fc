package flysim

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// tokenNode resolves LimitedAccessToken. Only the answer to its creation contains the token itself.
type tokenNode struct {
	req   *apiRequest
	token *accessToken
	org   *organization
	fresh bool
}

// tokenLife is how long a token lasts that was created without an expiry: 20 years (flyctl, tokens
// create).
const tokenLife = 20 * 365 * 24 * time.Hour

func (n *tokenNode) ID() graphql.ID                  { return graphql.ID(n.token.id) }
func (n *tokenNode) Name() string                    { return n.token.scope.Name }
func (n *tokenNode) CreatedAt() scalar               { return textScalar(timestamp(n.token.created)) }
func (n *tokenNode) Organization() *organizationNode { return &organizationNode{n.req, n.org} }
func (n *tokenNode) User() *user                     { return &user{} }
func (n *tokenNode) RevokedBy() *string              { return nil }

func (n *tokenNode) ExpiresAt() scalar {
	at := n.token.scope.Expires
	if at.IsZero() {
		at = n.token.created.Add(tokenLife)
	}
	return textScalar(timestamp(at))
}

func (n *tokenNode) RevokedAt() *scalar {
	if n.token.revoked.IsZero() {
		return nil
	}
	return new(textScalar(timestamp(n.token.revoked)))
}

func (n *tokenNode) Profile() string {
	if n.token.scope.App != "" {
		return "deploy"
	}
	return "deploy_organization"
}

func (n *tokenNode) ProfileParams() *scalar {
	if n.token.scope.App == "" {
		return nil
	}
	raw, err := json.Marshal(tokenParams{n.token.scope.App})
	if err != nil {
		return nil
	}
	return &scalar{raw}
}

func (n *tokenNode) Token() string {
	if !n.fresh {
		return ""
	}
	return n.token.secret
}

// TokenHeader returns the value of the Authorization header.
func (n *tokenNode) TokenHeader() *string {
	if !n.fresh {
		return nil
	}
	return new("FlyV1 " + n.token.secret)
}

// tokenParams are the parameters of the deploy profile.
type tokenParams struct {
	App string `json:"app_id"`
}

// tokensOf returns a page of the tokens whose scope the function of accepts.
func (req *apiRequest) tokensOf(org *organization, of func(Scope) bool, args pageArgs) *connection[*tokenNode] {
	var nodes []*tokenNode
	for _, t := range req.platform.state.tokens {
		if of(t.scope) && t.revoked.IsZero() {
			nodes = append(nodes, &tokenNode{req: req, token: t, org: org})
		}
	}
	return newConnection(nodes, args, func(n *tokenNode) string { return n.token.id })
}

func (n *appNode) LimitedAccessTokens(args pageArgs) *connection[*tokenNode] {
	return n.req.tokensOf(n.app.organization, func(s Scope) bool { return s.App == n.app.name }, args)
}

// LimitedAccessTokens returns those of the organization and of its apps.
func (n *organizationNode) LimitedAccessTokens(args pageArgs) *connection[*tokenNode] {
	return n.req.tokensOf(n.org, n.owns, args)
}

func (n *organizationNode) owns(s Scope) bool {
	a := n.req.platform.state.apps[s.App]
	return s.Org == n.org.slug || a != nil && a.organization == n.org
}

// tokenPayload resolves CreateLimitedAccessTokenPayload.
type tokenPayload struct {
	LimitedAccessToken *tokenNode
	ClientMutationId   *string
}

// scope returns what a token is for. Profile deploy is for one app, named by its node id or by its
// id in the Machines API; deploy_organization is for all of one organization. flyctl makes every
// other kind from these two.
func (req *apiRequest) scope(org *organization, profile string, params *scalar) (Scope, error) {
	if profile == "deploy_organization" {
		return Scope{Kind: TokenOrg, Org: org.slug}, nil
	}
	if profile != "deploy" {
		return Scope{}, invalid("profile %.40q: not emulated", profile)
	}
	var in tokenParams
	if params != nil && json.Unmarshal(params.RawMessage, &in) != nil {
		return Scope{}, invalid("profile parameters are invalid")
	}
	for _, a := range req.coveredApps(org) {
		if in.App == a.name || in.App == a.id {
			return Scope{Kind: TokenApp, App: a.name}, nil
		}
	}
	return Scope{}, errAppNotFound
}

func (*root) CreateLimitedAccessToken(ctx context.Context, args struct {
	Input struct {
		ClientMutationId   *string
		Expiry             *string
		Name               string
		OptInThirdParties  *[]string
		OptOutThirdParties *[]string
		OrganizationId     graphql.ID
		Profile            string
		ProfileParams      *scalar
	}
}) (*tokenPayload, error) {
	req, in := requestOf(ctx), args.Input
	org, err := req.organizationForChange(in.OrganizationId)
	if err != nil {
		return nil, err
	}
	scope, err := req.scope(org, in.Profile, in.ProfileParams)
	if err != nil {
		return nil, err
	}
	life := tokenLife
	if expiry := deref(in.Expiry); expiry != "" {
		if life, err = time.ParseDuration(expiry); err != nil || life <= 0 {
			return nil, invalid("expiry is not a duration")
		}
	}
	scope.Name, scope.Expires = in.Name, req.now.Add(life)
	t, err := req.platform.state.mintMacaroon(org, scope, req.now)
	if err != nil {
		return nil, err
	}
	return &tokenPayload{&tokenNode{req, t, org, true}, in.ClientMutationId}, nil
}

// revokedPayload resolves DeleteLimitedAccessTokenPayload.
type revokedPayload struct{ Token, RevokedBy, ClientMutationId *string }

// DeleteLimitedAccessToken revokes a token, given by its id or by the token itself.
func (*root) DeleteLimitedAccessToken(ctx context.Context, args struct {
	Input struct {
		ClientMutationId *string
		ID               *graphql.ID
		RevokedBy        *string
		Token            *string
	}
}) (*revokedPayload, error) {
	req, in := requestOf(ctx), args.Input
	if !req.grant.canWrite() || !req.grant.canList() {
		return nil, errNoMutation
	}
	presented, _ := req.platform.state.present(strings.TrimPrefix(deref(in.Token), "FlyV1 "))
	for _, org := range req.organizations() {
		node := &organizationNode{req, org}
		for _, t := range req.platform.state.tokens {
			named := in.ID != nil && t.id == string(*in.ID) || in.Token != nil && t == presented.accessToken
			if named && t.revoked.IsZero() && node.owns(t.scope) && req.grant.canManage(org) {
				req.platform.state.revoke(t.id, req.now)
				return &revokedPayload{&t.id, in.RevokedBy, in.ClientMutationId}, nil
			}
		}
	}
	return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find LimitedAccessToken"}
}

package flysim

import (
	"context"

	graphql "github.com/graph-gophers/graphql-go"
)

// Viewer returns the person of the token, or a token of another kind in place of a person.
func (*root) Viewer(ctx context.Context) *principal { return &principal{requestOf(ctx).grant} }

func (*root) CurrentUser() *user { return &user{} }

func (*root) UserOnlyToken() bool { return false }

// principal is the owner of the request's tokens.
type principal struct{ grant grant }

func (*principal) Email() string { return userEmail }
func (*principal) Name() *string { return new("Dev") }

func (p *principal) ToUser() (*user, bool) {
	return &user{}, p.grant.kind == TokenFull || p.grant.kind == TokenReadOnly
}

func (p *principal) ToMacaroon() (*principal, bool) {
	_, person := p.ToUser()
	return p, !person
}

// user resolves User.
type user struct{}

func (*user) ID() graphql.ID        { return "01JSANDBOXUSER" }
func (*user) Email() string         { return userEmail }
func (*user) Name() *string         { return new("Dev") }
func (*user) EnablePaidHobby() bool { return false }

// addOn resolves AddOn, but the platform has no extensions and none can be created, so that their
// lists are empty. flyctl asks for an app's extensions before it destroys the app.
type addOn struct {
	ID                    graphql.ID
	Name, Status          *string
	ErrorMessage          *string
	PrimaryRegion         *string
	ReadRegions           *[]string
	PrivateIp, PublicUrl  *string
	SsoLink               *string
	Environment, Metadata *scalar
	Options               *scalar
	Organization          *organizationNode
	App                   *appNode
	AddOnPlan             *addOnPlan
}

type addOnPlan struct {
	ID                             graphql.ID
	Name, DisplayName, Description *string
	MaxDataSize                    *string
	MaxDailyCommands               *int32
	PricePerMonth                  *int32
}

type addOnArgs struct {
	After, Before *string
	First, Last   *int32
	Type          *string
}

func (args addOnArgs) none() *connection[*addOn] {
	return newConnection(nil, pageArgs{args.After, args.Before, args.First, args.Last},
		func(a *addOn) string { return string(a.ID) })
}

func (*root) AddOns(args addOnArgs) *connection[*addOn]               { return args.none() }
func (n *appNode) AddOns(args addOnArgs) *connection[*addOn]          { return args.none() }
func (n *organizationNode) AddOns(args addOnArgs) *connection[*addOn] { return args.none() }

package flysim

import (
	"context"
	"strconv"

	graphql "github.com/graph-gophers/graphql-go"
)

// coveredApps returns the apps of an organization (nil: of all) that the token covers.
func (req *apiRequest) coveredApps(org *organization) []*appState {
	var apps []*appState
	for _, a := range req.platform.state.appsOf(org) {
		if req.grant.canSee(a.name) {
			apps = append(apps, a)
		}
	}
	return apps
}

// organizations returns those that the token covers.
func (req *apiRequest) organizations() []*organization {
	var list []*organization
	for _, org := range req.platform.state.organizations {
		if req.grant.canSeeOrganization(org.slug) {
			list = append(list, org)
		}
	}
	return list
}

// organization finds an organization by its node id, among those that the token covers.
func (req *apiRequest) organization(id graphql.ID) (*organization, error) {
	org := req.platform.state.organizationByID(string(id))
	if org == nil || !req.grant.canSeeOrganization(org.slug) {
		return nil, errNoOrganization
	}
	return org, nil
}

func (*root) Organization(ctx context.Context, args struct {
	ID         *graphql.ID
	Name, Slug *string
}) (*organizationNode, error) {
	req := requestOf(ctx)
	for _, org := range req.organizations() {
		switch {
		case args.ID != nil && org.id == string(*args.ID),
			args.Slug != nil && org.slug == *args.Slug,
			args.Name != nil && org.name == *args.Name:
			return &organizationNode{req, org}, nil
		}
	}
	return nil, errNoOrganization
}

type organizationsArgs struct {
	Admin                 *bool
	After                 *string
	Before                *string
	First                 *int32
	Last                  *int32
	Type                  *string
	WithBillingIssuesOnly *bool
}

// Organizations returns all that the token covers; its person is an admin of each.
func (*root) Organizations(ctx context.Context, args organizationsArgs) *connection[*organizationNode] {
	req := requestOf(ctx)
	var nodes []*organizationNode
	for _, org := range req.organizations() {
		node := &organizationNode{req, org}
		if args.WithBillingIssuesOnly != nil && *args.WithBillingIssuesOnly || args.Type != nil && *args.Type != node.Type() {
			continue
		}
		nodes = append(nodes, node)
	}
	return newConnection(nodes, pageArgs{args.After, args.Before, args.First, args.Last}, (*organizationNode).Slug)
}

func (*root) PersonalOrganization(ctx context.Context) (*organizationNode, error) {
	req := requestOf(ctx)
	for _, org := range req.organizations() {
		if org.personal {
			return &organizationNode{req, org}, nil
		}
	}
	return nil, errNoOrganization
}

// organizationNode resolves Organization.
type organizationNode struct {
	req *apiRequest
	org *organization
}

func (n *organizationNode) ID() graphql.ID             { return graphql.ID(n.org.id) }
func (n *organizationNode) InternalNumericId() scalar  { return textScalar(strconv.Itoa(n.org.number)) }
func (n *organizationNode) Slug() string               { return n.org.slug }
func (n *organizationNode) RawSlug() string            { return n.org.slug }
func (n *organizationNode) Name() string               { return n.org.name }
func (n *organizationNode) PaidPlan() bool             { return true }
func (n *organizationNode) Billable() bool             { return true }
func (n *organizationNode) BillingStatus() string      { return "CURRENT" }
func (n *organizationNode) ViewerRole() string         { return "admin" }
func (n *organizationNode) RemoteBuilderImage() string { return "" }
func (n *organizationNode) AddOnSsoLink() *string      { return nil }
func (n *organizationNode) Settings() *scalar          { return nil }

func (n *organizationNode) RemoteBuilderApp() *appNode            { return nil }
func (n *organizationNode) ProvisionsBetaExtensions() bool        { return false }
func (n *organizationNode) AllowAllCrossNetworkReplays() bool     { return false }
func (n *organizationNode) AllowedReplaySourceOrgSlugs() []string { return []string{} }

func (n *organizationNode) Type() string {
	if n.org.personal {
		return "PERSONAL"
	}
	return "SHARED"
}

func (n *organizationNode) Apps(args pageArgs) *connection[*appNode] {
	return n.req.appPage(n.req.coveredApps(n.org), args)
}

// Members returns the platform's only person.
func (n *organizationNode) Members(args pageArgs) *members {
	admin := &membership{Cursor: userEmail, Node: &user{}, Role: "ADMIN",
		JoinedAt: textScalar(timestamp(n.org.networks[0].created))}
	return &members{newConnection([]*membership{admin}, args, func(m *membership) string { return m.Cursor })}
}

// members resolves OrganizationMembershipsConnection, whose edges have more fields than its nodes.
type members struct{ *connection[*membership] }

func (m *members) Edges() *[]*membership { return m.connection.Nodes() }

func (m *members) Nodes() *[]*user {
	nodes := []*user{}
	for _, edge := range m.nodes {
		nodes = append(nodes, edge.Node)
	}
	return &nodes
}

type membership struct {
	Cursor   string
	JoinedAt scalar
	Node     *user
	Role     string
}

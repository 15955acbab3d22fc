package flysim

import (
	"context"
	"net/http"
	"strconv"

	graphql "github.com/graph-gophers/graphql-go"
)

// root resolves the fields of Queries and Mutations. The platform's lock is held while a query is
// executed; see serve.go.
type root struct{}

// find returns the app of a query. An app that the token does not cover is not found.
func (req *apiRequest) find(name string) (*appState, error) {
	a := req.platform.state.apps[name]
	if a == nil || !req.grant.canSee(name) {
		return nil, errAppNotFound
	}
	req.touch(a)
	return a, nil
}

var errNoMutation = &apiError{http.StatusForbidden, "UNAUTHORIZED", "Not authorized to access this mutation"}

// appForChange returns the app of a mutation. It fails if the token does not allow the change.
func (req *apiRequest) appForChange(name string) (*appState, error) {
	if !req.grant.canWrite() {
		return nil, errNoMutation
	}
	a, err := req.find(name)
	if err == nil && !req.grant.canChange(name) {
		return nil, errNoMutation
	}
	return a, err
}

// organizationForChange returns the organization of a mutation that creates something in it. It fails if the
// token does not allow that.
func (req *apiRequest) organizationForChange(id graphql.ID) (*organization, error) {
	if !req.grant.canWrite() || !req.grant.canList() {
		return nil, errNoMutation
	}
	org, err := req.organization(id)
	if err == nil && !req.grant.canManage(org) {
		return nil, errNoMutation
	}
	return org, err
}

func (*root) App(ctx context.Context, args struct{ InternalId, Name *string }) (*appNode, error) {
	req := requestOf(ctx)
	name := deref(args.Name)
	for _, a := range req.platform.state.apps {
		if args.Name == nil && args.InternalId != nil && strconv.Itoa(a.number) == *args.InternalId {
			name = a.name
		}
	}
	a, err := req.find(name)
	if err != nil {
		return nil, err
	}
	return &appNode{req: req, app: a}, nil
}

type appsArgs struct {
	Active         *bool
	After          *string
	Before         *string
	First          *int32
	Last           *int32
	OrganizationId *graphql.ID
	Role           *string
	Type           *string
}

// Apps returns those that the token covers, sorted by name.
func (*root) Apps(ctx context.Context, args appsArgs) (*connection[*appNode], error) {
	req := requestOf(ctx)
	if !req.grant.canList() {
		return nil, &apiError{http.StatusForbidden, "UNAUTHORIZED", "Not authorized to list apps"}
	}
	var org *organization
	if args.OrganizationId != nil {
		var err error
		if org, err = req.organization(*args.OrganizationId); err != nil {
			return nil, err
		}
	}
	apps := req.coveredApps(org)
	if deref(args.Role) != "" {
		apps = nil // no app here has a role
	}
	return req.appPage(apps, pageArgs{args.After, args.Before, args.First, args.Last}), nil
}

func (req *apiRequest) appPage(apps []*appState, args pageArgs) *connection[*appNode] {
	var nodes []*appNode
	for _, a := range apps {
		nodes = append(nodes, &appNode{req: req, app: a})
	}
	return newConnection(nodes, args, (*appNode).Name)
}

type createAppArgs struct {
	Input struct {
		AppRoleId        *string
		ClientMutationId *string
		EnableSubdomains bool
		Heroku           *bool
		Machines         bool
		Name             *string
		Network          *string
		OrganizationId   graphql.ID
		PreferredRegion  *string
		Runtime          string
	}
}

// CreateApp creates an app, and chooses a name if none is given.
func (*root) CreateApp(ctx context.Context, args createAppArgs) (*appPayload, error) {
	req, in := requestOf(ctx), args.Input
	org, err := req.organizationForChange(in.OrganizationId)
	if err != nil {
		return nil, err
	}
	s := req.platform.state
	name := deref(in.Name)
	if name == "" {
		name = s.ids.name()
	}
	named, err := graphQLNetwork(in.Network)
	if err != nil {
		return nil, err
	}
	a, err := s.createApp(name, org.slug, named, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	return &appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}, nil
}

// deleteAppPayload resolves DeleteAppPayload.
type deleteAppPayload struct{ Organization *organizationNode }

func (*root) DeleteApp(ctx context.Context, args struct{ AppId graphql.ID }) (*deleteAppPayload, error) {
	req := requestOf(ctx)
	a, err := req.appForChange(string(args.AppId))
	if err != nil {
		return nil, err
	}
	req.platform.destroyApp(a, req.now)
	return &deleteAppPayload{&organizationNode{req, a.organization}}, nil
}

func (*root) AppNameAvailable(ctx context.Context, args struct{ Name string }) bool {
	s := requestOf(ctx).platform.state
	return validAppName(args.Name) && s.apps[args.Name] == nil && !s.takenNames[args.Name]
}

func (*root) CanPerformBluegreenDeployment(ctx context.Context, args struct{ Name string }) (bool, error) {
	a, err := requestOf(ctx).find(args.Name)
	if err != nil {
		return false, err
	}
	return !a.noBlueGreen, nil
}

// LatestImageDetails always fails, because there are no published images. flyctl takes this error
// for "nothing newer".
func (*root) LatestImageDetails(args struct {
	FlyVersion *string
	Image      string
}) (*imageVersion, error) {
	return nil, errUnknownRepository
}

func (*root) LatestImageTag(args struct {
	Repository string
	SnapshotId *graphql.ID
}) (string, error) {
	return "", &apiError{http.StatusNotFound, "NOT_FOUND", errUnknownRepository.message + ": not emulated"}
}

var errUnknownRepository = &apiError{http.StatusNotFound, "NOT_FOUND", "Unknown repository"}

// imageVersion resolves ImageVersion.
type imageVersion struct {
	Digest, Registry, Repository, Tag string
	Version                           *string
}

// appPayload is the answer of the mutations of an app.
type appPayload struct {
	app      *appNode
	mutation *string
}

func (p *appPayload) App() *appNode             { return p.app }
func (p *appPayload) ClientMutationId() *string { return p.mutation }

// deref returns the value of a nullable argument, or "" if it is absent.
func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

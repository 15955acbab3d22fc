package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

// root resolves the fields of Queries and Mutations. The lock is held while a
// query is executed; see serve.go.
type root struct{}

// find is the app of a query. What the token does not cover is not found.
func (req *request) find(name string) (*app, error) {
	a := req.platform.state.apps[name]
	if a == nil || !req.grant.sees(name) {
		return nil, errAppNotFound
	}
	req.note(a)
	return a, nil
}

// mutable is the app of a mutation.
func (req *request) mutable(name string) (*app, error) {
	if !req.grant.writes() {
		return nil, &apiError{http.StatusForbidden, "UNAUTHORIZED", "Not authorized to access this mutation"}
	}
	return req.find(name)
}

func (*root) App(ctx context.Context, args struct{ InternalId, Name *string }) (*appNode, error) {
	req := requestOf(ctx)
	if args.Name == nil {
		return nil, errAppNotFound
	}
	a, err := req.find(*args.Name)
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

// Apps pages by name: the cursor is the last one shown.
func (*root) Apps(ctx context.Context, args appsArgs) (*appConnection, error) {
	req := requestOf(ctx)
	if req.grant.kind == TokenApp {
		return nil, &apiError{http.StatusForbidden, "UNAUTHORIZED", "Not authorized to list apps"}
	}
	var org *organization
	if args.OrganizationId != nil {
		if org = req.platform.state.organizationByID(string(*args.OrganizationId)); org == nil {
			return nil, errNoOrganization
		}
	}
	apps := req.platform.state.appsOf(org)
	if args.Role != nil && *args.Role != "" {
		apps = nil // no app here has a role
	}
	conn := &appConnection{total: len(apps)}
	if args.After != nil {
		apps = slices.DeleteFunc(apps, func(a *app) bool { return a.name <= *args.After })
	}
	if args.First != nil && int(*args.First) < len(apps) {
		apps, conn.more = apps[:max(*args.First, 0)], true
	}
	for _, a := range apps {
		conn.nodes = append(conn.nodes, &appNode{req: req, app: a})
	}
	return conn, nil
}

func (*root) Organization(ctx context.Context, args struct {
	ID         *graphql.ID
	Name, Slug *string
}) (*organizationNode, error) {
	s := requestOf(ctx).platform.state
	var org *organization
	switch {
	case args.ID != nil:
		org = s.organizationByID(string(*args.ID))
	case args.Slug != nil:
		org = s.organization(*args.Slug)
	}
	if org == nil {
		return nil, errNoOrganization
	}
	return &organizationNode{org}, nil
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

func (*root) Organizations(ctx context.Context, _ organizationsArgs) *organizationConnection {
	var nodes []*organizationNode
	for _, org := range requestOf(ctx).platform.state.organizations {
		nodes = append(nodes, &organizationNode{org})
	}
	return &organizationConnection{nodes}
}

func (*root) PersonalOrganization(ctx context.Context) *organizationNode {
	return &organizationNode{requestOf(ctx).platform.state.organization("personal")}
}

func (*root) Viewer() *principal { return &principal{} }

func (*root) AppNameAvailable(ctx context.Context, args struct{ Name string }) bool {
	s := requestOf(ctx).platform.state
	return validAppName(args.Name) && s.apps[args.Name] == nil && !s.taken[args.Name]
}

func (*root) CanPerformBluegreenDeployment(ctx context.Context, args struct{ Name string }) (bool, error) {
	a, err := requestOf(ctx).find(args.Name)
	if err != nil {
		return false, err
	}
	return !a.oneSet, nil
}

// LatestImageDetails knows no published images; flyctl takes this error for
// "nothing newer".
func (*root) LatestImageDetails(args struct {
	FlyVersion *string
	Image      string
}) (*imageVersion, error) {
	return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Unknown repository"}
}

type allocateArgs struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		Network          *string
		OrganizationId   *graphql.ID
		Region           *string
		ServiceName      *string
		Type             string
	}
}

func (*root) AllocateIpAddress(ctx context.Context, args allocateArgs) (*allocatePayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.mutable(string(in.AppId))
	if err != nil {
		return nil, err
	}
	w := wish{kind: in.Type, region: value(in.Region), service: value(in.ServiceName), network: value(in.Network)}
	if in.OrganizationId != nil && *in.OrganizationId != "" {
		if w.organization = req.platform.state.organizationByID(string(*in.OrganizationId)); w.organization == nil {
			return nil, errNoOrganization
		}
	}
	addr, err := req.platform.state.allocate(a, w, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	payload := &allocatePayload{appPayload: appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}}
	if addr.kind != "shared_v4" {
		payload.address = &addressNode{addr}
	}
	return payload, nil
}

type releaseArgs struct {
	Input struct {
		AppId            *graphql.ID
		ClientMutationId *string
		Ip               *string
		IpAddressId      *graphql.ID
		ServiceName      *string
	}
}

func (*root) ReleaseIpAddress(ctx context.Context, args releaseArgs) (*appPayload, error) {
	req, in := requestOf(ctx), args.Input
	if in.AppId == nil {
		return nil, errAppNotFound
	}
	a, err := req.mutable(string(*in.AppId))
	if err != nil {
		return nil, err
	}
	ip, _ := netip.ParseAddr(value(in.Ip)) // an invalid one is not found
	if in.IpAddressId != nil && *in.IpAddressId != "" {
		held := a.held()
		if i := slices.IndexFunc(held, func(addr *address) bool { return addr.id == string(*in.IpAddressId) }); i >= 0 {
			ip = held[i].ip
		}
	}
	if err := a.release(ip); err != nil {
		return nil, err
	}
	return &appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}, nil
}

type allocateEgressArgs struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		MachineId        *graphql.ID
		Region           *string
	}
}

// AllocateEgressIpAddress serves the app-scoped form only.
func (*root) AllocateEgressIpAddress(ctx context.Context, args allocateEgressArgs) (*egressPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.mutable(string(in.AppId))
	if err != nil {
		return nil, err
	}
	if value(in.Region) == "" {
		return nil, invalid("region is required for an app-scoped egress IP")
	}
	v4, v6 := req.platform.state.allocateEgress(a, *in.Region, req.plan, req.now)
	return &egressPayload{v4: v4.ip.String(), v6: v6.ip.String(), mutation: in.ClientMutationId}, nil
}

type releaseEgressArgs struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		Ip               *string
		MachineId        *graphql.ID
	}
}

func (*root) ReleaseEgressIpAddress(ctx context.Context, args releaseEgressArgs) (*releaseEgressPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.mutable(string(in.AppId))
	if err != nil {
		return nil, err
	}
	ip, _ := netip.ParseAddr(value(in.Ip)) // an invalid one is not found
	i := slices.IndexFunc(a.egress, func(e *egress) bool { return e.ip == ip })
	if i < 0 {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find EgressIPAddress"}
	}
	payload := &releaseEgressPayload{mutation: in.ClientMutationId}
	if gone := ip.String(); ip.Is4() {
		payload.v4 = &gone
	} else {
		payload.v6 = &gone
	}
	a.egress = slices.Delete(a.egress, i, i+1)
	return payload, nil
}

type createReleaseArgs struct {
	Input struct {
		AppId            graphql.ID
		BuildId          *graphql.ID
		ClientMutationId *string
		Definition       scalar
		Image            string
		PlatformVersion  string
		Strategy         string
	}
}

func (*root) CreateRelease(ctx context.Context, args createReleaseArgs) (*createReleasePayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.mutable(string(in.AppId))
	if err != nil {
		return nil, err
	}
	definition := in.Definition.RawMessage
	var text string
	if json.Unmarshal(definition, &text) == nil && json.Valid([]byte(text)) {
		definition = json.RawMessage(text) // some clients send the document as a string
	}
	r, err := req.platform.state.createRelease(a, in.Image, in.Strategy, definition, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	return &createReleasePayload{appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}, &releaseNode{r}}, nil
}

type updateReleaseArgs struct {
	Input struct {
		ClientMutationId *string
		Metadata         *scalar
		ReleaseId        graphql.ID
		Status           *string
	}
}

func (*root) UpdateRelease(ctx context.Context, args updateReleaseArgs) (*updateReleasePayload, error) {
	req, in := requestOf(ctx), args.Input
	r := req.platform.state.releases[string(in.ReleaseId)]
	if r == nil {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Release"}
	}
	if _, err := req.mutable(r.app.name); err != nil {
		return nil, err
	}
	var metadata json.RawMessage
	if in.Metadata != nil {
		metadata = in.Metadata.RawMessage
	}
	if err := r.update(value(in.Status), metadata, req.now); err != nil {
		return nil, err
	}
	return &updateReleasePayload{release: &releaseNode{r}, mutation: in.ClientMutationId}, nil
}

// value is what a nullable argument holds, empty if it is absent.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// appNode resolves App. Within one query the address list is read once.
type appNode struct {
	req   *request
	app   *app
	fresh bool // the answer to a write shows what it did, whatever the lag

	once   sync.Once
	listed []*address
}

func (n *appNode) addresses() []*address {
	n.once.Do(func() {
		if n.fresh {
			n.listed = n.app.held()
			return
		}
		n.listed = n.app.list(n.req.platform.options.ListLag)
	})
	return n.listed
}

func (n *appNode) ID() graphql.ID           { return graphql.ID(n.app.name) }
func (n *appNode) InternalNumericId() int32 { return int32(n.app.number) }
func (n *appNode) Name() string             { return n.app.name }
func (n *appNode) Hostname() *string        { return new(n.app.hostname()) }
func (n *appNode) CnameTarget() *string     { return new(n.app.cnameTarget()) }
func (n *appNode) Deployed() bool           { return n.app.status == "deployed" }
func (n *appNode) Status() string           { return n.app.status }
func (n *appNode) AppUrl() *string          { return nil }
func (n *appNode) PlatformVersion() *string { return new("machines") }
func (n *appNode) CreatedAt() scalar        { return text(stamp(n.app.created)) }
func (n *appNode) Role() *appRole           { return nil }

func (n *appNode) Network() *string {
	if n.req.platform.options.OmitAppNetwork {
		return nil
	}
	return &n.app.network.name
}

func (n *appNode) State() string {
	if n.Deployed() {
		return "DEPLOYED"
	}
	return "PENDING"
}

func (n *appNode) Version() int32 {
	if r := n.app.current(); r != nil {
		return int32(r.version)
	}
	return 0
}

func (n *appNode) Organization() *organizationNode { return &organizationNode{n.app.organization} }

// pageArgs are the arguments of a connection, which is always sent whole.
type pageArgs struct {
	After, Before *string
	First, Last   *int32
}

// IpAddresses lacks the shared IPv4 address, which stands apart.
func (n *appNode) IpAddresses(pageArgs) *connection[*addressNode] {
	var nodes []*addressNode
	for _, a := range n.addresses() {
		if a.kind != "shared_v4" {
			nodes = append(nodes, &addressNode{a})
		}
	}
	return &connection[*addressNode]{nodes}
}

func (n *appNode) SharedIpAddress() *string {
	for _, a := range n.addresses() {
		if a.kind == "shared_v4" {
			return new(a.ip.String())
		}
	}
	return nil
}

func (n *appNode) EgressIpAddresses(pageArgs) (*connection[*egressNode], error) {
	if n.req.platform.options.OmitEgress {
		return nil, &apiError{http.StatusInternalServerError, "SERVER_ERROR", "Something went wrong"}
	}
	var nodes []*egressNode
	for _, e := range n.app.egress {
		nodes = append(nodes, &egressNode{e})
	}
	return &connection[*egressNode]{nodes}, nil
}

func (n *appNode) CurrentReleaseUnprocessed() *releaseNode {
	if r := n.app.current(); r != nil {
		return &releaseNode{r}
	}
	return nil
}

// CurrentRelease belongs to the platform before Machines.
func (n *appNode) CurrentRelease() *releaseNode { return nil }

func (n *appNode) ReleasesUnprocessed(args struct {
	After, Before *string
	First, Last   *int32
	Status        *string
}) *connection[*releaseNode] {
	var nodes []*releaseNode
	for _, r := range slices.Backward(n.app.releases) {
		if args.First != nil && len(nodes) >= int(*args.First) {
			break
		}
		if value(args.Status) == "" || r.status == *args.Status {
			nodes = append(nodes, &releaseNode{r})
		}
	}
	return &connection[*releaseNode]{nodes}
}

// Image resolves any reference; the sandbox has no registry.
func (n *appNode) Image(args struct{ Ref string }) *imageNode {
	if args.Ref == "" {
		return nil
	}
	return &imageNode{parseImage(args.Ref)}
}

func (n *appNode) Certificates(args struct {
	After, Before, Filter *string
	First                 *int32
	ID                    *string
	Last                  *int32
}) *connection[*certificateNode] {
	var nodes []*certificateNode
	for _, c := range n.app.certificates {
		nodes = append(nodes, &certificateNode{n.app, c})
	}
	return &connection[*certificateNode]{nodes}
}

// connection is a list in the form of the schema.
type connection[T any] struct{ nodes []T }

func (c *connection[T]) Nodes() *[]T {
	if c.nodes == nil {
		return new([]T{})
	}
	return &c.nodes
}

func (c *connection[T]) TotalCount() int32 { return int32(len(c.nodes)) }

type organizationConnection = connection[*organizationNode]

type appConnection struct {
	nodes []*appNode
	total int
	more  bool
}

func (c *appConnection) Nodes() *[]*appNode {
	if c.nodes == nil {
		return new([]*appNode{})
	}
	return &c.nodes
}

func (c *appConnection) TotalCount() int32   { return int32(c.total) }
func (c *appConnection) PageInfo() *pageInfo { return &pageInfo{c} }

type pageInfo struct{ conn *appConnection }

func (p *pageInfo) HasNextPage() bool { return p.conn.more }

func (p *pageInfo) EndCursor() *string {
	if len(p.conn.nodes) == 0 {
		return nil
	}
	return new(p.conn.nodes[len(p.conn.nodes)-1].app.name)
}

type organizationNode struct{ org *organization }

func (n *organizationNode) ID() graphql.ID             { return graphql.ID(n.org.id) }
func (n *organizationNode) InternalNumericId() scalar  { return text(strconv.Itoa(n.org.number)) }
func (n *organizationNode) Slug() string               { return n.org.slug }
func (n *organizationNode) RawSlug() string            { return n.org.slug }
func (n *organizationNode) Name() string               { return n.org.name }
func (n *organizationNode) PaidPlan() bool             { return true }
func (n *organizationNode) Billable() bool             { return true }
func (n *organizationNode) ViewerRole() string         { return "admin" }
func (n *organizationNode) RemoteBuilderImage() string { return "" }

func (n *organizationNode) Type() string {
	if n.org.personal {
		return "PERSONAL"
	}
	return "SHARED"
}

type addressNode struct{ address *address }

func (n *addressNode) ID() graphql.ID       { return graphql.ID(n.address.id) }
func (n *addressNode) Address() string      { return n.address.ip.String() }
func (n *addressNode) Type() string         { return n.address.kind }
func (n *addressNode) Region() *string      { return &n.address.region }
func (n *addressNode) CreatedAt() scalar    { return text(stamp(n.address.created)) }
func (n *addressNode) ServiceName() *string { return &n.address.service }

func (n *addressNode) Network() *networkNode {
	if n.address.network == nil {
		return nil
	}
	return &networkNode{n.address.network}
}

type networkNode struct{ network *network }

func (n *networkNode) ID() graphql.ID { return graphql.ID(n.network.id) }
func (n *networkNode) Name() string   { return n.network.name }
func (n *networkNode) Organization() *organizationNode {
	return &organizationNode{n.network.organization}
}
func (n *networkNode) CreatedAt() scalar { return text(stamp(n.network.created)) }
func (n *networkNode) UpdatedAt() scalar { return text(stamp(n.network.created)) }

type egressNode struct{ egress *egress }

func (n *egressNode) ID() graphql.ID    { return graphql.ID(n.egress.id) }
func (n *egressNode) Ip() string        { return n.egress.ip.String() }
func (n *egressNode) Version() int32    { return int32(n.egress.version()) }
func (n *egressNode) Region() string    { return n.egress.region }
func (n *egressNode) UpdatedAt() scalar { return text(stamp(n.egress.updated)) }

// releaseNode resolves Release and ReleaseUnprocessed.
type releaseNode struct{ release *release }

func (n *releaseNode) ID() graphql.ID             { return graphql.ID(n.release.id) }
func (n *releaseNode) Version() int32             { return int32(n.release.version) }
func (n *releaseNode) CreatedAt() scalar          { return text(stamp(n.release.created)) }
func (n *releaseNode) UpdatedAt() scalar          { return text(stamp(n.release.updated)) }
func (n *releaseNode) DeploymentStrategy() string { return n.release.strategy }
func (n *releaseNode) Description() string        { return "Release" }
func (n *releaseNode) EvaluationId() *string      { return nil }
func (n *releaseNode) ImageRef() *string          { return &n.release.image }
func (n *releaseNode) InProgress() bool           { return n.release.inProgress() }
func (n *releaseNode) Reason() string             { return "deploy" }
func (n *releaseNode) Stable() bool               { return true }
func (n *releaseNode) Status() string             { return n.release.status }
func (n *releaseNode) User() *user                { return &user{} }

func (n *releaseNode) ConfigDefinition() *scalar {
	if len(n.release.definition) == 0 {
		return nil
	}
	return &scalar{n.release.definition}
}

type imageNode struct{ image imageRef }

func (n *imageNode) ID() graphql.ID             { return graphql.ID("img_" + n.Digest()[7:23]) }
func (n *imageNode) Ref() string                { return n.image.String() }
func (n *imageNode) CompressedSize() int32      { return 41_252_864 }
func (n *imageNode) CompressedSizeFull() scalar { return text("41252864") }
func (n *imageNode) Manifest() scalar           { return scalar{json.RawMessage("{}")} }
func (n *imageNode) Registry() string           { return n.image.registry }
func (n *imageNode) Repository() string         { return n.image.repository }
func (n *imageNode) Tag() *string               { return &n.image.tag }

func (n *imageNode) Digest() string {
	if len(n.image.digest) > 23 {
		return n.image.digest
	}
	return digestOf(n.image.String())
}

type imageVersion struct{}

func (*imageVersion) Digest() string     { return "" }
func (*imageVersion) Registry() string   { return "" }
func (*imageVersion) Repository() string { return "" }
func (*imageVersion) Tag() string        { return "" }
func (*imageVersion) Version() *string   { return nil }

type certificateNode struct {
	app         *app
	certificate *certificate
}

func (n *certificateNode) ID() graphql.ID       { return graphql.ID(n.certificate.id) }
func (n *certificateNode) Hostname() string     { return n.certificate.hostname }
func (n *certificateNode) ClientStatus() string { return n.app.certificateStatus() }
func (n *certificateNode) Configured() bool     { return n.app.configured() }
func (n *certificateNode) CreatedAt() *scalar {
	return new(text(n.certificate.created.UTC().Format(time.RFC3339)))
}

// appRole would resolve the role of an app; none has one.
type appRole struct{}

func (*appRole) Name() string                       { return "" }
func (r *appRole) ToEmptyAppRole() (*appRole, bool) { return r, true }

// principal is who the token belongs to.
type principal struct{}

func (*principal) Email() string                  { return userEmail }
func (*principal) Name() *string                  { return new("Dev") }
func (*principal) ToUser() (*user, bool)          { return &user{}, true }
func (*principal) ToMacaroon() (*principal, bool) { return nil, false }

type user struct{}

func (*user) ID() graphql.ID        { return "01JSANDBOXUSER" }
func (*user) Email() string         { return userEmail }
func (*user) Name() *string         { return new("Dev") }
func (*user) EnablePaidHobby() bool { return false }

type appPayload struct {
	app      *appNode
	mutation *string
}

func (p *appPayload) App() *appNode             { return p.app }
func (p *appPayload) ClientMutationId() *string { return p.mutation }

type allocatePayload struct {
	appPayload
	address *addressNode
}

func (p *allocatePayload) IpAddress() *addressNode { return p.address }

type egressPayload struct {
	v4, v6   string
	mutation *string
}

func (p *egressPayload) V4() string                { return p.v4 }
func (p *egressPayload) V6() string                { return p.v6 }
func (p *egressPayload) ClientMutationId() *string { return p.mutation }

type releaseEgressPayload struct{ v4, v6, mutation *string }

func (p *releaseEgressPayload) V4() *string               { return p.v4 }
func (p *releaseEgressPayload) V6() *string               { return p.v6 }
func (p *releaseEgressPayload) ClientMutationId() *string { return p.mutation }

type createReleasePayload struct {
	appPayload
	release *releaseNode
}

func (p *createReleasePayload) Release() *releaseNode { return p.release }

type updateReleasePayload struct {
	release  *releaseNode
	mutation *string
}

func (p *updateReleasePayload) Release() *releaseNode     { return p.release }
func (p *updateReleasePayload) ClientMutationId() *string { return p.mutation }

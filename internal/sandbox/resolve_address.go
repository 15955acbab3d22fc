package sandbox

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

type addressNode struct {
	req     *request
	address *address
}

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
	return &networkNode{n.req, n.address.network}
}

type networkNode struct {
	req     *request
	network *network
}

func (n *networkNode) ID() graphql.ID { return graphql.ID(n.network.id) }
func (n *networkNode) Name() string   { return n.network.graphQLName() }
func (n *networkNode) Organization() *organizationNode {
	return &organizationNode{n.req, n.network.organization}
}
func (n *networkNode) CreatedAt() scalar { return text(stamp(n.network.created)) }
func (n *networkNode) UpdatedAt() scalar { return text(stamp(n.network.created)) }

type egressNode struct{ egress *egress }

func (n *egressNode) ID() graphql.ID    { return graphql.ID(n.egress.id) }
func (n *egressNode) Ip() string        { return n.egress.ip.String() }
func (n *egressNode) Version() int32    { return int32(n.egress.version()) }
func (n *egressNode) Region() string    { return n.egress.region }
func (n *egressNode) UpdatedAt() scalar { return text(stamp(n.egress.updated)) }

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
	named, err := graphQLNetwork(in.Network)
	if err != nil {
		return nil, err
	}
	w := wish{kind: in.Type, region: value(in.Region), service: value(in.ServiceName), network: named}
	if in.OrganizationId != nil && *in.OrganizationId != "" {
		if w.organization, err = req.organization(*in.OrganizationId); err != nil {
			return nil, err
		}
	}
	addr, err := req.platform.state.allocate(a, w, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	payload := &allocatePayload{appPayload: appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}}
	if addr.kind != "shared_v4" {
		payload.address = &addressNode{req, addr}
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
	if !a.releaseEgress(ip) {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find EgressIPAddress"}
	}
	payload := &releaseEgressPayload{mutation: in.ClientMutationId}
	if gone := ip.String(); ip.Is4() {
		payload.v4 = &gone
	} else {
		payload.v6 = &gone
	}
	return payload, nil
}

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

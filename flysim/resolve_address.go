package flysim

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

type addressNode struct {
	req     *apiRequest
	address *appAddress
}

func (n *addressNode) ID() graphql.ID       { return graphql.ID(n.address.id) }
func (n *addressNode) Address() string      { return n.address.ip.String() }
func (n *addressNode) Type() string         { return n.address.kind }
func (n *addressNode) Region() *string      { return &n.address.region }
func (n *addressNode) CreatedAt() scalar    { return textScalar(timestamp(n.address.created)) }
func (n *addressNode) ServiceName() *string { return &n.address.service }

func (n *addressNode) Network() *networkNode {
	if n.address.network == nil {
		return nil
	}
	return &networkNode{n.req, n.address.network}
}

type networkNode struct {
	req     *apiRequest
	network *privateNetwork
}

func (n *networkNode) ID() graphql.ID { return graphql.ID(n.network.id) }
func (n *networkNode) Name() string   { return n.network.graphQLName() }
func (n *networkNode) Organization() *organizationNode {
	return &organizationNode{n.req, n.network.organization}
}
func (n *networkNode) CreatedAt() scalar { return textScalar(timestamp(n.network.created)) }
func (n *networkNode) UpdatedAt() scalar { return textScalar(timestamp(n.network.created)) }

type egressNode struct{ egress *egressAddress }

func (n *egressNode) ID() graphql.ID    { return graphql.ID(n.egress.id) }
func (n *egressNode) Ip() string        { return n.egress.ip.String() }
func (n *egressNode) Version() int32    { return int32(n.egress.version()) }
func (n *egressNode) Region() string    { return n.egress.region }
func (n *egressNode) UpdatedAt() scalar { return textScalar(timestamp(n.egress.updated)) }

func egressNodes(list []*egressAddress, args pageArgs) *connection[*egressNode] {
	var nodes []*egressNode
	for _, e := range list {
		nodes = append(nodes, &egressNode{e})
	}
	return newConnection(nodes, args, func(n *egressNode) string { return n.egress.id })
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
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	named, err := graphQLNetwork(in.Network)
	if err != nil {
		return nil, err
	}
	w := addressRequest{kind: in.Type, region: deref(in.Region), service: deref(in.ServiceName), network: named}
	if in.OrganizationId != nil && *in.OrganizationId != "" {
		if w.organization, err = req.organization(*in.OrganizationId); err != nil {
			return nil, err
		}
	}
	addr, err := req.platform.state.allocate(a, w, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	payload := &allocatePayload{appPayload: appPayload{app: &appNode{req: req, app: a, fresh: true},
		mutation: in.ClientMutationId}}
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
	a, err := req.appForChange(string(*in.AppId))
	if err != nil {
		return nil, err
	}
	ip, _ := netip.ParseAddr(deref(in.Ip)) // an invalid address is not found
	if in.IpAddressId != nil && *in.IpAddressId != "" {
		held := a.currentAddresses()
		if i := slices.IndexFunc(held, func(addr *appAddress) bool { return addr.id == string(*in.IpAddressId) }); i >= 0 {
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

// AllocateEgressIpAddress allocates egress addresses for one Machine, in its region, or else for
// the app in a region.
func (*root) AllocateEgressIpAddress(ctx context.Context, args allocateEgressArgs) (*egressPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	region, machine := deref(in.Region), idOf(in.MachineId)
	switch {
	case machine != "" && region != "":
		return nil, invalid("machineId and region exclude each other")
	case machine != "":
		m := a.find(machine)
		if m == nil || m.state == "destroyed" {
			return nil, errNoMachine
		}
		if len(a.egressOf(machine)) > 0 {
			return nil, invalid("Machine %s already has egress IPs", machine)
		}
		region = m.region
	case region == "":
		return nil, invalid("region is required for an app-scoped egress IP")
	}
	v4, v6 := req.platform.state.allocateEgress(a, region, machine, req.plan, req.now)
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
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	payload := &releaseEgressPayload{mutation: in.ClientMutationId}
	if machine := idOf(in.MachineId); machine != "" {
		gone := a.releaseMachineEgress(machine)
		if len(gone) == 0 {
			return nil, errNoEgress
		}
		for _, e := range gone {
			payload.add(e.ip)
		}
		return payload, nil
	}
	ip, _ := netip.ParseAddr(deref(in.Ip)) // an invalid address is not found
	if !a.releaseEgress(ip) {
		return nil, errNoEgress
	}
	payload.add(ip)
	return payload, nil
}

var errNoEgress = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find EgressIPAddress"}

// idOf returns an optional id, or "" if it is absent.
func idOf(id *graphql.ID) string {
	if id == nil {
		return ""
	}
	return string(*id)
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

func (p *releaseEgressPayload) add(ip netip.Addr) {
	if ip.Is4() {
		p.v4 = new(ip.String())
	} else {
		p.v6 = new(ip.String())
	}
}

func (p *releaseEgressPayload) V4() *string               { return p.v4 }
func (p *releaseEgressPayload) V6() *string               { return p.v6 }
func (p *releaseEgressPayload) ClientMutationId() *string { return p.mutation }

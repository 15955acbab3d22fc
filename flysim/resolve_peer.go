package flysim

import (
	"cmp"
	"context"
	"net/http"

	graphql "github.com/graph-gophers/graphql-go"
)

// peerNode resolves WireGuardPeer.
type peerNode struct {
	req  *apiRequest
	peer *wireGuardPeer
}

func (n *peerNode) ID() graphql.ID   { return graphql.ID(n.peer.id) }
func (n *peerNode) Name() string     { return n.peer.name }
func (n *peerNode) Peerip() string   { return n.peer.ip.String() }
func (n *peerNode) Pubkey() string   { return n.peer.pubkey }
func (n *peerNode) Region() string   { return n.peer.region }
func (n *peerNode) Network() *string { return new((&networkNode{n.req, n.peer.network}).Name()) }

func (n *organizationNode) WireGuardPeers(args pageArgs) *connection[*peerNode] {
	var nodes []*peerNode
	for _, p := range n.org.peers {
		nodes = append(nodes, &peerNode{n.req, p})
	}
	return newConnection(nodes, args, func(n *peerNode) string { return n.peer.name })
}

func (n *organizationNode) WireGuardPeer(args struct{ Name string }) (*peerNode, error) {
	if p := n.org.peer(args.Name); p != nil {
		return &peerNode{n.req, p}, nil
	}
	return nil, errNoPeer
}

var errNoPeer = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find WireGuardPeer"}

// organizationForPeers returns the organization of a mutation of peers.
func (req *apiRequest) organizationForPeers(id graphql.ID) (*organization, error) {
	org, err := req.organization(id)
	if err != nil {
		return nil, err
	}
	if !req.grant.canConnect(org) {
		return nil, errNoMutation
	}
	return org, nil
}

// addedPeer resolves AddWireGuardPeerPayload.
type addedPeer struct {
	Endpointip, Peerip, Pubkey string
	Network                    *string
	ClientMutationId           *string
}

func (*root) AddWireGuardPeer(ctx context.Context, args struct {
	Input struct {
		ClientMutationId *string
		Ephemeral        *bool
		Gwname           *string
		Name             string
		Nats             *bool
		Network          *string
		OrganizationId   graphql.ID
		Pubkey           string
		Region           *string
	}
}) (*addedPeer, error) {
	req, in := requestOf(ctx), args.Input
	org, err := req.organizationForPeers(in.OrganizationId)
	if err != nil {
		return nil, err
	}
	named, err := graphQLNetwork(in.Network)
	if err != nil {
		return nil, err
	}
	net := org.network(named)
	if net == nil {
		return nil, errNoNetwork
	}
	region := cmp.Or(deref(in.Region), DefaultRegion)
	if _, ok := regionOf(region); !ok {
		return nil, invalid("Validation failed: Region is not known")
	}
	p, err := req.platform.state.addPeer(net, in.Name, in.Pubkey, region)
	if err != nil {
		return nil, err
	}
	node := &peerNode{req, p}
	return &addedPeer{
		Endpointip: cmp.Or(req.platform.gateway, gatewayAddress), Peerip: node.Peerip(), Pubkey: gatewayKey(), Network: node.Network(),
		ClientMutationId: in.ClientMutationId,
	}, nil
}

// removedPeer resolves RemoveWireGuardPeerPayload.
type removedPeer struct {
	Organization     *organizationNode
	ClientMutationId *string
}

func (*root) RemoveWireGuardPeer(ctx context.Context, args struct {
	Input struct {
		ClientMutationId *string
		Name             string
		Nats             *bool
		OrganizationId   graphql.ID
	}
}) (*removedPeer, error) {
	req, in := requestOf(ctx), args.Input
	org, err := req.organizationForPeers(in.OrganizationId)
	if err != nil {
		return nil, err
	}
	if !org.removePeer(in.Name) {
		return nil, errNoPeer
	}
	return &removedPeer{&organizationNode{req, org}, in.ClientMutationId}, nil
}

// validatedPeers resolves ValidateWireGuardPeersPayload.
type validatedPeers struct {
	InvalidPeerIps, ValidPeerIps []string
	ClientMutationId             *string
}

// ValidateWireGuardPeers returns which addresses belong to peers. flyctl forgets its other stored
// peers.
func (*root) ValidateWireGuardPeers(ctx context.Context, args struct {
	Input struct {
		ClientMutationId *string
		PeerIps          []string
	}
}) *validatedPeers {
	req := requestOf(ctx)
	known := make(map[string]bool)
	for _, org := range req.organizations() {
		for _, p := range org.peers {
			known[p.ip.String()] = true
		}
	}
	payload := &validatedPeers{InvalidPeerIps: []string{}, ValidPeerIps: []string{},
		ClientMutationId: args.Input.ClientMutationId}
	for _, ip := range args.Input.PeerIps {
		if known[ip] {
			payload.ValidPeerIps = append(payload.ValidPeerIps, ip)
		} else {
			payload.InvalidPeerIps = append(payload.InvalidPeerIps, ip)
		}
	}
	return payload
}

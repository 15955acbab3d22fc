package fly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const (
	addPeerMutation = `mutation FlycastAddPeer($input: AddWireGuardPeerInput!) {
		addWireGuardPeer(input: $input) { peerip endpointip pubkey }
	}`
	removePeerMutation = `mutation FlycastRemovePeer($input: RemoveWireGuardPeerInput!) {
		removeWireGuardPeer(input: $input) { clientMutationId }
	}`
	peersQuery = `query FlycastPeers($slug: String!) {
		organization(slug: $slug) { wireGuardPeers { nodes { name } } }
	}`
)

// wireGuardPort is the port of Fly's gateways.
const wireGuardPort = 51820

// NewPeer is a WireGuard peer that is to be added.
type NewPeer struct {
	Name      string
	PublicKey string // base64
}

// Peer is a WireGuard peer that was added.
type Peer struct {
	Address    netip.Addr     // on the private network
	Gateway    netip.AddrPort // UDP
	GatewayKey string         // base64
}

var peerName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,100}$`)

// AddPeer adds a WireGuard peer to a network, for a check of the app. It spends add_peer with
// target [Network.Target]. The peer is on that network, and its gateway has a public address; with
// a token of an emulated platform, a loopback address. Otherwise the code is verify_failed, and the
// peer exists.
func (c *Client) AddPeer(ctx context.Context, grant *gate.Grant, app string, network Network, peer NewPeer) (Peer, error) {
	if err := grant.Spend(gate.AddPeer, app, network.Target()); err != nil {
		return Peer{}, err
	}
	if !peerName.MatchString(peer.Name) {
		return Peer{}, plan.Invalid("%s is not a valid name of a peer", quote(peer.Name))
	}
	op := c.writing("add_peer").onApp(app)
	op.names = map[Thing]string{ANetwork: network.phrase(), AnOrganization: "organization " + network.Organization.Slug}
	type input struct {
		OrganizationID string `json:"organizationId"`
		Name           string `json:"name"`
		PublicKey      string `json:"pubkey"`
		Network        string `json:"network,omitempty"`
		Ephemeral      bool   `json:"ephemeral"`
	}
	data, err := c.ask(ctx, op, "FlycastAddPeer", addPeerMutation, inputVariables[input]{input{
		network.Organization.ID, peer.Name, peer.PublicKey, network.graphQL(), true}})
	added, err := decode(op, data, err, decodePeer)
	if err != nil {
		return Peer{}, err
	}
	if !isPrivate(added.Address) {
		message := fmt.Sprintf("Fly gave the peer the address %s, which is not on a private network", added.Address)
		return added, op.error(gate.VerifyFailed, message, "", nil)
	}
	gateway := added.Gateway.Addr()
	isUsable := gateway.IsGlobalUnicast() && !gateway.IsPrivate()
	if c.token.Sandbox() {
		isUsable = gateway.IsLoopback()
	}
	if !isUsable {
		message := fmt.Sprintf("Fly named the WireGuard gateway %s, which is not a public address", added.Gateway)
		return added, op.error(gate.VerifyFailed, message, "", nil)
	}
	return added, nil
}

// decodePeer reads the answer to the addition of a peer.
func decodePeer(data []byte) (Peer, error) {
	var answer struct {
		AddWireGuardPeer *struct{ Peerip, Endpointip, Pubkey string }
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Peer{}, err
	}
	if answer.AddWireGuardPeer == nil {
		return Peer{}, errors.New("the answer holds no peer")
	}
	added := answer.AddWireGuardPeer
	ip, err := netip.ParseAddr(added.Peerip)
	if err != nil {
		return Peer{}, errors.New("the peer has no address")
	}
	gateway, err := netip.ParseAddrPort(added.Endpointip) // an emulated platform may have another port
	if err != nil {
		var at netip.Addr
		if at, err = netip.ParseAddr(added.Endpointip); err != nil {
			return Peer{}, errors.New("the peer has no gateway")
		}
		gateway = netip.AddrPortFrom(at, wireGuardPort)
	}
	return Peer{Address: ip, Gateway: gateway, GatewayKey: added.Pubkey}, nil
}

// RemovePeer removes a WireGuard peer by its name. It spends remove_peer with the name as target.
// Code not_found means that it is gone.
func (c *Client) RemovePeer(ctx context.Context, grant *gate.Grant, app, name string, network Network) error {
	if err := grant.Spend(gate.RemovePeer, app, name); err != nil {
		return err
	}
	op := c.writing("remove_peer").onApp(app)
	op.thing, op.kind = "peer "+quote(name), APeer
	type input struct {
		OrganizationID string `json:"organizationId"`
		Name           string `json:"name"`
	}
	data, err := c.ask(ctx, op, "FlycastRemovePeer", removePeerMutation,
		inputVariables[input]{input{network.Organization.ID, name}})
	_, err = decode(op, data, err, func(data []byte) (struct{}, error) {
		var answer struct{ RemoveWireGuardPeer *struct{} }
		if err := json.Unmarshal(data, &answer); err != nil || answer.RemoveWireGuardPeer == nil {
			return struct{}{}, errors.Join(errors.New("the answer does not confirm the removal"), err)
		}
		return struct{}{}, nil
	})
	return err
}

// Peers lists the names of the WireGuard peers of an organization, for a check of the app.
func (c *Client) Peers(ctx context.Context, app string, network Network) ([]string, error) {
	op := c.reading("peers", brisk()).onApp(app)
	op.thing, op.kind = "organization "+network.Organization.Slug, AnOrganization
	variables := struct {
		Slug string `json:"slug"`
	}{network.Organization.Slug}
	data, err := c.ask(ctx, op, "FlycastPeers", peersQuery, variables)
	return decode(op, data, err, func(data []byte) ([]string, error) {
		var answer struct {
			Organization *struct {
				WireGuardPeers struct {
					Nodes []struct{ Name string }
				}
			}
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return nil, err
		}
		if answer.Organization == nil {
			return nil, errAbsent
		}
		var names []string
		for _, node := range answer.Organization.WireGuardPeers.Nodes {
			names = append(names, node.Name)
		}
		return names, nil
	})
}

package flysim

import (
	"crypto/ecdh"
	"encoding/base64"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
)

// wireGuardPeer is a WireGuard peer: a computer, or a program, on a private network. Package
// gateway lets it in while a gateway runs; without one the peer is only a record.
type wireGuardPeer struct {
	id      string
	name    string // unique in its organization
	pubkey  string // its own, in base64
	region  string // of its gateway
	ip      netip.Addr
	network *privateNetwork
}

// gatewayAddress is the address of the gateway that peers get if no gateway runs. Clients add the
// port, 51820.
const gatewayAddress = "127.0.0.1"

// gatewayKey returns the public key of the gateway, in base64.
func gatewayKey() string {
	seed := GatewayKey()
	key, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		panic(err) // X25519 takes any 32 bytes
	}
	return base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())
}

var peerName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,200}$`)

// addPeer adds a peer to a network. It fails for an invalid name or key, and for a name that is
// taken.
func (s *platformState) addPeer(net *privateNetwork, name, pubkey, region string) (*wireGuardPeer, error) {
	key, err := base64.StdEncoding.DecodeString(pubkey)
	org := net.organization
	switch {
	case !peerName.MatchString(name):
		return nil, invalid("Validation failed: Name may only contain letters, numbers and hyphens")
	case err != nil || len(key) != 32:
		return nil, invalid("Validation failed: Pubkey is not a WireGuard public key")
	case org.peer(name) != nil:
		return nil, &apiError{http.StatusUnprocessableEntity, "UNPROCESSABLE",
			"Validation failed: Name has already been taken"}
	}
	p := &wireGuardPeer{
		id: s.ids.ulid("peer"), name: name, pubkey: pubkey, region: region, network: net,
		ip: net.peerAddress(s.ids.number("peer number", 0)),
	}
	org.peers = append(org.peers, p)
	return p, nil
}

// peerAddress returns the address of the nth peer: fdaa:<network>:a7b:<host>:0:a:<n>02. The 256
// addresses around it belong to the peer.
func (n *privateNetwork) peerAddress(number int) netip.Addr {
	var b [16]byte
	prefix := n.prefix()
	copy(b[:], prefix[:])
	host := 0x100 + number>>8
	b[6], b[7], b[8], b[9] = 0x0a, 0x7b, byte(host>>8), byte(host)
	b[13], b[14], b[15] = 0x0a, byte(number), 2
	return netip.AddrFrom16(b)
}

// peer returns the organization's peer of a name, or nil if it has none.
func (o *organization) peer(name string) *wireGuardPeer {
	i := slices.IndexFunc(o.peers, func(p *wireGuardPeer) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return o.peers[i]
}

// removePeer removes a peer, and reports whether there was one.
func (o *organization) removePeer(name string) bool {
	before := len(o.peers)
	o.peers = slices.DeleteFunc(o.peers, func(p *wireGuardPeer) bool { return p.name == name })
	return len(o.peers) < before
}

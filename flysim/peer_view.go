package flysim

import (
	"crypto/sha256"
	"net/netip"
	"strings"
)

// Peer is a WireGuard peer as a gateway sees it.
type Peer struct {
	Name      string
	PublicKey string     // base64
	Address   netip.Addr // the 256 addresses around it are the peer's
}

// Peers returns the WireGuard peers of all organizations.
func (p *Platform) Peers() []Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Peer
	for _, org := range p.state.organizations {
		for _, peer := range org.peers {
			out = append(out, Peer{peer.name, peer.pubkey, peer.ip})
		}
	}
	return out
}

// RemovePeer removes a WireGuard peer, as Fly does with one that was not used for long, and reports
// whether there was one.
func (p *Platform) RemovePeer(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, org := range p.state.organizations {
		if org.removePeer(name) {
			p.notify()
			return true
		}
	}
	return false
}

// SetGateway sets the UDP address of the WireGuard gateway, which peers that are added from now on
// get. Real clients add the port 51820 to an address: the port is given only if it is another.
func (p *Platform) SetGateway(at netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gateway = strings.TrimSuffix(at.String(), ":51820")
}

// GatewayKey returns the private key of the gateway. It is the same for every platform: the
// gateway listens on this computer only.
func GatewayKey() [32]byte { return sha256.Sum256([]byte("sandbox gateway")) }

package tunnel

import (
	"context"
	"net"
	"net/netip"
)

// DialPast connects without asking whether the tunnel may.
func (t *Tunnel) DialPast(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return t.stack.DialTCP(ctx, to)
}

// Resolver returns the resolver's address.
func (t *Tunnel) Resolver() netip.AddrPort { return t.resolver }

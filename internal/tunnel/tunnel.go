// Package tunnel is a temporary WireGuard peer inside this process: it joins a private network of
// Fly, asks its resolver, and connects to the addresses that it was made for and to no others.
// It knows nothing of Fly's API: the caller adds the peer there, and removes it.
package tunnel

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"github.com/flycast-mcp/flycast-mcp/internal/netstack"
)

// Spec says where a peer joins and what it may reach.
type Spec struct {
	Address    netip.Addr       // of the peer
	Gateway    netip.AddrPort   // UDP
	GatewayKey string           // base64
	Reach      []netip.AddrPort // all that may be dialed, besides the resolver's port 53
}

// Resolver returns the address of the resolver of the peer's network.
func (s Spec) Resolver() netip.AddrPort {
	prefix := s.Address.As16()
	var b [16]byte
	copy(b[:6], prefix[:6])
	b[15] = 3
	return netip.AddrPortFrom(netip.AddrFrom16(b), 53)
}

// Tunnel is an open peer. It is safe for concurrent use.
type Tunnel struct {
	stack    *netstack.Stack
	device   *device.Device
	resolver netip.AddrPort
	reach    []netip.AddrPort
}

// The errors of [Open].
var (
	ErrSilent  = errors.New("no answer from the WireGuard gateway over UDP")
	ErrRefused = errors.New("nothing listens at the address of the WireGuard gateway")
)

// waits returns how long each attempt waits for the gateway. The first packet to a gateway that
// does not know the peer yet is lost, and WireGuard itself would repeat it after 5 seconds only.
func waits() []time.Duration {
	return []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second}
}

// Open joins the network: when it returns, the gateway has answered. The error wraps [ErrSilent] or
// [ErrRefused] if it did not.
func Open(ctx context.Context, key Key, spec Spec) (*Tunnel, error) {
	gateway, err := base64.StdEncoding.DecodeString(spec.GatewayKey)
	if err != nil || len(gateway) != 32 {
		return nil, errors.New("the gateway's key is not a WireGuard public key")
	}
	if !spec.Address.Is6() || !spec.Gateway.IsValid() {
		return nil, fmt.Errorf("peer %v at gateway %v: not usable addresses", spec.Address, spec.Gateway)
	}
	refused := false
	for _, wait := range waits() {
		t, answered, err := open(ctx, key, hex.EncodeToString(gateway), spec, wait)
		switch {
		case err != nil:
			return nil, err
		case answered == gatewayAnswers:
			return t, nil
		}
		refused = refused || answered == gatewayRefuses
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case refused:
		return nil, ErrRefused
	}
	return nil, ErrSilent
}

// gatewayState is what an attempt found out about the gateway.
type gatewayState int

const (
	gatewaySilent gatewayState = iota
	gatewayAnswers
	gatewayRefuses
)

// open makes one attempt.
func open(ctx context.Context, key Key, gatewayKey string, spec Spec, wait time.Duration) (*Tunnel, gatewayState, error) {
	stack, err := netstack.New(spec.Address)
	if err != nil {
		return nil, gatewaySilent, err
	}
	bind := netstack.NewDialed(spec.Gateway)
	d := device.NewDevice(stack, bind, device.NewLogger(device.LogLevelSilent, ""))
	t := &Tunnel{stack: stack, device: d, resolver: spec.Resolver(), reach: slices.Clone(spec.Reach)}
	// Whatever is sent to, or comes from, another address than these is dropped by WireGuard.
	var settings strings.Builder
	fmt.Fprintf(&settings, "private_key=%s\npublic_key=%s\nendpoint=%s\npersistent_keepalive_interval=25\n", key.hex(),
		gatewayKey, spec.Gateway)
	for _, ip := range t.addresses() {
		fmt.Fprintf(&settings, "allowed_ip=%s/128\n", ip)
	}
	if err := errors.Join(d.IpcSet(settings.String()), d.Up()); err != nil { // a keepalive begins the handshake
		t.Close()
		return nil, gatewaySilent, fmt.Errorf("the WireGuard device could not be set up: %w", err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-bind.Answered():
		return t, gatewayAnswers, nil
	case <-bind.Refused():
		t.Close()
		return nil, gatewayRefuses, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	t.Close()
	return nil, gatewaySilent, nil
}

// addresses returns those that the peer exchanges packets with.
func (t *Tunnel) addresses() []netip.Addr {
	out := []netip.Addr{t.resolver.Addr()}
	for _, at := range t.reach {
		if !slices.Contains(out, at.Addr()) {
			out = append(out, at.Addr())
		}
	}
	return out
}

// DialContext connects to one of the addresses that the tunnel was made for; others are refused
// before anything is sent.
func (t *Tunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp" && network != "tcp6" || !slices.Contains(t.reach, to) {
		return nil, fmt.Errorf("%s %q is not an address that this peer may reach", network, address)
	}
	return t.stack.DialTCP(ctx, to)
}

// Close leaves the network. Open connections end.
func (t *Tunnel) Close() {
	t.device.Close() // and with it the stack
	_ = t.stack.Close()
}

var _ conn.Bind = (*netstack.Bind)(nil)

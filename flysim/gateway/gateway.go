// Package gateway is the WireGuard gateway of an emulated platform: it lets the platform's peers
// into their private networks, as Fly's gateways do. A peer reaches the resolver, Flycast
// addresses and Machines of its own network, and nothing else.
package gateway

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/device"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/internal/netstack"
)

// Options configure a gateway. Platform and Programs must be set.
type Options struct {
	Platform *flysim.Platform
	Programs proxy.Programs
	Traffic  *flysim.Traffic
	Address  netip.AddrPort // UDP; only loopback addresses
	API      string         // host:port of the Machines API, which a network has at its resolver; empty: none
}

// Gateway is a running gateway.
type Gateway struct {
	options  Options
	stack    *netstack.Stack
	bind     *netstack.Bind
	device   *device.Device
	isSilent atomic.Bool
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	peers map[string]netip.Prefix // by public key, in hex
	doors map[network]*proxy.Listening
}

// network is a private network as a caller's place.
type network struct{ org, name string }

// Start starts a gateway, and tells the platform where it is.
func Start(o Options) (*Gateway, error) {
	if !o.Address.Addr().IsLoopback() {
		return nil, fmt.Errorf("gateway: %v is not a loopback address", o.Address)
	}
	bind, err := netstack.NewListening(o.Address)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	stack, err := netstack.NewGateway()
	if err != nil {
		return nil, errors.Join(err, bind.Close())
	}
	key := flysim.GatewayKey()
	g := &Gateway{
		options: o, stack: stack, bind: bind,
		device: device.NewDevice(stack, bind, device.NewLogger(device.LogLevelSilent, "")),
		peers:  make(map[string]netip.Prefix), doors: make(map[network]*proxy.Listening),
	}
	stack.Forward(netstack.Forwarding{Accepts: g.accepts, TCP: g.serveTCP, UDP: g.serveUDP})
	if err := errors.Join(g.device.IpcSet("private_key="+hex.EncodeToString(key[:])+"\n"), g.device.Up()); err != nil {
		g.device.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	g.running.Go(func() { g.follow(ctx) })
	o.Platform.SetGateway(g.Address())
	return g, nil
}

// Address returns the gateway's UDP address.
func (g *Gateway) Address() netip.AddrPort { return g.bind.Local() }

// SetSilent lets the gateway drop every packet, or answer again.
func (g *Gateway) SetSilent(silent bool) error {
	if g.isSilent.Swap(silent) == silent {
		return nil
	}
	if silent {
		return g.device.Down()
	}
	return g.device.Up()
}

// Close ends the gateway and all its connections.
func (g *Gateway) Close() error {
	g.cancel()
	g.running.Wait()
	g.device.Close()
	err := g.stack.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, door := range g.doors {
		err = errors.Join(err, door.Close())
	}
	return err
}

// follow gives the device the platform's peers, at each change of the platform.
func (g *Gateway) follow(ctx context.Context) {
	for {
		changed := g.options.Platform.Changed()
		g.sync()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// sync adds the peers that are new and removes those that are gone.
func (g *Gateway) sync() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var settings strings.Builder
	now := make(map[string]netip.Prefix)
	for _, p := range g.options.Platform.Peers() {
		key, err := base64.StdEncoding.DecodeString(p.PublicKey)
		if err != nil {
			continue
		}
		name := hex.EncodeToString(key)
		now[name] = netip.PrefixFrom(p.Address, 120).Masked()
		if g.peers[name] != now[name] {
			fmt.Fprintf(&settings, "public_key=%s\nreplace_allowed_ips=true\nallowed_ip=%s\n", name, now[name])
		}
	}
	for name := range g.peers {
		if _, is := now[name]; !is {
			fmt.Fprintf(&settings, "public_key=%s\nremove=true\n", name)
		}
	}
	if settings.Len() > 0 {
		_ = g.device.IpcSet(settings.String()) // keys were checked when the peers were added
	}
	g.peers = now
}

// door returns Fly Proxy's entrance for callers on a network.
func (g *Gateway) door(n network) (*proxy.Listening, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if door := g.doors[n]; door != nil {
		return door, nil
	}
	door, err := proxy.New(proxy.Options{
		Platform: g.options.Platform, Programs: g.options.Programs, Traffic: g.options.Traffic,
		Caller: proxy.Caller{Org: n.org, Network: n.name},
	}).Listen("127.0.0.1:0", "")
	if err == nil {
		g.doors[n] = door
	}
	return door, err
}

// Package gateway is the WireGuard gateway of an emulated platform: it lets the platform's peers
// into their private networks, as Fly's gateways do. A peer reaches the resolver, the Machines API,
// Flycast addresses and Machines of its own network, and nothing else.
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
	"time"

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
	options Options
	stack   *netstack.Stack
	bind    *netstack.Bind
	device  *device.Device
	api     *api
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	peers map[string]netip.Prefix // by public key, in hex
	added map[string]time.Time    // when a peer was first seen, by public key in hex
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
		device: device.NewDevice(stack, lossy{bind, o.Platform}, device.NewLogger(device.LogLevelSilent, "")),
		api:    newAPI(o.API),
		peers:  make(map[string]netip.Prefix), added: make(map[string]time.Time),
		doors: make(map[network]*proxy.Listening),
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

// Close ends the gateway and all its connections.
func (g *Gateway) Close() error {
	g.cancel()
	g.running.Wait()
	g.device.Close()
	err := errors.Join(g.api.close(), g.stack.Close())
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, door := range g.doors {
		err = errors.Join(err, door.Close())
	}
	return err
}

// follow gives the device the platform's peers, at each change of the platform and when a peer
// that comes late is due.
func (g *Gateway) follow(ctx context.Context) {
	for ctx.Err() == nil {
		changed := g.options.Platform.Changed()
		if due := g.sync(); !due.IsZero() {
			_ = g.options.Platform.Clock().Wait(ctx, due, changed) // its error is the context's end
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// sync adds the peers that are new and removes those that are gone. It returns when the next peer
// that comes late is due; zero: there is none.
func (g *Gateway) sync() (due time.Time) {
	at, late := g.options.Platform.Clock().Now(), g.options.Platform.GatewayFaults().Late
	g.mu.Lock()
	defer g.mu.Unlock()
	var settings strings.Builder
	now, added := make(map[string]netip.Prefix), make(map[string]time.Time)
	for _, p := range g.options.Platform.Peers() {
		key, err := base64.StdEncoding.DecodeString(p.PublicKey)
		if err != nil {
			continue
		}
		name := hex.EncodeToString(key)
		added[name] = g.added[name]
		if added[name].IsZero() {
			added[name] = at
		}
		if ready := added[name].Add(late); g.peers[name] == (netip.Prefix{}) && ready.After(at) {
			if due.IsZero() || ready.Before(due) {
				due = ready
			}
			continue
		}
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
	g.peers, g.added = now, added
	return due
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

package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Programs are the programs on the Machines.
type Programs interface {
	// Dial connects to a program. An error that wraps [syscall.ECONNREFUSED] means that nothing
	// listens there that the target can reach; the proxy then tries again for a while. The caller
	// closes the connection.
	Dial(ctx context.Context, to Target) (net.Conn, error)
}

// Target is a port of a Machine.
type Target struct {
	App, Machine string
	Instance     string // the expected version of the Machine
	Port         int    // the internal one
	// Direct is set for a connection over the private network, to the Machine's IPv6 address.
	// Otherwise the connection is from Fly Proxy, to its IPv4 address.
	Direct bool
}

// Caller is the place of a caller inside an organization.
type Caller struct {
	Org     string // slug of the organization
	Network string // its network; empty: the default one
}

// Options configure a proxy. Platform and Programs must be set.
type Options struct {
	Platform *flysim.Platform
	Programs Programs
	Traffic  *flysim.Traffic // nil: the proxy makes one

	// Region is the region of the callers; empty: iad.
	Region string

	// Caller decides which apps resolve for callers inside. The zero value calls each app from the
	// app's own network, where a Flycast address on another network cannot be reached.
	Caller Caller

	// Hold is how long a request waits for a Machine that is starting or at its hard limit.
	// Patience is how long it waits for a Machine that refuses connections, or while there is no
	// usable Machine. Both are on the platform's clock; zero means 30 and 8 seconds.
	Hold, Patience time.Duration
}

// DefaultHold is the default of Options.Hold.
const DefaultHold = 30 * time.Second

// Proxy is Fly Proxy. It is safe for concurrent use.
type Proxy struct {
	options  Options
	platform *flysim.Platform
	traffic  *flysim.Traffic
	clock    *flysim.Clock
	atlas    atlas
	buffers  *buffers
	pools    pools
	issuer   *issuer

	// wait is the clock's Wait, except in tests.
	wait func(ctx context.Context, until time.Time, wake <-chan struct{}) error

	mu     sync.RWMutex
	tables map[string]*routingTable // by app
	hosts  hosts

	seats sync.Mutex // held from the choice of a Machine until the choice counts as load
}

// New returns a proxy that does not listen yet.
func New(options Options) *Proxy {
	if options.Traffic == nil {
		options.Traffic = new(flysim.Traffic)
	}
	if options.Region == "" {
		options.Region = flysim.DefaultRegion
	}
	if options.Hold == 0 {
		options.Hold = DefaultHold
	}
	if options.Patience == 0 {
		options.Patience = 8 * time.Second
	}
	clock := options.Platform.Clock()
	return &Proxy{
		options:  options,
		platform: options.Platform,
		traffic:  options.Traffic,
		clock:    clock,
		atlas:    newAtlas(options.Region),
		buffers:  new(buffers),
		issuer:   new(issuer),
		wait:     clock.Wait,
		tables:   make(map[string]*routingTable),
	}
}

package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Programs are what runs on the Machines.
type Programs interface {
	// Dial connects to a program. An error that wraps [syscall.ECONNREFUSED] says
	// that nothing listens there in a way that the target can be reached: it is
	// tried again for a while. The connection is the caller's to close.
	Dial(ctx context.Context, to Target) (net.Conn, error)
}

// Target is a port of a Machine.
type Target struct {
	App, Machine string
	Instance     string // the version of the Machine that is meant
	Port         int    // the internal one
	// over the private network, to the Machine's IPv6 address; else from Fly Proxy, to its IPv4
	// address
	Direct bool
}

// Caller is who calls from inside.
type Caller struct {
	Org     string // slug of the organization
	Network string // its network; empty: the default one
}

// Options of a proxy. Platform and Programs must be set.
type Options struct {
	Platform *flysim.Platform
	Programs Programs
	Traffic  *flysim.Traffic // nil: one of its own

	// Region is where callers are; empty: iad.
	Region string

	// Caller decides which apps resolve inside. The zero value calls each app from
	// the app's own network: a Flycast address on another one does not help it.
	Caller Caller

	// Hold is how long a request is held for a Machine that starts, or that is at
	// its hard limit, and Patience how long one that refuses connections, or the
	// absence of any Machine, is borne with. Both by the platform's clock; zero: 30
	// and 8 seconds.
	Hold, Patience time.Duration
}

// DefaultHold is how long a request is held for a Machine that starts.
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

	// wait is the clock's.
	wait func(ctx context.Context, until time.Time, wake <-chan struct{}) error

	mu     sync.RWMutex
	tables map[string]*routingTable // by app
	hosts  hosts

	seats sync.Mutex // held from the choice of a Machine to its count
}

// New returns a proxy that listens nowhere yet.
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

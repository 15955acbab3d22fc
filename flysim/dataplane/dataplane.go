// Package dataplane starts everything that serves requests on an emulated platform: Fly Proxy with
// its two listeners, the programs of the Machines, and autostop.
//
//	plane, err := dataplane.Start(platform, dataplane.Options{
//		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, AutostopEvery: autostop.DefaultEvery,
//	})
//	defer plane.Close()
//	curl -x plane.Listening.Flycast http://shop-api.flycast/
package dataplane

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flysim/gateway"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// AnyPort is a loopback address with a free port.
const AnyPort = "127.0.0.1:0"

// Programs runs programs on the Machines of a platform.
type Programs interface {
	proxy.Programs

	// Run starts and stops programs with their Machines until ctx ends.
	Run(ctx context.Context) error

	// Close ends the programs.
	Close() error
}

// Options configure a data plane.
type Options struct {
	// Inside and Public are the loopback addresses of Fly Proxy's listeners, for
	// callers in the organization and on the internet. Empty: no such listener.
	Inside, Public string

	// Gateway is the loopback address of the WireGuard gateway, UDP; API is the host:port of the
	// Machines API, which peers reach at their resolver. Empty: none.
	Gateway, API string

	// Programs run on the Machines; nil: the built-in program. Close closes them too.
	Programs Programs

	// AutostopEvery is the time between two passes of autostop. At 0 there are no passes except
	// calls of [autostop.Loop.Pass].
	AutostopEvery time.Duration
}

// Plane is a running data plane.
type Plane struct {
	Traffic   *flysim.Traffic
	Listening *proxy.Listening
	Autostop  *autostop.Loop
	Gateway   *gateway.Gateway // nil: none

	programs Programs
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// Start starts the data plane of a platform. The caller closes it before the platform.
func Start(platform *flysim.Platform, options Options) (*Plane, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Plane{Traffic: new(flysim.Traffic), programs: options.Programs, cancel: cancel}
	if p.programs == nil {
		p.programs = program.New(program.Options{Platform: platform})
	}
	p.Autostop = &autostop.Loop{Platform: platform, Traffic: p.Traffic, Every: options.AutostopEvery}
	var err error
	p.Listening, err = proxy.New(proxy.Options{Platform: platform, Programs: p.programs, Traffic: p.Traffic}).
		Listen(options.Inside, options.Public)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if options.Gateway != "" {
		if err := p.startGateway(platform, options); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	p.running.Go(func() { _ = p.programs.Run(ctx) }) // nil at the context's end
	if options.AutostopEvery > 0 {
		p.running.Go(func() { _ = p.Autostop.Run(ctx) }) // its only error is the context's end
	}
	return p, nil
}

func (p *Plane) startGateway(platform *flysim.Platform, options Options) error {
	at, err := netip.ParseAddrPort(options.Gateway)
	if err != nil {
		return err
	}
	p.Gateway, err = gateway.Start(gateway.Options{
		Platform: platform, Programs: p.programs, Traffic: p.Traffic, Address: at, API: options.API,
	})
	return err
}

// Close closes the listeners, and then the programs and autostop.
func (p *Plane) Close() error {
	var err error
	if p.Gateway != nil {
		err = p.Gateway.Close()
	}
	if p.Listening != nil {
		err = errors.Join(err, p.Listening.Close())
	}
	p.cancel()
	p.running.Wait()
	return errors.Join(err, p.programs.Close())
}

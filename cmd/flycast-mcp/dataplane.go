package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	programs "github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// dataPlane is what carries requests on an emulated platform: Fly Proxy with
// its two doors, autostop, and what the Machines run.
type dataPlane struct {
	traffic  *flysim.Traffic
	programs *programs.Runner
	doors    *proxy.Listening
	autostop *autostop.Loop

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// dataPlaneOptions say where the doors are and what is behind them.
type dataPlaneOptions struct {
	inside, public string // loopback addresses; empty: no such door
	definitions    []programs.Definition
	log            func(programs.Line)
	every          time.Duration // from one pass of autostop to the next; 0: only those that are asked for
}

// anyPort is a loopback address with a free port.
const anyPort = "127.0.0.1:0"

// startDataPlane opens the doors of a platform. The caller closes it before the platform.
func startDataPlane(platform *flysim.Platform, options dataPlaneOptions) (*dataPlane, error) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &dataPlane{
		traffic:  new(flysim.Traffic),
		programs: programs.New(programs.Options{Platform: platform, Definitions: options.definitions, Log: options.log}),
		cancel:   cancel,
	}
	d.autostop = &autostop.Loop{Platform: platform, Traffic: d.traffic, Every: options.every}
	doors, err := proxy.New(proxy.Options{Platform: platform, Programs: d.programs, Traffic: d.traffic}).Listen(options.inside, options.public)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.doors = doors
	d.running.Go(func() { _ = d.programs.Run(ctx) }) // nil at the context's end
	if options.every > 0 {
		d.running.Go(func() { _ = d.autostop.Run(ctx) }) // its only error is the context's end
	}
	return d, nil
}

// Close closes the doors, and then ends what runs behind them.
func (d *dataPlane) Close() error {
	var err error
	if d.doors != nil {
		err = d.doors.Close()
	}
	d.cancel()
	d.running.Wait()
	return errors.Join(err, d.programs.Close())
}

// Package local runs commands of this computer as the programs of an emulated platform's Machines.
// The operator names them in the file that package seed reads.
//
//	programs := local.New(local.Options{Platform: platform, Apps: apps})
//	go programs.Run(ctx)
//
// A command gets its own folder as HOME, and in PORT the port to listen on. It is started and ended
// with its Machine, and paused while the Machine is suspended. When the program that runs the
// platform ends, the command and every process that it started are ended too.
package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
)

// Options configure the commands. Platform must be set.
type Options struct {
	Platform *flysim.Platform

	// Apps are the operator's apps; those without a command run the built-in program.
	Apps []seed.App

	// Log gets the lines that commands write and a line when they end; nil: nothing is logged.
	// Several goroutines may call it at once.
	Log func(Line)
}

// Line is a line of a command's output, or about the command.
type Line struct {
	App, Machine string
	Stream       string // stdout, stderr, or system: about the command
	Text         string // without the line end, cut after 4 KiB
}

// New returns a runner for all Machines: it runs commands on those of apps that have one, and the
// built-in program on the others.
func New(options Options) *program.Runner {
	return program.New(program.Options{Platform: options.Platform, Commands: newRunner(options)})
}

// spareCommands is how many commands may run in addition to two for each Machine in the operator's file;
// the second one of a Machine is a command that is ending. Clients of the API can create Machines
// without limit.
const spareCommands = 50

// runner runs the commands of all Machines; see [program.Commands].
type runner struct {
	platform *flysim.Platform
	log      func(Line)
	apps     map[string]seed.App // those with a command
	ended    chan struct{}

	mu       sync.Mutex
	closed   bool
	children map[string]*child   // the latest command of each Machine
	alive    map[*child]struct{} // all commands that have not ended
	most     int                 // how many commands may run
	homes    string              // the folder of the commands' homes; empty until a command is started
	guard    *guard              // over that folder, nil if there is none
	running  sync.WaitGroup      // the goroutines of children
}

func newRunner(options Options) *runner {
	r := &runner{
		platform: options.Platform, log: options.Log, apps: make(map[string]seed.App), ended: make(chan struct{}, 1),
		children: make(map[string]*child), alive: make(map[*child]struct{}), most: spareCommands,
	}
	for _, d := range options.Apps {
		if len(d.Command) > 0 {
			r.apps[d.Name] = d
			for _, m := range d.Machines {
				r.most += 2 * m.Count
			}
		}
	}
	return r
}

// errClosed is the error for a command that is started after Close.
var errClosed = errors.New("the programs have ended")

// Apps implements [program.Commands].
func (r *runner) Apps() []string { return slices.Collect(maps.Keys(r.apps)) }

// Ended implements [program.Commands].
func (r *runner) Ended() <-chan struct{} { return r.ended }

// Close implements [program.Commands].
func (r *runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.End()
}

// End implements [program.Commands].
func (r *runner) End() {
	r.mu.Lock()
	for c := range r.alive {
		c.end(min(c.stop.timeout, closeTimeout))
	}
	r.mu.Unlock()
	r.running.Wait()
	r.removeHomes()
}

// Dial implements [program.Commands].
func (r *runner) Dial(ctx context.Context, to proxy.Target, now flysim.Program) (net.Conn, error) {
	c := r.child(to.Machine)
	addr := ""
	if c != nil && c.instance == now.Instance && c.internal == to.Port {
		c.mu.Lock()
		addr = c.addr
		c.mu.Unlock()
	}
	if addr == "" {
		return nil, fmt.Errorf("port %d of Machine %s: %w", to.Port, to.Machine, syscall.ECONNREFUSED)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", addr)
}

// say logs a line about a command.
func (r *runner) say(c *child, stream, text string) {
	if r.log != nil {
		r.log(Line{c.app, c.machine, stream, text})
	}
}

package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// Dial connects to the program of a Machine, as Fly Proxy does or, if to.Direct is set, as a
// neighbor on the private network does. The error wraps [syscall.ECONNREFUSED] if nothing accepts
// the connection, [syscall.EHOSTUNREACH] if the Machine is not started or has another version than
// requested, and [flysim.ErrGone] if it does not exist.
func (r *Runner) Dial(ctx context.Context, to proxy.Target) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now, err := r.platform.Program(to.App, to.Machine)
	switch {
	case err != nil:
		return nil, err
	case now.State != "started":
		return nil, fmt.Errorf("the Machine %s is %s: %w", to.Machine, now.State, syscall.EHOSTUNREACH)
	case to.Instance != "" && to.Instance != now.Instance:
		return nil, fmt.Errorf("the Machine %s runs another version: %w", to.Machine, syscall.EHOSTUNREACH)
	}
	bound, ok := now.Reaches(to.Port, to.Direct)
	if !ok {
		return nil, fmt.Errorf("port %d of Machine %s: %w", to.Port, to.Machine, syscall.ECONNREFUSED)
	}
	if slices.Contains(r.commandApps(), to.App) {
		return r.commands.Dial(ctx, to, now)
	}
	p, err := r.program(to, now)
	if err != nil {
		return nil, err
	}
	caller := memoryAddr("172.19.0.1:443")
	if to.Direct {
		caller = "[fdaa::1]:443"
	}
	dialed, accepted := newPair(caller, memoryAddr(bound))
	held, ok := p.hold(accepted)
	if now, err := r.platform.Program(to.App, to.Machine); err != nil || !now.Running(p.Instance, p.started) {
		r.retire(p) // Run may have looked before this connection existed
		ok = false
	}
	if !ok {
		return nil, fmt.Errorf("the Machine %s has stopped: %w", to.Machine, syscall.ECONNREFUSED)
	}
	if p.raw[to.Port] {
		go p.echo(held)
	} else {
		r.memory.hand(held)
	}
	return dialed, nil
}

var errClosed = errors.New("the programs have ended")

// program returns the current run of the built-in program on a Machine. A suspended run continues;
// any other earlier run is ended.
func (r *Runner) program(to proxy.Target, now flysim.Program) (*program, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	before := r.programs[to.Machine]
	if before != nil {
		if before.Instance == now.Instance && before.started.Equal(now.Started) {
			return before, nil
		}
		before.end()
	}
	p := newProgram(to, now, r)
	if before != nil && now.From == "suspended" && before.Instance == now.Instance {
		p.requests.Store(before.requests.Load())
		p.born = before.born
	}
	r.programs[to.Machine] = p
	if !now.Until.IsZero() {
		r.nudge()
	}
	return p, nil
}

package program

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// program is one run of the built-in program on a Machine. It begins with the first connection.
type program struct {
	Identity
	runner   *Runner
	started  time.Time    // of this run
	from     string       // the state it was started from
	born     time.Time    // start of its memory; after a suspend this is before started
	raw      map[int]bool // ports that do not speak HTTP
	requests atomic.Int64

	mu    sync.Mutex
	conns map[*heldConn]struct{} // nil once it has ended
}

func newProgram(to proxy.Target, now flysim.Program, r *Runner) *program {
	return &program{
		Identity: Identity{to.App, to.Machine, now.Region, now.Instance, now.PrivateIP, now.Config},
		runner:   r, started: now.Started, from: now.From, born: now.Started, raw: rawPorts(now.Config),
		conns: make(map[*heldConn]struct{}),
	}
}

// rawPorts returns the internal ports whose services all lack the http handler, and that have no
// HTTP check.
func rawPorts(config spec.Config) map[int]bool {
	services, err := config.Services()
	if err != nil {
		return nil
	}
	raw := make(map[int]bool)
	httpPorts := make(map[int]bool) // ports that speak HTTP
	web := func(c spec.Check, port int) {
		if c.Port != 0 {
			port = c.Port
		}
		if c.Type == "http" {
			httpPorts[port] = true
		}
	}
	for _, s := range services {
		raw[s.InternalPort] = len(s.Ports) > 0
		for _, p := range s.Ports {
			if slices.Contains(p.Handlers, "http") {
				httpPorts[s.InternalPort] = true
			}
		}
		for _, c := range s.Checks {
			web(c, s.InternalPort)
		}
	}
	checks, err := config.Checks()
	if err == nil {
		for _, c := range checks {
			web(c, 0)
		}
	}
	for port := range httpPorts {
		delete(raw, port)
	}
	return raw
}

// heldConn is a connection that is closed when the program ends.
type heldConn struct {
	*memoryConn
	program *program
}

// Close implements [net.Conn].
func (h *heldConn) Close() error {
	h.program.mu.Lock()
	delete(h.program.conns, h)
	h.program.mu.Unlock()
	return h.memoryConn.Close()
}

// hold registers a connection. ok is false if the program has ended.
func (p *program) hold(c *memoryConn) (h *heldConn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return nil, false
	}
	h = &heldConn{c, p}
	p.conns[h] = struct{}{}
	return h, true
}

// busy reports whether there are open connections.
func (p *program) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) > 0
}

// end closes all connections and refuses new ones.
func (p *program) end() {
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	for h := range conns {
		_ = h.memoryConn.Close() // closing a pipe cannot fail
	}
}

// drop closes all connections.
func (p *program) drop() {
	p.mu.Lock()
	conns := p.conns
	if conns != nil {
		p.conns = make(map[*heldConn]struct{})
	}
	p.mu.Unlock()
	for h := range conns {
		_ = h.memoryConn.Close()
	}
}

// exit reports to the platform that the program ended with a code.
func (p *program) exit(code int) {
	_ = p.runner.platform.Exit(p.App, p.Machine, p.Instance, code) // fails only if the Machine is gone or was replaced
}

// programKey is the context key for the program of a connection.
type programKey struct{}

func withProgram(ctx context.Context, c net.Conn) context.Context {
	if h, ok := c.(*heldConn); ok {
		return context.WithValue(ctx, programKey{}, h.program)
	}
	return ctx
}

// echo writes a greeting and sends back what it receives.
func (p *program) echo(c *heldConn) {
	defer c.Close()
	greeting := "emulated program of Machine " + p.Machine + " in " + p.Region + ", " + p.awake() +
		"; what you send comes back\r\n"
	if _, err := io.WriteString(c, greeting); err != nil {
		return
	}
	_, _ = io.Copy(c, c) // ends when either side closes
}

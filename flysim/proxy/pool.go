package proxy

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// poolIdle is how long an idle connection to a Machine is kept for the next request (Fly docs,
// "Load balancing": about four seconds).
const poolIdle = 4 * time.Second

// pools are the reusable connections to Machines.
type pools struct {
	mu      sync.Mutex
	entries map[string]*pool // by Machine
}

// pool is the connections to one run of one Machine.
type pool struct {
	app        string
	run        run
	transports map[lane]*http.Transport
	guests     map[*callerConn]struct{} // client connections that have a place on the Machine
	checked    *routingTable            // the table in which sweep last found the run
}

// run identifies a version of a Machine from a start to the next stop.
type run struct {
	instance string
	since    time.Time
}

// lane is how the proxy talks to a Machine.
type lane struct{ h2, direct bool }

func runOf(b *flysim.Backend) run { return run{b.InstanceID, b.Since} }

// pool returns the Machine's current pool, a new one if the Machine was stopped since. The caller
// holds mu, and closes old, if not nil, after releasing it.
func (p *pools) pool(app string, b *flysim.Backend) (current, old *pool) {
	current = p.entries[b.ID]
	if current != nil && current.run == runOf(b) {
		return current, nil
	}
	if p.entries == nil {
		p.entries = make(map[string]*pool)
	}
	fresh := &pool{app: app, run: runOf(b), transports: make(map[lane]*http.Transport),
		guests: make(map[*callerConn]struct{})}
	p.entries[b.ID] = fresh
	return fresh, current
}

// transport returns the transport that sends requests to the Machine.
func (p *pools) transport(programs Programs, app string, b *flysim.Backend, way lane) *http.Transport {
	p.mu.Lock()
	current, old := p.pool(app, b)
	t := current.transports[way]
	if t == nil {
		t = newTransport(programs, app, b, way)
		current.transports[way] = t
	}
	p.mu.Unlock()
	old.close(b.ID)
	return t
}

func newTransport(programs Programs, app string, b *flysim.Backend, way lane) *http.Transport {
	t := &http.Transport{
		DisableCompression:  true,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     poolIdle,
		Protocols:           new(http.Protocols),
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			_, digits, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			port, err := strconv.Atoi(digits)
			if err != nil {
				return nil, err
			}
			return programs.Dial(ctx, Target{App: app, Machine: b.ID, Instance: b.InstanceID, Port: port, Direct: way.direct})
		},
	}
	if way.h2 {
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP1(true)
	}
	return t
}

// guest records that a connection has a place on the Machine until the Machine stops.
func (p *pools) guest(m *member, c *callerConn) {
	p.mu.Lock()
	current, old := p.pool(m.app, &m.Backend)
	current.guests[c] = struct{}{}
	p.mu.Unlock()
	old.close(m.ID)
}

// forget removes a connection from the guests of a Machine.
func (p *pools) forget(machine string, c *callerConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current := p.entries[machine]; current != nil {
		delete(current.guests, c)
	}
}

// close closes idle connections and frees the places. On a nil pool it does nothing.
func (p *pool) close(machine string) {
	if p == nil {
		return
	}
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
	for c := range p.guests {
		c.vacate(machine)
	}
}

// sweep drops the pools of Machines that were stopped or changed.
func (p *Proxy) sweep() {
	p.pools.mu.Lock()
	tables := make(map[string]*routingTable)
	for _, current := range p.pools.entries {
		tables[current.app] = nil
	}
	p.pools.mu.Unlock()
	for app := range tables {
		t, err := p.table(app)
		if err != nil {
			t = new(routingTable) // the app was deleted, and nothing of it runs
		}
		tables[app] = t
	}
	old := make(map[string]*pool)
	p.pools.mu.Lock()
	for id, current := range p.pools.entries {
		switch t := tables[current.app]; {
		case t == nil || t == current.checked: // a new pool, or nothing has changed
		case t.isRunning(id, current.run):
			current.checked = t
		default:
			old[id] = current
			delete(p.pools.entries, id)
		}
	}
	p.pools.mu.Unlock()
	for id, current := range old {
		current.close(id)
	}
}

// isRunning reports whether a run of a Machine continues.
func (t *routingTable) isRunning(id string, of run) bool {
	return slices.ContainsFunc(t.site.Machines, func(b flysim.Backend) bool {
		return b.ID == id && b.State == "started" && runOf(&b) == of
	})
}

// drain closes all idle connections.
func (p *pools) drain() {
	p.mu.Lock()
	old := p.entries
	p.entries = nil
	p.mu.Unlock()
	for id, current := range old {
		current.close(id)
	}
}

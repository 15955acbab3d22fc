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

// poolIdle is how long a connection to a Machine is kept for the next request
// (Fly docs, "Load balancing": about four seconds).
const poolIdle = 4 * time.Second

// pools are the connections to Machines that can be used again.
type pools struct {
	mu      sync.Mutex
	entries map[string]*pool // by Machine
}

// pool are those of one Machine in one run of one version.
type pool struct {
	app        string
	run        run
	transports map[lane]*http.Transport
	guests     map[*callerConn]struct{} // connections that have a place on it
	checked    *routingTable            // by which sweep found that the run goes on
}

// run is a version of a Machine from one start to the next stop.
type run struct {
	instance string
	since    time.Time
}

// lane is a way to talk to a Machine.
type lane struct{ h2, direct bool }

func runOf(b *flysim.Backend) run { return run{b.InstanceID, b.Since} }

// pool is the Machine's, a new one if the Machine was stopped since. The caller
// holds mu, and closes the old one after it let go.
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

// transport is what sends requests to the Machine.
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

// guest notes that a connection has a place on the Machine until that stops.
func (p *pools) guest(m *member, c *callerConn) {
	p.mu.Lock()
	current, old := p.pool(m.app, &m.Backend)
	current.guests[c] = struct{}{}
	p.mu.Unlock()
	old.close(m.ID)
}

// forget ends the stay of a connection on a Machine.
func (p *pools) forget(machine string, c *callerConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current := p.entries[machine]; current != nil {
		delete(current.guests, c)
	}
}

// close lets go of what is idle, and frees the places. A nil pool has none.
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
			t = new(routingTable) // it is gone, and so is all that ran
		}
		tables[app] = t
	}
	old := make(map[string]*pool)
	p.pools.mu.Lock()
	for id, current := range p.pools.entries {
		switch t := tables[current.app]; {
		case t == nil || t == current.checked: // one that is new, or nothing is
		case t.runs(id, current.run):
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

// runs reports whether a run of a Machine goes on.
func (t *routingTable) runs(id string, of run) bool {
	return slices.ContainsFunc(t.site.Machines, func(b flysim.Backend) bool {
		return b.ID == id && b.State == "started" && runOf(&b) == of
	})
}

// drain closes what is idle.
func (p *pools) drain() {
	p.mu.Lock()
	old := p.entries
	p.entries = nil
	p.mu.Unlock()
	for id, current := range old {
		current.close(id)
	}
}

package proxy

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// routingTable is how an app is routed at a moment.
type routingTable struct {
	site     flysim.Site
	revision atomic.Uint64 // of the platform, up to which the site is known to hold
	atlas    atlas

	mu     sync.Mutex
	routes map[int]*portRoute // those asked for; nil for a port that nothing serves
}

// portRoute is an external port: what is done to its connections, and the Machines
// behind it.
type portRoute struct {
	port       int
	tls, http  bool
	proxyProto string // v1, v2 or empty
	options    spec.Port
	members    []member
}

// member is a Machine behind a port.
type member struct {
	flysim.Backend
	app          string
	internalPort int
	autostart    bool
	connections  bool // load is counted by connections, not by requests
	soft, hard   int  // hard 0: none
	h2           bool // it speaks HTTP/2 without TLS
	distance     float64
}

// table is the app's present one, from memory while nothing changed. The error
// is [flysim.ErrGone].
func (p *Proxy) table(app string) (*routingTable, error) {
	p.mu.RLock()
	t := p.tables[app]
	p.mu.RUnlock()
	if t != nil && t.isCurrent(p.platform.Revision(), p.clock.Now()) {
		return t, nil
	}
	site, same, err := p.renew(app, t)
	if same {
		t.revision.Store(site.Revision)
		return t, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		delete(p.tables, app)
		return nil, err
	}
	t = &routingTable{site: site, atlas: p.atlas, routes: make(map[int]*portRoute)}
	t.revision.Store(site.Revision)
	if len(p.tables) >= maxTables {
		clear(p.tables)
	}
	p.tables[app] = t
	return t, nil
}

// maxTables bounds what is remembered of apps, which may be gone.
const maxTables = 4096

// renew is the app's present site, the same one if only others changed.
func (p *Proxy) renew(app string, t *routingTable) (site flysim.Site, same bool, err error) {
	if t != nil {
		return p.platform.Renew(t.site)
	}
	site, err = p.platform.Site(app)
	return site, false, err
}

func (t *routingTable) isCurrent(revision uint64, now time.Time) bool {
	return t.revision.Load() == revision && (t.site.Until.IsZero() || now.Before(t.site.Until))
}

// maxRoutes bounds what a table remembers of ports that were asked for.
const maxRoutes = 1024

// route is an external TCP port, nil if no service has it.
func (t *routingTable) route(port int) *portRoute {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.routes[port]
	if !ok {
		if len(t.routes) == maxRoutes {
			clear(t.routes)
		}
		r = t.build(port)
		t.routes[port] = r
	}
	return r
}

func (t *routingTable) build(port int) *portRoute {
	r := &portRoute{port: port}
	for _, b := range t.site.Machines {
		services, err := b.Config.Services()
		if err != nil {
			continue // the platform took it; the proxy cannot read it
		}
		for _, s := range services {
			i := slices.IndexFunc(s.Ports, func(p spec.Port) bool { return p.Covers(port) })
			if s.Protocol == "udp" || i < 0 {
				continue
			}
			if len(r.members) == 0 || r.members[0].State != "started" && b.State == "started" {
				r.handle(s.Ports[i])
			}
			m := newMember(t.site.App, b, s, s.Ports[i])
			m.distance = t.atlas.distance(b.Region)
			r.members = append(r.members, m)
			break // of two services with the port the first one has it
		}
	}
	if len(r.members) == 0 {
		return nil
	}
	return r
}

// handle takes over what an entry says about connections. Where Machines
// differ, a started one decides.
func (r *portRoute) handle(p spec.Port) {
	r.options = p
	r.tls, r.http = slices.Contains(p.Handlers, "tls"), slices.Contains(p.Handlers, "http")
	r.proxyProto = ""
	if slices.Contains(p.Handlers, "proxy_proto") {
		r.proxyProto = "v1"
		if p.ProxyProto.Version == "v2" {
			r.proxyProto = "v2"
		}
	}
}

func newMember(app string, b flysim.Backend, s spec.Service, p spec.Port) member {
	limits := s.Limits()
	return member{
		Backend: b, app: app, internalPort: s.InternalPort, autostart: s.Autostart == nil || *s.Autostart,
		connections: limits.Type == "connections", soft: limits.Soft, hard: limits.Hard,
		h2: p.HTTP.H2Backend,
	}
}

// isHealthy reports whether the proxy sends traffic to the Machine.
func (m *member) isHealthy() bool { return m.isReachable() && m.Serving == "passing" && !m.Booting }

// isReachable is healthy, whatever the checks say.
func (m *member) isReachable() bool {
	return m.State == "started" && !m.Cordoned && m.HostStatus == "ok"
}

// isStarting reports whether the Machine is about to serve.
func (m *member) isStarting() bool {
	switch m.State {
	case "creating", "starting", "replacing", "updating":
		return !m.Cordoned
	}
	return m.isReachable() && (m.Serving == "warning" || m.Booting)
}

// isChanging reports whether the Machine is about to be in another state.
func (m *member) isChanging() bool {
	switch m.State {
	case "restarting", "stopping", "suspending":
		return !m.Cordoned
	}
	return m.isStarting()
}

// canStart reports whether a request may start the Machine.
func (m *member) canStart() bool {
	return m.autostart && !m.Cordoned && (m.State == "stopped" || m.State == "suspended" || m.State == "created")
}

// hosts remembers whose custom hostnames are whose.
type hosts struct {
	revision uint64
	apps     map[string]string // empty: nobody's
}

// maxHosts bounds what is remembered of names that were asked for.
const maxHosts = 4096

// appOf is the app of a custom hostname, empty if there is none.
func (p *Proxy) appOf(host string) string {
	revision := p.platform.Revision()
	p.mu.RLock()
	app, ok := p.hosts.apps[host]
	ok = ok && p.hosts.revision == revision
	p.mu.RUnlock()
	if ok {
		return app
	}
	app = p.platform.AppOf(host)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts.revision != revision || len(p.hosts.apps) >= maxHosts {
		p.hosts = hosts{revision: revision, apps: make(map[string]string)}
	}
	p.hosts.apps[host] = app
	return app
}

package proxy

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// routingTable is how an app is routed at one moment.
type routingTable struct {
	site     flysim.Site
	revision atomic.Uint64 // the latest platform revision for which the site is current
	atlas    atlas

	mu     sync.Mutex
	routes map[int]*portRoute // of the requested ports; nil for a port without a service
}

// portRoute is an external port: how its connections are handled, and the Machines behind it.
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
	connections  bool // load counts connections, not requests
	soft, hard   int  // hard 0: no limit
	h2           bool // whether it speaks HTTP/2 without TLS
	distance     float64
}

// table returns the app's current table, cached while nothing changed. If there is no such app, the
// error is [flysim.ErrGone].
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

// maxTables is how many tables are cached. Some may be of deleted apps.
const maxTables = 4096

// renew returns the app's current site, which is the same if only other apps changed.
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

// maxRoutes is how many routes a table caches.
const maxRoutes = 1024

// route returns the route of an external TCP port, or nil if no service has the port.
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
			continue // the platform accepted it, but the proxy cannot read it
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
			break // if two services have the port, the first one gets it
		}
	}
	if len(r.members) == 0 {
		return nil
	}
	return r
}

// handle sets how connections are handled, from a service's entry for the port. If Machines differ,
// a started one decides.
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

// isReachable is isHealthy without regard to checks.
func (m *member) isReachable() bool {
	return m.State == "started" && !m.Cordoned && m.HostStatus == "ok"
}

// isStarting reports whether the Machine will serve soon.
func (m *member) isStarting() bool {
	switch m.State {
	case "creating", "starting", "replacing", "updating":
		return !m.Cordoned
	}
	return m.isReachable() && (m.Serving == "warning" || m.Booting)
}

// isChanging reports whether the Machine will soon be in another state.
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

// hosts caches which app each custom hostname belongs to.
type hosts struct {
	revision uint64
	apps     map[string]string // empty: no app's
}

// maxHosts is how many names are cached.
const maxHosts = 4096

// appOf returns the app of a custom hostname, or "" if there is none.
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

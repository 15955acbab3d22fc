package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// door is one of the two listeners, with the place that its callers call from.
type door struct {
	proxy  *Proxy
	inside bool
	port   int // on which it listens
	queue  *queue
	ctx    context.Context // until the listener closes
}

// clientKey is the context key of the client's connection.
type clientKey struct{}

// withClient implements [http.Server.ConnContext].
func withClient(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, clientKey{}, conn)
}

// ServeHTTP implements [http.Handler].
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(clientKey{}).(*callerConn)
	v := d.proxy.visit(c, r.Method, r.URL.Path)
	defer v.finish()
	if r.Method == http.MethodConnect {
		d.connect(w, r, v)
		return
	}
	if r.URL.Scheme != "" && r.URL.Scheme != "http" && !c.secure {
		v.fail(w, fail(codeHost, http.StatusBadRequest, "for a URL that begins with %.20q, use CONNECT", r.URL.Scheme))
		return
	}
	n, port, t, err := d.destination(c, r)
	v.setDestination(n)
	switch {
	case err != nil:
		v.fail(w, err)
	case n.kind == kindInternal:
		d.direct(w, r, v, n, port, t)
	default:
		d.proxied(w, r, v, n, port, t)
	}
}

// destination returns where a request goes: where its connection leads, or else what its Host
// header names. The listener's own port means the default port of the scheme.
func (d *door) destination(c *callerConn, r *http.Request) (n hostName, port int, t *routingTable, err error) {
	if c.tunnel != nil {
		n = c.tunnel.name
		t, err = d.resolve(&n)
		return n, c.tunnel.port, t, err
	}
	n, port, t, err = d.look(r.Host)
	if port == 0 || port == d.port {
		port = c.port
	}
	return n, port, t, err
}

// proxied sends a request through Fly Proxy.
func (d *door) proxied(w http.ResponseWriter, r *http.Request, v *visit, n hostName, port int, t *routingTable) {
	c, route := v.client, t.route(port)
	switch {
	case route == nil:
		v.fail(w, failNoService(n.app, port))
		return
	case route.tls != c.secure:
		w.Header().Set("Connection", "close") // the connection has the wrong protocol
		v.fail(w, failHandshake(n.app, port, route.tls))
		return
	case route.options.ForceHTTPS && route.http && !c.secure:
		d.redirect(w, r, v, n)
		return
	}
	at := d.proxy.clock.Now()
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	e := &exchange{visit: v, search: v.newSearch(n.app, port), route: route, bare: !route.http}
	if route.http {
		e.search.wish = parseWish(r.Header)
	}
	e.inbound = requestInfo{
		client: client, address: addressOf(t.site, n.kind), port: port, secure: c.secure,
		region: d.proxy.options.Region, id: requestID(at, d.proxy.options.Region), at: at,
	}
	e.serve(w, r)
}

func failHandshake(app string, port int, wanted bool) *Failure {
	if wanted {
		return fail("PT04", http.StatusBadRequest, "tls handshake failed: port %d of app %s speaks TLS only", port, app)
	}
	return fail("PT04", http.StatusBadRequest, "tls handshake failed: port %d of app %s does not speak TLS", port, app)
}

// redirect answers as force_https demands. A client that used the listener's own port is redirected
// to that port, which also serves TLS.
func (d *door) redirect(w http.ResponseWriter, r *http.Request, v *visit, n hostName) {
	host := n.host
	if _, port, err := parseAuthority(r.Host); err == nil && port == d.port && v.client.tunnel == nil {
		host += ":" + strconv.Itoa(port)
	}
	h := w.Header()
	h.Set("Location", "https://"+host+r.URL.RequestURI())
	setResponseHeaders(h, spec.HTTPOptions{}, requestID(v.record.At, d.proxy.options.Region), r.ProtoMajor)
	v.record.Status = http.StatusMovedPermanently
	w.WriteHeader(http.StatusMovedPermanently)
}

// direct sends a request to a Machine over the private network.
func (d *door) direct(w http.ResponseWriter, r *http.Request, v *visit, n hostName, port int, t *routingTable) {
	b, err := v.pick(n, t)
	if err != nil {
		v.fail(w, err)
		return
	}
	v.forward(w, r, directTransport{d.proxy, n.app, b, port}, func(http.Header) {}, func(*http.Response) {})
}

// pick returns a random Machine among those that a name under .internal resolves to.
func (v *visit) pick(n hostName, t *routingTable) (*flysim.Backend, error) {
	machines := t.machines(n)
	if len(machines) == 0 {
		return nil, failName(n.host,
			"has no started Machine; names under .internal do not go through Fly Proxy, and start none")
	}
	b := &machines[rand.IntN(len(machines))]
	v.record.Machine = b.ID
	return b, nil
}

// directTransport sends requests to one port of one Machine.
type directTransport struct {
	proxy *Proxy
	app   string
	to    *flysim.Backend
	port  int
}

// RoundTrip implements [http.RoundTripper].
func (s directTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	directTo(r, s.to, s.port)
	res, err := s.proxy.pools.transport(s.proxy.options.Programs, s.app, s.to, lane{direct: true}).RoundTrip(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = failDirect(s.to, s.port)
	}
	return res, err
}

func failDirect(b *flysim.Backend, port int) *Failure {
	return fail("REFUSED", http.StatusBadGateway,
		"connection refused: nothing listens on port %d of Machine %s in a way that the private network (IPv6) "+
			"reaches", port, b.ID)
}

package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// testPrograms are the programs of a test's Machines: HTTP servers that answer with their Machine,
// unless the test sets another handler.
type testPrograms struct {
	mu      sync.Mutex
	dialed  []Target
	refuse  map[string]int            // by Machine: how many more connections to refuse; -1: all
	raw     map[string]func(net.Conn) // by Machine
	handler http.Handler
	serving map[string]*queue
	done    chan struct{}
}

func (p *testPrograms) Dial(ctx context.Context, to Target) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialed = append(p.dialed, to)
	if n := p.refuse[to.Machine]; n != 0 {
		p.refuse[to.Machine] = max(n-1, -1)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	if raw := p.raw[to.Machine]; raw != nil {
		go raw(server)
		return client, nil
	}
	q := p.serving[to.Machine]
	if q == nil {
		q = &queue{conns: make(chan net.Conn), closed: p.done, addr: &net.TCPAddr{}}
		p.serving[to.Machine] = q
		s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter,
			r *http.Request) {
			w.Header().Set("X-Machine", to.Machine)
			p.handler.ServeHTTP(w, r)
		})}
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
		go func() { _ = s.Serve(q) }() // until the test ends
	}
	go q.push(server)
	return client, nil
}

func (p *testPrograms) targets() []Target {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialed
}

// proxyServer is a platform with a proxy. Its clock moves only when the proxy waits: what the proxy
// waits for comes at once.
type proxyServer struct {
	*testing.T
	platform  *flysim.Platform
	clock     *flysim.Clock
	traffic   *flysim.Traffic
	programs  *testPrograms
	proxy     *Proxy
	listening *Listening
	web       *http.Client // through the inside listener as a proxy
	internet  *http.Client // through the public one
}

func newProxyServer(t *testing.T, options Options) *proxyServer {
	t.Helper()
	b := &proxyServer{T: t, clock: flysim.NewClock(func() time.Time { return start }), traffic: new(flysim.Traffic)}
	b.platform = flysim.New(flysim.Options{Clock: b.clock, StartDelay: 2 * time.Second, CheckDelay: time.Second})
	b.programs = &testPrograms{
		refuse: make(map[string]int), raw: make(map[string]func(net.Conn)), serving: make(map[string]*queue),
		done:    make(chan struct{}),
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") }),
	}
	options.Platform, options.Programs, options.Traffic = b.platform, b.programs, b.traffic
	b.proxy = New(options)
	b.proxy.wait = func(ctx context.Context, until time.Time, wake <-chan struct{}) error {
		select {
		case <-wake:
		default:
			b.clock.Advance(until.Sub(b.clock.Now()))
		}
		return ctx.Err()
	}
	var err error
	if b.listening, err = b.proxy.Listen("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	b.web, b.internet = b.client(b.listening.Flycast), b.client(b.listening.Public)
	t.Cleanup(func() {
		if err := b.listening.Close(); err != nil {
			t.Error(err)
		}
		close(b.programs.done)
	})
	return b
}

func (b *proxyServer) client(through string) *http.Client {
	u, err := url.Parse(through)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	b.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func parseConfig(t testing.TB, services string) spec.Config {
	t.Helper()
	c, err := spec.Parse([]byte(`{"image": "registry.fly.io/x:1", "services": [` + services + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// web is a service with the ports of [http_service].
const web = `{"protocol": "tcp",
"internal_port": 8080, "autostart": true, "ports": [{"port": 80, "handlers": ["http"]},
{"port": 443, "handlers": ["http", "tls"]}],
	"concurrency": {"type": "requests", "soft_limit": 2, "hard_limit": 3}}`

// app creates an app with Flycast and public addresses and one started Machine in each region.
func (b *proxyServer) app(name, services string, regions ...string) (ids []string) {
	b.Helper()
	b.platform.AddApp(name, "personal", "")
	b.platform.AddAddress(name, "private_v6", "", "")
	b.platform.AddAddress(name, "v6", "", "")
	for _, region := range regions {
		ids = append(ids, b.platform.AddMachine(name, region, parseConfig(b, services)))
	}
	b.clock.Advance(time.Minute)
	return ids
}

// ask sends a request and reads the answer.
func (b *proxyServer) ask(c *http.Client, method, url string, header ...string) (*http.Response, string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res, string(body)
}

// visit returns the nth visit once it is over.
func (b *proxyServer) visit(n uint64) flysim.Visit {
	b.Helper()
	for {
		changed := b.traffic.Changed()
		if visits := b.traffic.Recent(n - 1); len(visits) > 0 {
			return visits[0]
		}
		select {
		case <-changed:
		case <-b.Context().Done():
			b.Fatal("no visit")
		}
	}
}

func (b *proxyServer) last() flysim.Visit { return b.visit(b.traffic.Count()) }

func (b *proxyServer) state(app, id string) string { return b.platform.Machine(app, id).State }

// TestNames requests every kind of name through both listeners.
func TestNames(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "fra")
	b.platform.AddCertificate("shop-api", "api.shop.example")
	b.platform.AddCertificate("shop-api", "*.wild.example")
	b.app("bare", web, "iad")
	for _, a := range b.platform.Addresses("bare") {
		b.platform.RemoveAddress("bare", a.IP)
	}
	b.platform.AddApp("tenant", "personal", "tenant-7")
	b.platform.AddAddress("tenant", "private_v6", "", "") // on the default network, not reachable from the app's own
	b.platform.AddMachine("tenant", "iad", parseConfig(t, web))
	tests := []struct {
		client       *http.Client
		url          string
		status       int
		code, within string
		machine      string
	}{
		{b.web, "http://shop-api.flycast/", 200, "", "hello", ids[0]},
		{b.web, "http://SHOP-api.flycast.:80/", 200, "", "hello", ids[0]},
		{b.web, "http://shop-api.fly.dev/", 200, "", "hello", ids[0]},
		{b.internet, "http://shop-api.fly.dev/", 200, "", "hello", ids[0]},
		{b.internet, "http://api.shop.example/", 200, "", "hello", ids[0]},
		{b.internet, "http://one.wild.example/", 200, "", "hello", ids[0]},
		{b.internet, "http://shop-api.flycast/", 502, "DNS", "private network only", ""},
		{b.internet, "http://shop-api.internal/", 502, "DNS", "private network only", ""},
		{b.web, "http://shop-api.flycast:8080/", 502, "PORT", "no service of app shop-api has the external port 8080", ""},
		{b.web, "http://a.shop-api.flycast/", 502, "DNS", "no such name", ""},
		{b.web, "http://nobody.flycast/", 502, "DNS", "there is no app nobody", ""},
		{b.web, "http://bare.flycast/", 502, "DNS", "no such name: bare.flycast has no Flycast address", ""},
		{b.internet, "http://bare.fly.dev/", 502, "DNS", "no such name: bare.fly.dev has no public address", ""},
		{b.web, "http://tenant.flycast/", 502, "DNS", "no Flycast address on the caller's network, tenant-7 of personal", ""},
		{b.web, "http://bare.internal:8080/", 200, "", "hello", b.platform.MachineIDs("bare")[0]},
		{b.web, "http://global.bare.internal:8080/", 200, "", "hello", b.platform.MachineIDs("bare")[0]},
		{b.web, "http://fra.shop-api.internal:8080/", 200, "", "hello", ids[1]},
		{b.web, "http://" + ids[1] + ".vm.shop-api.internal:8080/", 200, "", "hello", ids[1]},
		{b.web, "http://lhr.shop-api.internal:8080/", 502, "DNS", "has no started Machine", ""},
		{b.web, "http://worker.process.shop-api.internal:8080/", 502, "DNS", "has no started Machine", ""},
		{b.web, "http://one.two.three.shop-api.internal/", 502, "DNS", "no such name", ""},
		{b.web, "http://example.com/", 403, "HOST", "and this proxy serves only", ""},
		{b.internet, "http://shop.example/", 403, "HOST", "and this proxy serves only", ""},
		{b.web, "http://shop-api.flycast/", 200, "", "hello", ids[0]},
		{http.DefaultClient, b.listening.Flycast, 404, "HOST", "name an app in the Host header", ""},
	}
	for _, tt := range tests {
		before := b.traffic.Count()
		res, body := b.ask(tt.client, http.MethodGet, tt.url)
		if res.StatusCode != tt.status || res.Header.Get(errorHeader) != tt.code ||
			!strings.Contains(body, tt.within) || res.Header.Get("X-Machine") != tt.machine {
			t.Errorf("%s: %d %s %q from %q, want %d %s %q from %q", tt.url, res.StatusCode,
				res.Header.Get(errorHeader), body, res.Header.Get("X-Machine"), tt.status, tt.code, tt.within, tt.machine)
		}
		if tt.code == codeHost { // not a name of the platform: no visit
			continue
		}
		if v := b.visit(before + 1); v.Status != tt.status || v.Code != tt.code || v.Machine != tt.machine {
			t.Errorf("%s: the visit is %+v", tt.url, v)
		}
	}
	for _, v := range b.traffic.Recent(0) {
		if v.Code == codeHost || v.App == "nobody" {
			t.Errorf("the visit %+v", v)
		}
	}
	for _, target := range b.programs.targets() {
		if want := target.App == "bare" || target.Machine == ids[1]; target.Direct != want {
			t.Errorf("%+v: direct %t, want %t", target, target.Direct, want)
		}
	}
}

// TestCaller calls from another organization's network.
func TestCaller(t *testing.T) {
	b := newProxyServer(t, Options{Caller: Caller{Org: "partner"}})
	b.app("shop-api", web, "iad")
	if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.Header.Get(errorHeader) != "DNS" {
		t.Errorf("with an address for its own organization: %d %s", res.StatusCode, body)
	}
	b.platform.AddAddress("shop-api", "private_v6", "partner", "")
	if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.StatusCode != 200 {
		t.Errorf("with an address for the caller: %d %s", res.StatusCode, body)
	}
	if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.internal:8080/"); res.Header.Get(errorHeader) != "DNS" {
		t.Errorf("directly to another network: %d %s", res.StatusCode, body)
	}
}

// TestHostHeader names the app in the Host header, without a proxy's request line.
func TestHostHeader(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", strings.Replace(web, `"port": 80,`, `"port": 80, "force_https": true,`, 1), "iad")
	own := strings.TrimPrefix(b.listening.Public, "http://127.0.0.1")
	for host, location := range map[string]string{
		"shop-api.fly.dev":       "https://shop-api.fly.dev/a%2Fb?q=1;2",
		"shop-api.fly.dev" + own: "https://shop-api.fly.dev" + own + "/a%2Fb?q=1;2",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.listening.Public+"/a%2Fb?q=1;2", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		client := b.client(b.listening.Public)
		client.Transport.(*http.Transport).Proxy = nil
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 301 || res.Header.Get("Location") != location {
			t.Errorf("%s: %d to %s, want %s", host, res.StatusCode, res.Header.Get("Location"), location)
		}
	}
	if len(b.programs.targets()) != 0 {
		t.Error("a redirect went to a Machine")
	}
}

// TestClose closes the listener during a raw connection, a held request, a request that is being
// answered, and a connection on which the client has sent nothing.
func TestClose(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("orders-db", db, "iad")[0]
	ended := make(chan struct{}, 2)
	b.programs.raw[id] = func(conn net.Conn) {
		_, _ = io.Copy(io.Discard, conn)
		ended <- struct{}{}
	}
	b.app("shop-api", web, "iad")
	asked := make(chan struct{})
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		ended <- struct{}{}
	})
	held := make(chan struct{})
	b.proxy.wait = func(ctx context.Context, _ time.Time, _ <-chan struct{}) error {
		close(held)
		<-ctx.Done()
		return ctx.Err()
	}
	b.platform.StopMachine("sleeper", b.app("sleeper", web, "iad")[0])
	silent := b.dial(b.listening.Flycast)
	raw, _ := b.connect(b.listening.Flycast, "orders-db.flycast:5432")
	var wg sync.WaitGroup
	for _, app := range []string{"shop-api", "sleeper"} {
		wg.Go(func() {
			if res, err := b.web.Get("http://" + app + ".flycast/"); err == nil {
				res.Body.Close()
				t.Errorf("%s: %d", app, res.StatusCode)
			}
		})
	}
	<-asked
	<-held
	if err := b.listening.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	<-ended
	<-ended
	for _, conn := range []net.Conn{silent, raw} {
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes after the end", n)
		}
	}
	b.listening, _ = b.proxy.Listen("127.0.0.1:0", "")
}

func TestListenRefusesOtherAddresses(t *testing.T) {
	p := New(Options{Platform: flysim.New(flysim.Options{})})
	for _, address := range []string{"0.0.0.0:0", "localhost:0", "[::]:0", "192.0.2.1:80"} {
		if l, err := p.Listen("127.0.0.1:0", address); err == nil {
			t.Errorf("%s: listens at %s", address, l.Public)
		}
	}
	l, err := p.Listen("", "127.0.0.1:0")
	if err != nil || l.Flycast != "" || l.Public == "" {
		t.Fatalf("only one listener: %+v, %v", l, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

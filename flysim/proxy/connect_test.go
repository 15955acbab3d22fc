package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// db is a service that passes bytes on, and one that terminates TLS first.
const db = `{"protocol": "tcp",
"internal_port": 5432, "autostart": true, "ports": [{"port": 5432, "handlers": []},
{"start_port": 9000, "end_port": 9010, "handlers": ["proxy_proto"]},
	{"port": 9443, "handlers": ["proxy_proto"], "proxy_proto_options": {"version": "v2"}},
	{"port": 8883, "handlers": ["tls"], "tls_options": {"alpn": ["mqtt"]}}]}`

func (b *proxyServer) dial(base string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connect opens a connection to a name with CONNECT.
func (b *proxyServer) connect(base, to string) (net.Conn, *http.Response) {
	b.Helper()
	conn := b.dial(base)
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
	req, _ := http.NewRequest(http.MethodConnect, "http://"+to, nil)
	ahead := bufio.NewReader(conn)
	res, err := http.ReadResponse(ahead, req)
	if err != nil {
		b.Fatal(err)
	}
	return bufferedConn{conn, ahead}, res
}

// bufferedConn is a connection of which bytes were already read into a buffer.
type bufferedConn struct {
	net.Conn
	ahead *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.ahead.Read(p) }

// TestRaw sends bytes through CONNECT, wakes a Machine for them, and checks that the connection
// counts as load.
func TestRaw(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("orders-db", db, "iad")[0]
	b.platform.StopMachine("orders-db", id)
	echo := func(conn net.Conn) {
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "got "+line)
	}
	b.programs.raw[id] = echo
	tests := []struct{ to, want string }{
		{"orders-db.flycast:5432", "got ping\n"},
		{"orders-db.internal:5432", "got ping\n"},
		{"orders-db.fly.dev:5432", "got ping\n"},
		{"orders-db.flycast:9005", "got PROXY TCP4 127.0.0.1 127.0.0.1 "},
		{"orders-db.flycast:9443", "got \r\n"},
	}
	for i, tt := range tests {
		conn, res := b.connect(b.listening.Flycast, tt.to)
		if res.StatusCode != 200 {
			t.Fatalf("%s: %d %s", tt.to, res.StatusCode, res.Header.Get(errorHeader))
		}
		if want := map[bool]int{true: 1}[!strings.Contains(tt.to, "internal")]; b.traffic.Load(id) != want {
			t.Errorf("%s: load %d, want %d", tt.to, b.traffic.Load(id), want)
		}
		fmt.Fprintf(conn, "ping\n")
		if got, err := io.ReadAll(conn); !strings.HasPrefix(string(got), tt.want) {
			t.Errorf("%s: %q, %v, want %q", tt.to, got, err, tt.want)
		}
		conn.Close()
		if v := b.visit(uint64(i) + 1); v.Machine != id || v.Woke != (i == 0) || v.Method != "" || v.Code != "" {
			t.Errorf("%s: the visit is %+v", tt.to, v)
		}
	}
	if got := b.traffic.Load(id); got != 0 {
		t.Errorf("load %d after all connections ended", got)
	}
	for to, code := range map[string]string{"orders-db.flycast:5433": "PORT", "nobody.flycast:5432": "DNS"} {
		if _, res := b.connect(b.listening.Flycast, to); res.StatusCode != 502 || res.Header.Get(errorHeader) != code {
			t.Errorf("%s: %d %s, want %s", to, res.StatusCode, res.Header.Get(errorHeader), code)
		}
	}
	b.platform.SetMachineConfig("orders-db", id, parseConfig(t, strings.Replace(db, `"autostart": true`,
		`"autostart": false`, 1)))
	b.platform.StopMachine("orders-db", id)
	if _, res := b.connect(b.listening.Flycast, "orders-db.flycast:5432"); res.Header.Get(errorHeader) != "PR01" {
		t.Errorf("no Machine: %d %s", res.StatusCode, res.Header.Get(errorHeader))
	}
	b.platform.StartMachine("orders-db", id)
	b.clock.Advance(time.Minute)
	b.programs.refuse[id] = -1
	for to, code := range map[string]string{"orders-db.flycast:5432": "PC01", "orders-db.internal:5432": "REFUSED"} {
		if _, res := b.connect(b.listening.Flycast, to); res.StatusCode != 502 || res.Header.Get(errorHeader) != code {
			t.Errorf("%s: %d %s, want %s", to, res.StatusCode, res.Header.Get(errorHeader), code)
		}
	}
}

// TestSharedAddress checks that a shared address routes only by host name.
func TestSharedAddress(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("orders-db", db, "iad")[0]
	b.programs.raw[id] = func(conn net.Conn) { conn.Close() }
	b.platform.AddAddress("orders-db", "shared_v4", "", "")
	for _, a := range b.platform.Addresses("orders-db") {
		if a.Kind == "v6" {
			b.platform.RemoveAddress("orders-db", a.IP)
		}
	}
	if _, res := b.connect(b.listening.Public, "orders-db.fly.dev:5432"); res.Header.Get(errorHeader) != "PORT" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get(errorHeader))
	}
}

// TestTLS follows force_https to https, over CONNECT and directly.
func TestTLS(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("shop-api", strings.Replace(web, `"port": 80,`, `"port": 80, "force_https": true,`, 1), "iad")[0]
	b.platform.AddCertificate("shop-api", "api.shop.example")
	var proto string
	b.programs.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		proto = r.Header.Get(
			"X-Forwarded-Proto")
	})
	b.internet.CheckRedirect = nil
	res, _ := b.ask(b.internet, http.MethodGet, "http://shop-api.fly.dev/")
	if res.StatusCode != 200 || res.Request.URL.Scheme != "https" || proto != "https" || res.TLS == nil ||
		res.TLS.PeerCertificates[0].VerifyHostname("shop-api.fly.dev") != nil {
		t.Errorf("%d from %s, the app saw %s", res.StatusCode, res.Request.URL, proto)
	}
	if v := b.last(); v.Machine != id || v.Method != http.MethodGet {
		t.Errorf("the visit is %+v", v)
	}
	for _, tt := range []struct {
		base, name string
		ok         bool
		code       string
	}{
		{b.listening.Public, "shop-api.fly.dev", true, ""},
		{b.listening.Public, "api.shop.example", true, ""},
		{b.listening.Flycast, "api.shop.example", true, ""},
		{b.listening.Public, "nobody.fly.dev", false, "DNS"},
		{b.listening.Public, "", false, "PT06"},
		{b.listening.Flycast, "shop-api.flycast", false, "PT05"},
	} {
		before := b.traffic.Count()
		conn := tls.Client(b.dial(tt.base), &tls.Config{ServerName: tt.name, InsecureSkipVerify: true,
			NextProtos: []string{"h2"}})
		err := conn.HandshakeContext(t.Context())
		if (err == nil) != tt.ok || tt.ok && conn.ConnectionState().NegotiatedProtocol != "h2" {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.ok {
			if v := b.visit(before + 1); v.Code != tt.code || v.Method != "" {
				t.Errorf("%s: the visit is %+v", tt.name, v)
			}
		}
	}
}

// TestFlycastHasNoCertificate shows the trap of force_https: the redirect leads to a port that
// resets the connection.
func TestFlycastHasNoCertificate(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", strings.Replace(web, `"port": 80,`, `"port": 80, "force_https": true,`, 1), "iad")
	res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
	if res.StatusCode != 301 || res.Header.Get("Location") != "https://shop-api.flycast/" {
		t.Fatalf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	before := b.traffic.Count()
	if _, err := b.web.Get("https://shop-api.flycast/"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a reset", err)
	}
	if v := b.visit(before + 1); v.Code != "PT05" || v.App != "shop-api" || v.Path != "tcp/443" {
		t.Errorf("the visit is %+v", v)
	}
	b.app("own", strings.Replace(web, `"port": 443,`,
		`"port": 443, "tls_options": {"default_self_signed": true},`, 1), "iad")
	if res, body := b.ask(b.web, http.MethodGet, "https://own.flycast/"); res.StatusCode != 200 {
		t.Errorf("with its own certificate: %d %s", res.StatusCode, body)
	}
}

// TestTLSRaw terminates TLS for a program that does not speak HTTP.
func TestTLSRaw(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("broker", db, "iad")[0]
	b.programs.raw[id] = func(conn net.Conn) {
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "got "+line)
	}
	plain, res := b.connect(b.listening.Public, "broker.fly.dev:8883")
	if res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	conn := tls.Client(plain, &tls.Config{ServerName: "broker.fly.dev", InsecureSkipVerify: true,
		NextProtos: []string{"mqtt"}})
	fmt.Fprintf(conn, "ping\n")
	if got, err := io.ReadAll(conn); string(got) != "got ping\n" || conn.ConnectionState().NegotiatedProtocol != "mqtt" {
		t.Errorf("%q, %v", got, err)
	}
	plain, _ = b.connect(b.listening.Public, "broker.fly.dev:8883")
	fmt.Fprintf(plain, "GET / HTTP/1.1\r\nHost: broker.fly.dev\r\n\r\n")
	if got, _ := io.ReadAll(plain); !bytes.Contains(got, []byte("[PT04]")) {
		t.Errorf("without TLS: %q", got)
	}
}

// TestConnectHTTP sends HTTP through CONNECT, as browsers do for WebSockets through a proxy.
func TestConnectHTTP(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("shop-api", web, "iad")[0]
	conn, res := b.connect(b.listening.Flycast, "shop-api.flycast:80")
	if res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	answers := bufio.NewReader(conn)
	for range 2 {
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: whatever.example\r\n\r\n")
		res, err := http.ReadResponse(answers, nil)
		if err != nil || res.StatusCode != 200 || res.Header.Get("X-Machine") != id {
			t.Fatal(res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	if got := b.traffic.Count(); got != 1 { // the second visit may end only now
		b.visit(2)
	}
}

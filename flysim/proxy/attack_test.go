package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestSpoof sends headers that only Fly Proxy may set, in the ways in which a client might get them
// past it.
func TestSpoof(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %q %q %q", r.Header["Fly-Client-Ip"], r.Header["Fly-Region"],
			r.Header["X-Forwarded-Proto"], r.Header["Fly-Replay-Src"], r.Header["Upgrade"])
	})
	for name, lines := range map[string]string{
		"plain": "Fly-Client-IP: 192.0.2.1\r\nFly-Region: lhr\r\nX-Forwarded-Proto: " +
			"https\r\nFly-Replay-Src: instance=x\r\n",
		"twice":       "fly-client-ip: 192.0.2.1\r\nFLY-CLIENT-IP: 192.0.2.2\r\n",
		"hop by hop":  "Fly-Client-IP: 192.0.2.1\r\nConnection: Fly-Client-IP, Fly-Region, X-Forwarded-Proto\r\n",
		"h2c upgrade": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
	} {
		conn := b.dial(b.listening.Flycast)
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: shop-api.flycast\r\n%s\r\n", lines)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(name, err)
		}
		body, _ := io.ReadAll(res.Body)
		if want := `["127.0.0.1"] ["iad"] ["http"] [] []`; string(body) != want {
			t.Errorf("%s: %s, want %s", name, body, want)
		}
	}
}

// TestNoOpenProxy requests hosts that are not on the platform.
func TestNoOpenProxy(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	for _, to := range []string{
		"127.0.0.1:22", "[::1]:22", "[fe80::1%25lo]:80", "2130706433:80", "0x7f.1:80", "127.1:80", "localhost:80",
		"LOCALHOST.:80", "example.com:443",
		"shop-api.flycast:0", "shop-api.flycast:65536", "shop-api.flycast:+80", "shop-api.flycast:80:80",
		"user@shop-api.flycast:80", "xn--shp-api-o0a.flycast:80",
		"shop-api.flycast.:5432", "shop-api.flycast..:80", "SHOP-API.flycast.example:80", "*.flycast:80",
		"metadata.google.internal:80",
	} {
		for _, base := range []string{b.listening.Flycast, b.listening.Public} {
			for _, ask := range []string{"CONNECT " + to + " HTTP/1.1\r\nHost: " + to, "GET http://" + to +
				"/ HTTP/1.1\r\nHost: " + to, "GET / HTTP/1.1\r\nHost: " + to} {
				if strings.HasPrefix(ask, "GET") && strings.HasPrefix(to, "user@shop-api.flycast") {
					continue // in a URL this is the user, which is not sent
				}
				conn := b.dial(base)
				fmt.Fprintf(conn, "%s\r\nConnection: close\r\n\r\n", ask)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("%s: %v", ask, err)
				}
				if res.StatusCode < 400 {
					t.Errorf("%.60q: %s", ask, res.Status)
				}
			}
		}
	}
	if got := b.programs.targets(); len(got) != 0 {
		t.Errorf("programs were dialed: %v", got)
	}
}

// TestSilentTunnel checks that nothing remains of a CONNECT connection on which the client sent
// nothing.
func TestSilentTunnel(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	conn, res := b.connect(b.listening.Flycast, "shop-api.flycast:80")
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	if err := b.listening.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	for { // the handler returns once it notices the end
		stacks := make([]byte, 1<<20)
		if !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*door).arrive(") {
			return
		}
		runtime.Gosched()
	}
}

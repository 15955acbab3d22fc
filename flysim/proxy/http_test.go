package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHeaders compares the headers that the app and the client get with Fly's.
func TestHeaders(t *testing.T) {
	b := newProxyServer(t, Options{Region: "lhr"})
	ids := b.app("shop-api", strings.Replace(web, `"port": 80,`,
		`"port": 80, "http_options": {"response": {"headers": {"X-Added": "yes", "X-Many": ["a", "b"], "X-Hidden": false}}},`,
		1), "iad")
	var seen *http.Request
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("Server", "app")
		w.Header().Set("X-Hidden", "secret")
	})
	res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/path?q=1",
		"X-Forwarded-For", "198.51.100.7", "Fly-Client-Ip", "198.51.100.7", "Fly-Region", "xxx", "Fly-Replay-Src",
		"instance=x", "Connection", "Fly-Forwarded-Port", "X-Forwarded-Proto", "https")
	address := b.platform.Addresses("shop-api")[0].IP
	want := map[string]string{
		"X-Forwarded-For": "198.51.100.7, 127.0.0.1, " + address, "X-Forwarded-Proto": "http",
		"X-Forwarded-Port": "80", "X-Forwarded-Ssl": "off",
		"Fly-Client-Ip": "127.0.0.1", "Fly-Forwarded-Port": "80", "Fly-Region": "lhr",
		"Fly-Request-Id": res.Header.Get("Fly-Request-Id"),
		"Via":            "1.1 fly.io", "X-Request-Start": fmt.Sprintf("t=%d", b.clock.Now().UnixMicro()),
		"Fly-Replay-Src": "",
	}
	for key, value := range want {
		if got := seen.Header.Get(key); got != value {
			t.Errorf("the app sees %s: %q, want %q", key, got, value)
		}
	}
	if seen.Host != "shop-api.flycast" || seen.RequestURI != "/path?q=1" {
		t.Errorf("the app sees %s at %s", seen.RequestURI, seen.Host)
	}
	if id := res.Header.Get("Fly-Request-Id"); len(id) != 30 || !strings.HasSuffix(id, "-lhr") {
		t.Errorf("request id %q", id)
	}
	if h := res.Header; h.Get("Server") != serverHeader || h.Get("Via") != "1.1 fly.io" ||
		h.Get("X-Added") != "yes" || strings.Join(h["X-Many"], ",") != "a,b" || h.Get("X-Hidden") != "" {
		t.Errorf("the answer has %v", h)
	}
	if _, err := b.web.Get("http://shop-api.internal:8080/"); err != nil {
		t.Fatal(err)
	}
	for key := range want {
		if got := seen.Header.Get(key); got != "" {
			t.Errorf("past Fly Proxy the app sees %s: %q", key, got)
		}
	}
	_ = ids
}

// TestRoutingHeaders chooses Machines through the request's headers.
func TestRoutingHeaders(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "fra", "lhr")
	b.platform.StopMachine("shop-api", ids[2])
	tests := []struct {
		key, value, machine, code string
	}{
		{"Fly-Prefer-Region", "fra", ids[1], ""},
		{"Fly-Prefer-Region", "syd, eu", ids[1], ""},
		{"Fly-Prefer-Region", "syd", ids[0], ""},
		{"Fly-Force-Region", "fra,iad", ids[1], ""},
		{"Fly-Force-Region", "syd", "", "PR03"},
		{"Fly-Prefer-Instance-Id", ids[1], ids[1], ""},
		{"Fly-Prefer-Instance-Id", "none", ids[0], ""},
		{"Fly-Force-Instance-Id", ids[1], ids[1], ""},
		{"Fly-Force-Instance-Id", "none", "", "PR03"},
		{"Fly-Force-Instance-Id", ids[2], ids[2], ""}, // a stopped Machine is started
	}
	var unavailable string
	b.programs.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		unavailable = r.Header.Get("Fly-Preferred-Instance-Unavailable")
	})
	for _, tt := range tests {
		unavailable = ""
		res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/", tt.key, tt.value)
		if res.Header.Get("X-Machine") != tt.machine || res.Header.Get(errorHeader) != tt.code {
			t.Errorf("%s: %s: got %s %s, want %s %s", tt.key, tt.value, res.Header.Get("X-Machine"),
				res.Header.Get(errorHeader), tt.machine, tt.code)
		}
		if want := map[bool]string{true: "none"}[tt.key == "Fly-Prefer-Instance-Id" &&
			tt.value == "none"]; unavailable != want {
			t.Errorf("%s: %s: unavailable is %q, want %q", tt.key, tt.value, unavailable, want)
		}
	}
}

// TestReplay sends requests on with fly-replay.
func TestReplay(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("router", web, "iad", "fra")
	target := b.app("hidden", web, "iad")[0]
	for _, a := range b.platform.Addresses("hidden") {
		b.platform.RemoveAddress("hidden", a.IP)
	}
	b.platform.StopMachine("hidden", target)
	b.platform.AddApp("foreign", "partner", "")
	b.platform.AddMachine("foreign", "iad", parseConfig(t, web))
	tests := []struct {
		replay, machine, code string
	}{
		{"region=fra", ids[1], ""},
		{`region="syd,any";state=x`, ids[0], "PA02"}, // it comes back to the first Machine, again and again
		{"instance=" + ids[1], ids[1], ""},
		{"elsewhere=true", ids[1], ""},
		{"app=hidden", target, ""},
		{"app=foreign", ids[0], "PA05"},
		{"app=nobody", ids[0], "PA04"},
		{"to=somewhere", ids[0], "PA03"},
		{"app", ids[0], "PA03"},
	}
	for _, tt := range tests {
		source := ""
		b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if w.Header().Get("X-Machine") == ids[0] {
				w.Header().Set("Fly-Replay", tt.replay)
				return
			}
			source = r.Header.Get("Fly-Replay-Src")
			_, _ = io.Copy(w, r.Body)
		})
		res, err := b.web.Post("http://router.flycast/", "text/plain", strings.NewReader("the body"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if code := res.Header.Get(errorHeader); code != tt.code || tt.code == "" && string(body) != "the body" {
			t.Errorf("%s: %d %s", tt.replay, res.StatusCode, body)
		}
		if want := "instance=" + ids[0] + ";region=iad;t="; tt.code == "" && !strings.HasPrefix(source, want) {
			t.Errorf("%s: source %q, want %s…", tt.replay, source, want)
		}
		if v := b.last(); v.Machine != tt.machine || v.Code != tt.code {
			t.Errorf("%s: the visit is %+v", tt.replay, v)
		}
	}
}

// TestHTTP2Backend sends requests to a program that speaks h2c.
func TestHTTP2Backend(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("grpc", strings.Replace(web, `"port": 80,`, `"port": 80, "http_options": {"h2_backend": true},`, 1), "iad")
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })
	if _, body := b.ask(b.web, http.MethodGet, "http://grpc.flycast/"); body != "HTTP/2.0" {
		t.Errorf("the app was asked with %s", body)
	}
}

// TestIdleTimeout ends requests on which nothing happens, before their answer and in the middle of
// it.
func TestIdleTimeout(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", strings.Replace(web, `"port": 80,`, `"port": 80, "http_options": {"idle_timeout": 7},`, 1), "iad")
	began := make(chan bool)
	wait := b.proxy.wait
	b.proxy.wait = func(ctx context.Context, until time.Time, wake <-chan struct{}) error {
		select {
		case <-began:
		case <-ctx.Done():
		}
		return wait(ctx, until, wake)
	}
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.WriteHeader(http.StatusAccepted)
			w.(http.Flusher).Flush()
		} else {
			began <- true
		}
		<-r.Context().Done()
	})
	res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/none")
	if res.StatusCode != 502 || !strings.Contains(body, "idle_timeout of 7s") || b.last().Took != 7*time.Second {
		t.Errorf("%d %s, %+v", res.StatusCode, body, b.last())
	}
	res, err := b.web.Get("http://shop-api.flycast/half")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	began <- true
	if _, err := io.ReadAll(res.Body); err == nil || res.StatusCode != http.StatusAccepted {
		t.Errorf("%d, %v: the answer is complete", res.StatusCode, err)
	}
	if v := b.visit(2); v.Code != "PU02" || v.Took != 7*time.Second {
		t.Errorf("the visit is %+v", v)
	}
}

// TestConnectionsCount checks that, if the service counts connections, the load lasts as long as
// the client's connection and ends with the Machine.
func TestConnectionsCount(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", strings.Replace(web, `"requests"`, `"connections"`, 1), "iad", "iad")
	res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
	first := res.Header.Get("X-Machine")
	for range 4 { // the connection is reused, and stays on its Machine
		if res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.Header.Get(
			"X-Machine") != first || b.traffic.Load(first) != 1 {
			t.Fatalf("%s answered, load %d", res.Header.Get("X-Machine"), b.traffic.Load(first))
		}
	}
	changed := func() { // the load is 0 once the proxy has noticed
		for b.traffic.Load(first) != 0 {
			runtime.Gosched()
		}
	}
	b.platform.StopMachine("shop-api", first)
	changed()
	res, _ = b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
	if second := res.Header.Get("X-Machine"); second == first || b.traffic.Load(second) != 1 {
		t.Errorf("%s answered, load %d", second, b.traffic.Load(second))
	} else {
		first = second
	}
	b.web.CloseIdleConnections()
	changed()
	_ = ids
}

// TestHostile sends malicious requests.
func TestHostile(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	tests := []struct{ request, want string }{
		{"GET / HTTP/1.1\r\nHost: user@shop-api.flycast\r\n\r\n", "HTTP/1.1 400"},
		{"GET / HTTP/1.1\r\nHost: shop-api.flycast:80:81\r\n\r\n", "HTTP/1.1 403"},
		{"GET / HTTP/1.1\r\nHost: shop-api.flycast:99999\r\n\r\n", "HTTP/1.1 403"},
		{"GET / HTTP/1.1\r\nHost: shop-api.flycast:+80\r\n\r\n", "HTTP/1.1 403"},
		{"GET / HTTP/1.1\r\nHost: shop-api.flycast\r\nHost: other.flycast\r\n\r\n", "HTTP/1.1 400"},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		{"GET ftp://shop-api.flycast/ HTTP/1.1\r\nHost: shop-api.flycast\r\n\r\n", "HTTP/1.1 400"},
		{"GET https://shop-api.flycast/ HTTP/1.1\r\nHost: shop-api.flycast\r\n\r\n", "HTTP/1.1 400"},
		{"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "HTTP/1.1 403"},
		{"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", "HTTP/1.1 404"},
		{"CONNECT [::1]:22 HTTP/1.1\r\nHost: [::1]:22\r\n\r\n", "HTTP/1.1 404"},
		{"CONNECT shop-api.flycast HTTP/1.1\r\nHost: shop-api.flycast\r\n\r\n", "HTTP/1.1 400"},
		{"GET / HTTP/1.1\r\nHost: shop-api.flycast\r\nX-Big: " + strings.Repeat("x", 200_000) + "\r\n\r\n", "HTTP/1.1 431"},
		{"POST / HTTP/1.1\r\nHost: shop-api.flycast\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 400"},
		{"POST / HTTP/1.1\r\nHost: shop-api.flycast\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "HTTP/1.1 501"},
	}
	for _, tt := range tests {
		conn := b.dial(b.listening.Flycast)
		if _, err := io.WriteString(conn, tt.request); err != nil && len(tt.request) < 1000 {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.HasPrefix(line, tt.want) {
			t.Errorf("%.80q: got %q, %v, want %s", tt.request, line, err, tt.want)
		}
		conn.Close()
	}
	if got := b.programs.targets(); len(got) != 0 {
		t.Errorf("connections to %+v", got)
	}
}

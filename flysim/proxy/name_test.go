package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestParseAuthority(t *testing.T) {
	tests := []struct {
		in   string
		host string
		port int
		ok   bool
	}{
		{"shop-api.flycast", "shop-api.flycast", 0, true},
		{"Shop-API.Flycast.:8080", "shop-api.flycast", 8080, true},
		{"worker_1.process.a.internal:1", "worker_1.process.a.internal", 1, true},
		{in: ""}, {in: ":80"}, {in: "a.flycast:"}, {in: "a.flycast:0"}, {in: "a.flycast:65536"},
		{in: "a.flycast:-1"}, {in: "a.flycast: 80"},
		{in: "a@b.flycast"}, {in: "a..flycast"}, {in: "a.flycast.."}, {in: "127.0.0.1"}, {in: "[::1]:80"},
		{in: "[fdaa:2::3]"}, {in: "a/b.flycast"}, {in: "a.flycast\x00"},
		{in: strings.Repeat("a", 64) + ".flycast"}, {in: strings.Repeat("a.", 130) + "flycast"},
	}
	for _, tt := range tests {
		host, port, err := parseAuthority(tt.in)
		if host != tt.host || port != tt.port || (err == nil) != tt.ok {
			t.Errorf("%q: %q %d %v", tt.in, host, port, err)
		}
	}
}

// FuzzAuthority routes any Host header. It leads to a Machine of the platform or to a failure, and
// to no other host.
func FuzzAuthority(f *testing.F) {
	for _, seed := range []string{
		"shop-api.flycast", "shop-api.flycast:443", "iad.shop-api.internal:8080", "x.vm.shop-api.internal",
		"web.process.shop-api.internal:1", "shop-api.fly.dev",
		"api.shop.example:80", "127.0.0.1:80", "[::1]:80", "user@shop-api.flycast", "a..b", ".internal",
		"internal", "flycast", "fly.dev", "*.fly.dev", "SHOP-API.FLYCAST.",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	b := newProxyServer(&testing.T{}, Options{}) // only its platform is used
	b.app("shop-api", web, "iad")
	b.platform.AddCertificate("shop-api", "api.shop.example")
	f.Cleanup(func() { _ = b.listening.Close() })
	f.Fuzz(func(t *testing.T, authority string, inside bool) {
		d := &door{proxy: b.proxy, inside: inside, port: 1}
		n, port, table, err := d.look(authority)
		if err != nil {
			if failure, ok := isFailure(err); !ok || failure.Code == "" || failure.Status < http.StatusBadRequest ||
				len(failure.Text) > 1000 {
				t.Fatalf("%q: %v", authority, err)
			}
			return
		}
		if n.app != "shop-api" || table.site.App != n.app || port < 0 || port > 65535 || n.kind != kindPublic && !inside {
			t.Fatalf("%q: %+v, port %d", authority, n, port)
		}
		if _, _, _, err := d.look(n.host); err != nil {
			t.Fatalf("%q becomes %q, which is no name: %v", authority, n.host, err)
		}
	})
}

func FuzzReplay(f *testing.F) {
	f.Add(`region="iad,any";app=x;state=y`)
	f.Add("instance=1;;elsewhere=true")
	f.Fuzz(func(t *testing.T, header string) {
		if r, ok := parseReplay(header); ok && r.app == "" && r.instance == "" && r.preferInstance == "" &&
			r.regions == nil && r.state == "" && !r.elsewhere && !strings.Contains(header, "timeout") &&
			!strings.Contains(header, "fallback") && !strings.Contains(header, "elsewhere") &&
			!strings.Contains(header, "state") {
			t.Errorf("%q was parsed as an empty replay", header)
		}
	})
}

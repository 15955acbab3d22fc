package page_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/page"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	shop  = "shop-api"
	shopA = "148e21ea7d9d89"
)

type shown struct {
	Title string
	Links map[string]string
	Now   time.Time
	Speed float64
	Apps  []struct {
		App              string
		Public, Flycast  bool
		Machines         int
		Started, Missing int
	}
	Set  []struct{ App string }
	Gone []string
	App  string
	Site *struct {
		App       string
		Addresses []struct{ IP, Kind string }
		Machines  []struct {
			ID, State   string
			Load, Limit int
		}
	}
	Count, Wakes int
	Visits       []struct {
		Number       uint64
		Path, Method string
		Held         int `json:"held_ms"`
		Woke         bool
	}
}

func newPage(t testing.TB) (*flysim.Platform, *flysim.Traffic, http.Handler) {
	t.Helper()
	clock := flysim.NewClock(func() time.Time { return start })
	p := flysim.New(flysim.Options{Clock: clock, StartDelay: 2 * time.Second})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	traffic := new(flysim.Traffic)
	return p, traffic, page.New(page.Options{Platform: p, Traffic: traffic, App: shop,
		Links: page.Links{API: "http://127.0.0.1:4280"}})
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:4281"+target, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestState(t *testing.T) {
	_, traffic, h := newPage(t)
	traffic.Add(flysim.Visit{At: start, App: shop, Machine: shopA, Method: "GET", Path: "/a?token=hunter2",
		Status: 200, Woke: true, Held: 1500 * time.Millisecond})
	traffic.Add(flysim.Visit{At: start, App: "inner-circle", Method: "GET", Path: "/other"})
	defer traffic.Begin(shopA)()
	answer := get(t, h, "/state")
	var got shown
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.App != shop || got.Site == nil || len(got.Site.Machines) != 2 || len(got.Apps) != 5 ||
		got.Speed != 1 || !got.Now.Equal(start) {
		t.Fatalf("got %+v", got)
	}
	if m := got.Site.Machines[0]; m.State != "started" || m.Load != 1 || m.Limit == 0 {
		t.Errorf("got %+v", m)
	}
	if len(got.Visits) != 1 || got.Visits[0].Path != "/a" || got.Visits[0].Held != 1500 || got.Count != 1 ||
		got.Wakes != 1 {
		t.Errorf("got %+v, count %d, wakes %d", got.Visits, got.Count, got.Wakes)
	}
	for _, secret := range []string{"hunter2", flysim.DefaultToken, "nonce", `"env"`, `"config"`} {
		if strings.Contains(answer.Body.String(), secret) {
			t.Errorf("the state holds %q", secret)
		}
	}
	if err := json.Unmarshal(get(t, h, "/state?app=none").Body.Bytes(), &got); err != nil || got.Site != nil ||
		got.App != "none" {
		t.Errorf("an app that does not exist: %v, %+v", err, got.Site)
	}
}

func TestGuard(t *testing.T) {
	_, _, h := newPage(t)
	tests := []struct {
		name, method, host, path string
		want                     int
	}{
		{"the page", "GET", "127.0.0.1:4281", "/", 200},
		{"localhost", "GET", "localhost:4281", "/", 200},
		{"IPv6", "GET", "[::1]:4281", "/state", 200},
		{"no port", "GET", "[::1]", "/state", 200},
		{"another name", "GET", "rebound.example:4281", "/state", 421},
		{"a name that begins like it", "GET", "127.0.0.1.example", "/events", 421},
		{"another address", "GET", "192.0.2.7:4281", "/", 421},
		{"no host", "GET", "", "/", 421},
		{"writing", "POST", "127.0.0.1:4281", "/state", 405},
		{"asking whether one may", "OPTIONS", "127.0.0.1:4281", "/state", 405},
		{"nothing there", "GET", "127.0.0.1:4281", "/favicon.ico", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Host = tt.host
			r.Header.Set("Origin", "http://rebound.example")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("header %s", name)
				}
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
		})
	}
}

// TestDocument checks that the page refers to nothing outside of itself, and that text is never
// parsed as markup.
func TestDocument(t *testing.T) {
	_, _, h := newPage(t)
	text := get(t, h, "/").Body.String()
	if strings.Count(text, "<script>") != 1 || strings.Count(text, "<style>") != 1 {
		t.Error("want one script and one style")
	}
	rest := strings.NewReplacer("http://www.w3.org/2000/svg", "").Replace(text)
	for _, forbidden := range []string{"http://", "https://", "src=", "@import", "url(", "innerHTML",
		"outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(rest, forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if strings.Contains(text, " style=") || strings.Contains(text, " onclick=") {
		t.Error("the page has attributes that its policy forbids")
	}
}

// TestEvents follows the stream: the whole state, then only the changes.
func TestEvents(t *testing.T) {
	p, traffic, h := newPage(t)
	server := httptest.NewServer(h)
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/events?app=" + shop)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %q", got)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	next := func(name string, seen func(shown) bool) {
		t.Helper()
		for lines.Scan() {
			kind, ok := strings.CutPrefix(lines.Text(), "event: ")
			if !ok {
				continue
			}
			lines.Scan()
			var m shown
			if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "data: ")), &m); err != nil {
				t.Fatal(err)
			}
			if kind == name && seen(m) {
				return
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
	}
	next("state", func(m shown) bool { return m.Site != nil && len(m.Apps) == 5 })
	if err := p.Park(shop, shopA, false); err != nil {
		t.Fatal(err)
	}
	next("change", func(m shown) bool {
		return m.Site != nil && m.Site.Machines[0].State == "stopped" && m.Apps == nil && len(m.Set) == 1 &&
			m.Set[0].App == shop
	})
	traffic.Add(flysim.Visit{At: start, App: "inner-circle", Path: "/other"})
	traffic.Add(flysim.Visit{At: start, App: shop, Path: "/mine"})
	next("change", func(m shown) bool { return len(m.Visits) == 1 && m.Visits[0].Path == "/mine" && m.Site == nil })
	p.Clock().SetSpeed(60)
	next("change", func(m shown) bool { return m.Speed == 60 })
}

// TestManyStreams checks that the number of streams is limited, and that a closed page makes room
// for another.
func TestManyStreams(t *testing.T) {
	_, _, h := newPage(t)
	server := httptest.NewServer(h)
	defer server.Close()
	var open []io.Closer
	for {
		answer, err := server.Client().Get(server.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, answer.Body)
		if answer.StatusCode == http.StatusServiceUnavailable {
			break
		}
		if len(open) > 1000 {
			t.Fatal("no limit")
		}
	}
	for _, body := range open {
		_ = body.Close()
	}
	for {
		answer, err := server.Client().Get(server.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
}

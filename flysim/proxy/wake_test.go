package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestWake sends requests to an app whose Machines are stopped.
func TestWake(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "fra", "iad")
	for _, id := range ids {
		b.platform.StopMachine("shop-api", id)
	}
	before := b.clock.Now()
	if res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.internal:8080/"); res.Header.Get(
		errorHeader) != "DNS" || b.state("shop-api", ids[0]) != "stopped" || b.state("shop-api", ids[1]) != "stopped" {
		t.Errorf(".internal: %s, and the Machines are %s and %s", res.Header.Get(errorHeader),
			b.state("shop-api", ids[0]), b.state("shop-api", ids[1]))
	}
	res, body := b.ask(b.web, http.MethodPost, "http://shop-api.flycast/")
	if res.StatusCode != 200 || res.Header.Get("X-Machine") != ids[1] {
		t.Fatalf("%d %s from %q, want the nearest", res.StatusCode, body, res.Header.Get("X-Machine"))
	}
	if got := b.state("shop-api", ids[0]); got != "stopped" {
		t.Errorf("the other Machine is %s", got)
	}
	v := b.last()
	if !v.Woke || v.Held != 2*time.Second || v.Took != 2*time.Second || v.Door != flysim.DoorFlycast ||
		!b.traffic.LastWake(ids[1]).Equal(before) {
		t.Errorf("the visit is %+v", v)
	}
	if res, _ = b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); b.last().Woke ||
		b.last().Held != 0 || res.StatusCode != 200 {
		t.Errorf("the next visit is %+v", b.last())
	}
}

// TestWakeWaitsForChecks checks that a request is held until the service's checks pass, and while
// the program does not listen yet.
func TestWakeWaitsForChecks(t *testing.T) {
	b := newProxyServer(t, Options{})
	service := strings.Replace(web, `"ports"`, `"checks": [{"type": "tcp"}], "ports"`, 1)
	id := b.app("shop-api", service, "iad")[0]
	b.platform.StopMachine("shop-api", id)
	b.programs.refuse[id] = 5
	if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	// Two seconds to start, one to pass, and then some time for the program to listen.
	if v := b.last(); !v.Woke || v.Held < 3*time.Second || v.Held > 4*time.Second {
		t.Errorf("the visit is %+v", v)
	}
	if got := len(b.programs.targets()); got != 6 {
		t.Errorf("%d connections, want 6", got)
	}
}

// TestOneWake sends many requests at once to an app whose Machines are all stopped.
func TestOneWake(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", strings.Replace(web, `"soft_limit": 2, "hard_limit": 3`, `"soft_limit": 100`, 1),
		"iad", "iad", "iad")
	for _, id := range ids {
		b.platform.StopMachine("shop-api", id)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			res, err := b.web.Get("http://shop-api.flycast/")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("%d %s", res.StatusCode, res.Header.Get(errorHeader))
			}
		})
	}
	wg.Wait()
	started := 0
	for _, id := range ids {
		if b.state("shop-api", id) == "started" {
			started++
		}
	}
	if started != 1 {
		t.Errorf("%d Machines were started, want 1", started)
	}
}

// TestLimits loads Machines fully: above the soft limit one more is started, and at the hard limit
// requests wait.
func TestLimits(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "iad")
	b.platform.StopMachine("shop-api", ids[1])
	release, inside := make(chan struct{}), make(chan string)
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- w.Header().Get("X-Machine")
		<-release
	})
	full := make(chan struct{}, 1)
	b.proxy.wait = func(ctx context.Context, until time.Time, wake <-chan struct{}) error {
		select {
		case full <- struct{}{}:
		default:
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	var wg sync.WaitGroup
	var served atomic.Int32
	request := func() {
		wg.Go(func() {
			res, err := b.web.Get("http://shop-api.flycast/")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode == 200 {
				served.Add(1)
			}
		})
	}
	// The third request finds two in progress, which is the soft limit.
	for i, want := range []string{"stopped", "stopped", "starting"} {
		request()
		if got := <-inside; got != ids[0] {
			t.Errorf("request %d went to %s", i+1, got)
		}
		if got := b.state("shop-api", ids[1]); got != want {
			t.Errorf("after request %d the other Machine is %s, want %s", i+1, got, want)
		}
	}
	b.platform.StopMachine("shop-api", ids[1])
	b.platform.SetHost("shop-api", ids[1], "unreachable")
	request()
	<-full
	if got := b.traffic.Load(ids[0]); got != 3 {
		t.Errorf("load %d, want the hard limit", got)
	}
	release <- struct{}{}
	<-inside
	close(release)
	wg.Wait()
	if served.Load() != 4 || b.traffic.Load(ids[0]) != 0 {
		t.Errorf("%d served, load %d", served.Load(), b.traffic.Load(ids[0]))
	}
}

// TestNoMachine has the reasons for which a request finds no Machine.
func TestNoMachine(t *testing.T) {
	tests := []struct {
		name   string
		config string
		spoil  func(b *proxyServer, id string)
		status int
		code   string
		within string
		held   time.Duration
	}{
		{"loopback bind", web, func(b *proxyServer, id string) { b.programs.refuse[id] = -1 }, 502, "PC01",
			"instance refused connection. is your app listening on 0.0.0.0:8080?", 8 * time.Second},
		{"loopback bind, with a check", strings.Replace(web, `"ports"`, `"checks": [{"type": "tcp"}], "ports"`,
			1), func(b *proxyServer, id string) {
			b.programs.refuse[id] = -1
			b.platform.SetListen("shop-api", id, []string{"127.0.0.1:8080"})
		}, 502, "PC01", "0.0.0.0:8080", 8 * time.Second},
		{"no autostart", strings.Replace(web, `"autostart": true`, `"autostart": false`, 1),
			func(b *proxyServer, id string) { b.platform.StopMachine("shop-api", id) }, 503, "PR03",
			"no known healthy instances", 8 * time.Second},
		{"cordoned", web, func(b *proxyServer, id string) {
			req, _ := http.NewRequest(http.MethodPost, "/v1/apps/shop-api/machines/"+id+"/cordon", nil)
			req.Header.Set("Authorization", "Bearer "+flysim.DefaultToken)
			req.URL.Scheme, req.URL.Host = "http", "sandbox"
			if _, err := b.platform.Transport().RoundTrip(req); err != nil {
				b.Fatal(err)
			}
		}, 503, "PR03", "no known healthy instances", 8 * time.Second},
		{"unreachable host", web, func(b *proxyServer, id string) { b.platform.SetHost("shop-api", id, "unreachable") },
			502, "PU03", "unreachable worker host", 8 * time.Second},
		{"unreachable host, stopped", web, func(b *proxyServer, id string) {
			b.platform.StopMachine("shop-api", id)
			b.platform.SetHost("shop-api", id, "unreachable")
		}, 502, "PU03", "unreachable worker host", 8 * time.Second},
		{"does not stay up", web, func(b *proxyServer, id string) {
			b.platform.StopMachine("shop-api", id)
			b.platform.FailMachine("shop-api", id, flysim.FailExit)
		}, 502, "PM05", "failed to connect to machine", 8 * time.Second},
		{"full", web, func(b *proxyServer, id string) {
			for range 3 {
				b.Cleanup(b.traffic.Begin(id))
			}
		}, 503, "PR04", "all instances are at their hard_limit", 30 * time.Second},
		{"checks never pass", strings.Replace(web, `"ports"`, `"checks": [{"type": "tcp"}], "ports"`, 1),
			func(b *proxyServer, id string) {
				b.platform.SetCheck("shop-api", id, "servicecheck-00-tcp-8080",
					"critical")
			}, 503, "PR03", "no known healthy instances", 8 * time.Second},
		{"checks go on for ever", strings.Replace(web, `"ports"`, `"checks": [{"type": "tcp"}], "ports"`, 1),
			func(b *proxyServer, id string) {
				b.platform.SetCheck("shop-api", id, "servicecheck-00-tcp-8080", "warning")
			},
			503, "PM03", "could not wake up machine due to a timeout", 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newProxyServer(t, Options{})
			id := b.app("shop-api", tt.config, "iad")[0]
			tt.spoil(b, id)
			res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
			if res.StatusCode != tt.status || res.Header.Get(errorHeader) != tt.code || !strings.Contains(body, tt.within) {
				t.Errorf("%d %s %q, want %d %s %q", res.StatusCode, res.Header.Get(errorHeader), body, tt.status,
					tt.code, tt.within)
			}
			if v := b.last(); v.Code != tt.code || v.Took != tt.held {
				t.Errorf("the visit is %+v, want it held for %s", v, tt.held)
			}
		})
	}
}

// TestTopLevelChecks checks that top-level checks do not affect routing.
func TestTopLevelChecks(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.platform.AddApp("shop-api", "personal", "")
	b.platform.AddAddress("shop-api", "private_v6", "", "")
	c, err := parseConfig(t, web).With("checks", map[string]map[string]any{"disk": {"type": "tcp", "port": 1}})
	if err != nil {
		t.Fatal(err)
	}
	id := b.platform.AddMachine("shop-api", "iad", c)
	b.clock.Advance(time.Minute)
	b.platform.SetCheck("shop-api", id, "disk", "critical")
	if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.StatusCode != 200 ||
		b.platform.Machine("shop-api", id).ChecksPassing {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// TestAnotherMachine checks that a request is sent with its body to a second Machine if the first
// refuses.
func TestAnotherMachine(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "fra")
	b.programs.refuse[ids[0]] = -1
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	res, err := b.web.Post("http://shop-api.flycast/", "text/plain", strings.NewReader("the body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "the body" || res.Header.Get("X-Machine") != ids[1] {
		t.Errorf("%q from %s", body, res.Header.Get("X-Machine"))
	}
	if v := b.last(); v.Held != 0 || v.Machine != ids[1] {
		t.Errorf("the visit is %+v", v)
	}
}

// TestSentOnce lets a request crash a program: no other Machine gets that request.
func TestSentOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		kept bool // whether the connection was used before
	}{{"new connection", false}, {"kept connection", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newProxyServer(t, Options{})
			ids := b.app("shop-api", web, "iad", "fra")
			b.platform.StopMachine("shop-api", ids[1])
			if c.kept {
				b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
			}
			b.programs.handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				b.programs.mu.Lock()
				b.programs.refuse[ids[0]] = -1 // as if the process had ended
				b.programs.mu.Unlock()
				panic(http.ErrAbortHandler)
			})
			res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/")
			if got := res.Header.Get(errorHeader); got != "PU02" || b.state("shop-api", ids[1]) != "stopped" {
				t.Errorf("%s, and the other Machine is %s", got, b.state("shop-api", ids[1]))
			}
		})
	}
}

// TestBooting waits for a program that is another process, as long as that takes in real time, and
// starts no other Machine meanwhile.
func TestBooting(t *testing.T) {
	for _, c := range []struct {
		name    string
		sockets []string
		want    int
	}{{"it listens", []string{"tcp://0.0.0.0:8080"}, 200}, {"it does not", nil, 502}} {
		t.Run(c.name, func(t *testing.T) {
			b := newProxyServer(t, Options{})
			service := strings.Replace(web, `"ports"`, `"checks": [{"type": "tcp"}], "ports"`, 1)
			ids := b.app("shop-api", service, "iad", "fra")
			for _, id := range ids {
				b.platform.StopMachine("shop-api", id)
				_ = b.platform.Boot("shop-api", id)
			}
			if c.sockets == nil {
				b.programs.refuse[ids[0]], b.programs.refuse[ids[1]] = -1, -1
			}
			waits := b.proxy.wait
			b.proxy.wait = func(ctx context.Context, until time.Time, wake <-chan struct{}) error {
				site, err := b.platform.Site("shop-api")
				if err != nil {
					t.Error(err)
				}
				for _, m := range site.Machines {
					if !m.Booting {
						continue
					}
					b.clock.Advance(time.Hour) // as on a fast clock
					if err := b.platform.Bind("shop-api", m.ID, c.sockets); err != nil {
						t.Error(err)
					}
					return nil
				}
				return waits(ctx, until, wake)
			}
			if res, body := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.StatusCode != c.want ||
				!b.last().Woke {
				t.Errorf("%d %s, want %d; the visit is %+v", res.StatusCode, body, c.want, b.last())
			}
			if got := b.state("shop-api", ids[1]); c.want == 200 && got != "stopped" {
				t.Errorf("the other Machine is %s", got)
			}
		})
	}
}

// TestNearest checks that the nearest region is used, and another only if it has no Machine.
func TestNearest(t *testing.T) {
	b := newProxyServer(t, Options{Region: "ams"})
	ids := b.app("shop-api", web, "syd", "iad", "fra")
	want := []string{ids[2], ids[1], ids[0]}
	for _, id := range want {
		if res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.Header.Get("X-Machine") != id {
			t.Errorf("%s answered, want %s", res.Header.Get("X-Machine"), id)
		}
		b.platform.SetHost("shop-api", id, "unreachable")
	}
}

// TestLeastLoaded checks that requests are spread over the Machines of a region.
func TestLeastLoaded(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "iad", "iad")
	defer b.traffic.Begin(ids[0])()
	defer b.traffic.Begin(ids[2])()
	for range 5 {
		if res, _ := b.ask(b.web, http.MethodGet, "http://shop-api.flycast/"); res.Header.Get("X-Machine") != ids[1] {
			t.Fatalf("%s answered, want the idle one", res.Header.Get("X-Machine"))
		}
	}
}

// TestRunningClock wakes a Machine on a running clock, with real waits.
func TestRunningClock(t *testing.T) {
	b := newProxyServer(t, Options{})
	platform := flysim.New(flysim.Options{StartDelay: 20 * time.Millisecond, CheckDelay: 10 * time.Millisecond})
	platform.AddApp("shop-api", "personal", "")
	platform.AddAddress("shop-api", "private_v6", "", "")
	id := platform.AddMachine("shop-api", "iad", parseConfig(t, strings.Replace(web, `"ports"`,
		`"checks": [{"type": "tcp"}], "ports"`, 1)))
	platform.StopMachine("shop-api", id)
	b.programs.refuse[id] = 2
	listening, err := New(Options{Platform: platform, Programs: b.programs, Hold: time.Hour,
		Patience: time.Hour}).Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close()
	client := b.client(listening.Flycast)
	var wg sync.WaitGroup
	for range 10 { // more than the hard limit, so that some wait for others
		wg.Go(func() {
			res, err := client.Get("http://shop-api.flycast/")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("%d %s", res.StatusCode, res.Header.Get(errorHeader))
			}
		})
	}
	wg.Wait()
}

package flysim_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// sendOverSocket makes one request over a new connection, so that Go's client cannot repeat it by
// itself.
func sendOverSocket(t *testing.T, p *flysim.Platform, server *flysim.Server, method, path, body string) (
	int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+p.Token())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out), err
}

func TestFaults(t *testing.T) {
	const flycast = `{"type":"private_v6"}`
	for _, test := range []struct {
		name   string
		fault  flysim.Fault
		status int    // 0: the connection drops
		body   string // contained in the answer
		held   int    // addresses afterwards; 2 before
	}{
		{"none", flysim.Fault{Operation: "ip.release"}, 200, "fdaa:", 3},
		{"status", flysim.Fault{Operation: "ip.allocate", Status: 503}, 503, `{"error":"service unavailable"}`, 2},
		{"glob, app and target", flysim.Fault{Operation: "ip.*", App: "shop-api", Target: "private_v6",
			Status: 500, Body: "oops"}, 500, "oops", 2},
		{"other app", flysim.Fault{App: "tenant-7", Status: 500}, 200, "fdaa:", 3},
		{"other target", flysim.Fault{Target: "v4", Status: 500}, 200, "fdaa:", 3},
		{"effect, then status", flysim.Fault{Status: 502, EffectThenStatus: true}, 502, "bad gateway", 3},
		{"reset before", flysim.Fault{Reset: flysim.ResetBefore}, 0, "", 2},
		{"reset after", flysim.Fault{Reset: flysim.ResetAfter}, 0, "", 3},
		{"malformed", flysim.Fault{Malformed: true}, 200, `{"ip":"fdaa`, 3},
		{"another user first", flysim.Fault{Before: func(p *flysim.Platform) {
			p.AddAddress("shop-api", "v4", "",
				"")
		}}, 200, "fdaa:", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := seeded(t, flysim.Options{})
			server := listening(t, p)
			p.Inject(test.fault)
			status, body, err := sendOverSocket(t, p, server, "POST", shop+"/ip_assignments", flycast)
			if status != test.status || (err != nil) != (test.status == 0) || !strings.Contains(body, test.body) {
				t.Errorf("answer %d %q, %v", status, body, err)
			}
			if held := len(p.Addresses("shop-api")); held != test.held {
				t.Errorf("%d addresses, want %d", held, test.held)
			}
			calls := p.Calls()
			if len(calls) != 1 || calls[0].Status != test.status || calls[0].Operation != "ip.allocate" ||
				string(calls[0].Body) != flycast {
				t.Errorf("recorded: %+v", calls)
			}
			hit := test.held != 3 || test.fault.EffectThenStatus || test.fault.Malformed || test.fault.Reset != flysim.ResetNone
			if calls[0].FaultInjected != hit {
				t.Errorf("FaultInjected = %v", calls[0].FaultInjected)
			}
		})
	}
}

func TestFaultCounts(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.Inject(flysim.Fault{Operation: "machine.list", After: 1, Times: 2, Status: 429, RetryAfter: 1500 * time.Millisecond})
	p.Inject(flysim.Fault{Operation: "machine.*", Times: -1, Status: 500})
	var got []int
	for range 5 {
		r := ask(t, p, "GET", shop+"/machines", "")
		got = append(got, r.status)
		if r.status == 429 && r.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
	}
	if want := []int{500, 429, 429, 500, 500}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	p.ClearFaults()
	wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), 200)
}

func TestFaultDelay(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.Inject(flysim.Fault{Operation: "app.get", Delay: time.Minute})
	answers := make(chan reply)
	go func() { answers <- ask(t, p, "GET", shop, "") }()
	advance(p, "app.get", time.Minute)
	wantStatus(t, <-answers, 200)
}

func TestRateLimits(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{RateLimits: true, Clock: clock})
	burst := func(path string, n int) []int {
		var got []int
		for range n {
			got = append(got, ask(t, p, "GET", path, "").status)
		}
		return got
	}
	if got, want := burst(shop+"/machines", 5), []int{200, 200, 200, 429, 429}; !slices.Equal(got, want) {
		t.Errorf("list: %v, want %v", got, want)
	}
	if got := burst("/v1/apps/tenant-7/machines", 1); got[0] != 200 {
		t.Error("one app's limit applies to another")
	}
	if got := burst(shop+"/machines/"+shopA, 11); got[9] != 200 || got[10] != 429 {
		t.Errorf("get: %v", got)
	}
	if got := burst(shop+"/machines/"+shopB, 1); got[0] != 200 {
		t.Error("one Machine's limit applies to another")
	}
	r := ask(t, p, "GET", shop+"/machines", "")
	if r.status != 429 || r.header.Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	clock.Advance(time.Second)
	if got, want := burst(shop+"/machines", 2), []int{200, 429}; !slices.Equal(got, want) {
		t.Errorf("a second later: %v, want %v", got, want)
	}
}

func TestRecorder(t *testing.T) {
	p := seeded(t, flysim.Options{})
	if calls := p.Calls(); len(calls) != 0 {
		t.Fatalf("Seed left calls: %+v", calls)
	}
	graphQuery(t, p, queryAddresses, map[string]any{"a": "shop-api"})
	graphQuery(t, p, allocateMutation, map[string]any{"input": map[string]any{"appId": "shop-api", "type": "v6"}})
	graphQuery(t, p,
		`mutation { releaseIpAddress(input: {appId: "shop-api", ip: "66.241.124.11"}) { clientMutationId } }`, nil)
	ask(t, p, "GET", shop+"/machines/"+shopA+"/lease", "")
	ask(t, p, "POST", shop+"/machines/"+shopA+"/lease?ttl=5", "", "Authorization", "Bearer "+p.ReadOnlyToken())
	ask(t, p, "POST", "/v1/apps/legacy-api/certificates/api.legacy-shop.example/check", "")
	ask(t, p, "DELETE", "/v1/regions", "")
	ask(t, p, "GET", "/v1//apps", "", "Authorization", "")
	ask(t, p, "POST", shop+"/machines", strings.Repeat(" ", 1<<20+1))
	type row struct {
		operation, app, target string
		write                  bool
		status                 int
		token                  flysim.TokenKind
	}
	want := []row{
		{"graphql.app", "shop-api", "", false, 200, flysim.TokenFull},
		{"graphql.allocateIpAddress", "shop-api", "v6", true, 200, flysim.TokenFull},
		{"graphql.releaseIpAddress", "shop-api", "66.241.124.11", true, 200, flysim.TokenFull},
		{"lease.get", "shop-api", shopA, false, 404, flysim.TokenFull},
		{"lease.acquire", "shop-api", shopA, true, 403, flysim.TokenReadOnly},
		{"certificate.check", "legacy-api", "api.legacy-shop.example", false, 200, flysim.TokenFull},
		{"unknown", "", "", true, 404, flysim.TokenFull},
		{"unknown", "", "", false, 404, flysim.TokenNone},
		{"machine.create", "shop-api", "", true, 413, flysim.TokenFull},
	}
	var got []row
	for _, c := range p.Calls() {
		got = append(got, row{c.Operation, c.App, c.Target, c.Write, c.Status, c.Token})
		if !c.Time.Equal(startTime) || len(c.Body) > 64<<10 {
			t.Errorf("%s at %s with %d bytes", c.Operation, c.Time, len(c.Body))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if writes := p.Writes(); len(writes) != 5 {
		t.Errorf("%d writes", len(writes))
	}
	p.ResetCalls()
	if len(p.Calls()) != 0 {
		t.Error("calls are left")
	}
}

// TestConcurrency lets the race detector find races.
func TestConcurrency(t *testing.T) {
	p := seeded(t, flysim.Options{RateLimits: true, ListLag: 1})
	p.Inject(flysim.Fault{Operation: "machine.get", Times: -1, After: 3, Status: 500})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				ask(t, p, "GET", shop+"/machines", "")
				ask(t, p, "GET", shop+"/machines/"+shopA, "")
				ask(t, p, "POST", shop+"/machines/"+shopA+"/lease?ttl=1", "")
				ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started&timeout=1", "")
				graphQuery(t, p,
					`{ a: app(name: "shop-api") { ...f } b: app(name: "shop-api") { ...f } } fragment f on App { `+
						`ipAddresses { nodes { id } } sharedIpAddress network }`,
					nil)
				graphQuery(t, p, allocateMutation, map[string]any{"input": map[string]any{"appId": "shop-api",
					"type": "private_v6"}})
				p.AddAddress("tenant-7", "v6", "", "")
				p.StopMachine("shop-api", shopB)
				p.StartMachine("shop-api", shopB)
				p.Clock().Advance(time.Second)
				p.Calls()
			}
		})
	}
	group.Wait()
	if got := len(p.Addresses("shop-api")); got != 42 {
		t.Errorf("%d addresses, want 42", got)
	}
}

func TestClientGone(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.StopMachine("shop-api", shopA)
	server := listening(t, p)
	done := make(chan int)
	go func() {
		status, _, _ := sendOverSocket(t, p, server, "GET", shop+"/machines/"+shopA+"/wait?state=started", "")
		done <- status
	}()
	advance(p, "machine.wait", 0)
	if err := server.Close(); err != nil { // must not hang because of the wait
		t.Error(err)
	}
	if status := <-done; status == http.StatusOK {
		t.Errorf("the wait for a stopped Machine ended with %d", status)
	}
}

package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/control"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
	"github.com/flycast-mcp/flycast-mcp/flysim/internal/flysimtest"
)

const (
	shop  = "/v1/apps/shop-api"
	shopA = "148e21ea7d9d89"
)

// start is later than everything in the fixture.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded returns a platform with the example apps, on a clock that only tests move.
func seeded(t *testing.T) *flysim.Platform {
	t.Helper()
	p := flysim.New(flysim.Options{Clock: flysim.NewClock(func() time.Time { return start })})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask sends a request to the platform's API.
func ask(t *testing.T, p *flysim.Platform, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://flysim"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.Token())
	return read(t, p.Transport(), r)
}

// reply is an answer of the platform or of its control endpoint.
type reply struct {
	status int
	body   []byte
}

func read(t *testing.T, transport http.RoundTripper, r *http.Request) reply {
	t.Helper()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, body}
}

// get reads a value of the JSON body, as [flysimtest.Value] does.
func (r reply) get(t *testing.T, path string) string {
	t.Helper()
	return flysimtest.Value(t, r.body, path)
}

func wantStatus(t *testing.T, got reply, want int) {
	t.Helper()
	if got.status != want {
		t.Fatalf("status %d, want %d: %s", got.status, want, got.body)
	}
}

func wantBody(t *testing.T, got reply, path, want string) {
	t.Helper()
	if value := got.get(t, path); value != want {
		t.Errorf("%s = %s, want %s", path, value, want)
	}
}

// client is a client of a control endpoint over a socket.
type client struct {
	t   *testing.T
	url string
}

func controlling(t *testing.T, p *flysim.Platform) client {
	t.Helper()
	server, err := control.Listen(p, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return client{t, server.URL}
}

// send sends JSON, unless the headers, given as name and value pairs, say otherwise.
func (c client) send(method, path, body string, headers ...string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return read(c.t, http.DefaultTransport, r)
}

func TestControlFaults(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	wantBody(t, c.send("GET", "/faults", ""), "faults", "[]")
	got := c.send("POST", "/faults", `{"operation":"app.get","status":503,"times":2}`)
	wantStatus(t, got, 200)
	wantBody(t, got, "faults.0.fault", "app.get times=2 status=503")
	got = c.send("POST", "/faults",
		"seed = 9\n[[fault]]\noperation = \"ip.*\"\nreset = \"after\"\n[[event]]\nat = \"1h\"\nspeed = 3\n",
		"Content-Type", "application/toml; charset=utf-8")
	wantStatus(t, got, 200)
	wantBody(t, got, "seed", "9")
	wantBody(t, got, "events.0.next", "2026-11-22T13:00:00Z")
	wantStatus(t, ask(t, p, "GET", shop, ""), 503)
	got = c.send("GET", "/faults", "")
	wantBody(t, got, "faults.0", `{"fault":"app.get times=2 status=503","hits":1,"left":1,"matched":1}`)
	wantBody(t, got, "faults.1.hits", "0")
	got = c.send("DELETE", "/faults", "")
	wantStatus(t, got, 200)
	wantBody(t, got, "faults", "[]")
	wantBody(t, got, "events", "[]")
	wantStatus(t, ask(t, p, "GET", shop, ""), 200)
}

func TestControlClock(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	want := `{"now":"2026-11-22T12:00:00Z","speed":1}`
	wantBody(t, c.send("GET", "/clock", ""), "", want)
	wantBody(t, c.send("POST", "/clock", `{"advance":"1h30m","speed":60}`), "",
		`{"now":"2026-11-22T13:30:00Z","speed":60}`)
	if got := p.Clock().Now(); !got.Equal(start.Add(90*time.Minute)) || p.Clock().Speed() != 60 {
		t.Errorf("the clock is at %s, speed %v", got, p.Clock().Speed())
	}
	script, err := fault.Parse("event app=shop-api machine=0 do=stop at=1h")
	if err != nil {
		t.Fatal(err)
	}
	p.Play(script)
	c.send("POST", "/clock", `{"advance":"1h"}`)
	wantBody(t, c.send("GET", "/state", ""), "apps.3.machines.0.state", "stopped")
	for range 1000 { // until dates could no longer be written
		if got := c.send("POST", "/clock", `{"advance":"87600h"}`); got.status != 200 {
			wantStatus(t, got, 400)
			break
		}
	}
	if year := p.Clock().Now().Year(); year < 8000 || year > 9000 {
		t.Errorf("the year %d", year)
	}
	wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), 200)
}

func TestControlMachines(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	machines := "/apps/shop-api/machines/"
	for _, tt := range []struct {
		path, body string
		status     int
		state      string // of the first Machine afterwards
	}{
		{machines + shopA + "/stop", "", 200, "stopped"},
		{machines + "0/suspend", "", 409, "stopped"},
		{machines + shopA + "/start", "", 200, "started"},
		{machines + "0/crash", "", 200, "restarting"},
		{machines + "9/stop", "", 404, "restarting"},
		{machines + "0/explode", "", 400, "restarting"},
		{machines + "0/stop", "{}", 400, "restarting"},
		{"/apps/no-such/machines/0/stop", "", 404, "restarting"},
		{"/events", `{"app":"shop-api","machine":"0","do":"stop"}`, 200, "stopped"},
		{"/events", `{"app":"shop-api","machine":"0","do":"start","at":"1h"}`, 200, "stopped"},
		{"/events", `{"jump":"1h"}`, 200, "started"},
		{"/events", `{"app":"no-such","do":"start"}`, 404, "started"},
		{"/events", `{"app":"shop-api","listen":["127.0.0.1:8080"]}`, 200, "started"},
	} {
		wantStatus(t, c.send("POST", tt.path, tt.body), tt.status)
		if got := c.send("GET", "/state", "").get(t, "apps.3.machines.0.state"); got != tt.state {
			t.Errorf("%s %s: %s, want %s", tt.path, tt.body, got, tt.state)
		}
	}
	if p.Machine("shop-api", shopA).ChecksPassing {
		t.Error("the Machine does not listen on loopback alone")
	}
	if got := c.send("GET", "/state", ""); !strings.Contains(string(got.body), `"ip": "66.241.124.11"`) {
		t.Errorf("state: %s", got.body)
	}
	if len(p.Calls()) != 0 {
		t.Error("the control endpoint left calls")
	}
}

func TestControlCalls(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	wantBody(t, c.send("GET", "/calls", ""), "calls", "[]")
	ask(t, p, "GET", shop+"?a=b", "")
	ask(t, p, "POST", shop+"/machines/"+shopA+"/metadata/k", `{"value":"`+strings.Repeat("v", 5000)+`"}`)
	ask(t, p, "GET", shop, "")
	numbers := func(query string) []int {
		var out struct {
			Calls []struct{ Number int }
			Next  int
		}
		got := c.send("GET", "/calls"+query, "")
		if err := json.Unmarshal(got.body, &out); err != nil {
			t.Fatal(err)
		}
		list := []int{out.Next}
		for _, c := range out.Calls {
			list = append(list, c.Number)
		}
		return list
	}
	for query, want := range map[string][]int{
		"": {3, 1, 2, 3}, "?since=1": {3, 2, 3}, "?since=3": {3}, "?writes=true": {2, 2}, "?limit=1": {1, 1},
		"?since=1&limit=1": {2, 2},
	} {
		if got := numbers(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	got := c.send("GET", "/calls", "")
	wantBody(t, got, "calls.0.query", "a=b")
	wantBody(t, got, "calls.0.operation", "app.get")
	wantBody(t, got, "calls.1.body_cut", "true")
	if strings.Contains(string(got.body), p.Token()) || len(got.get(t, "calls.1.body")) != 4<<10 {
		t.Errorf("the answer shows too much: %.300s", got.body)
	}
	wantStatus(t, c.send("DELETE", "/calls", ""), 200)
	ask(t, p, "GET", shop, "")
	if got, want := numbers(""), []int{4, 4}; !slices.Equal(got, want) {
		t.Errorf("after DELETE: %v, want %v", got, want)
	}
}

// TestControlRefuses checks that a refused request has no effect.
func TestControlRefuses(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	port := c.url[strings.LastIndex(c.url, ":"):]
	const fault = `{"status":500}`
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
	}{
		{"a page's origin", "POST", "/faults", fault, []string{"Origin", "https://evil.example"}, 403},
		{"no origin to tell", "POST", "/faults", fault, []string{"Origin", "null"}, 403},
		{"another port's page", "POST", "/faults", fault, []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"the same in TLS", "POST", "/faults", fault, []string{"Origin", "https://127.0.0.1" + port}, 403},
		{"a page of another site", "POST", "/faults", fault, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a page reads", "GET", "/calls", "", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a rebound name", "POST", "/faults", fault, []string{"Host", "evil.example" + port}, 403},
		{"a rebound name reads", "GET", "/state", "", []string{"Host", "evil.example"}, 403},
		{"another port", "POST", "/faults", fault, []string{"Host", "127.0.0.1:1"}, 403},
		{"a form", "POST", "/faults", fault, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"plain text", "POST", "/clock", `{"speed":0}`, []string{"Content-Type", "text/plain"}, 415},
		{"a script elsewhere", "POST", "/events", "x", []string{"Content-Type", "application/toml"}, 415},
		{"no type", "POST", "/faults", fault, []string{"Content-Type", ""}, 415},
		{"too large", "POST", "/faults", strings.Repeat(" ", 1<<20+1), nil, 413},
		{"an unknown key", "POST", "/faults", `{"status":500,"statsu":1}`, nil, 400},
		{"a mistake", "POST", "/faults", `{"status":5}`, nil, 400},
		{"two documents", "POST", "/faults", fault + fault, nil, 400},
		{"no document", "POST", "/faults", "[]", nil, 400},
		{"a script with a mistake", "POST", "/faults", "[[fault]]\nstatus = 500\n[[fault]]\nstatus = 5",
			[]string{"Content-Type", "application/toml"}, 400},
		{"nothing to do", "POST", "/clock", "{}", nil, 400},
		{"backwards", "POST", "/clock", `{"advance":"-1h"}`, nil, 400},
		{"too fast", "POST", "/clock", `{"speed":1e9}`, nil, 400},
		{"no number", "GET", "/calls?since=x", "", nil, 400},
		{"no route", "GET", "/faults/1", "", nil, 404},
		{"no method", "PUT", "/faults", fault, nil, 405},
	} {
		if got := c.send(tt.method, tt.path, tt.body, tt.headers...); got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.body, tt.status)
		}
	}
	if len(p.Faults()) != 0 || len(p.Events()) != 0 || !p.Clock().Now().Equal(start) || p.Clock().Speed() != 1 {
		t.Error("a refused request has an effect")
	}
	for _, headers := range [][]string{
		{"Origin", "http://127.0.0.1" + port}, {"Host", "localhost" + port, "Origin", "http://localhost" + port},
		{"Host", "[::1]" + port}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"},
	} {
		if got := c.send("GET", "/", "", headers...); got.status != 200 || !strings.Contains(string(got.body),
			"POST   /faults") {
			t.Errorf("%v: %d %s", headers, got.status, got.body)
		}
	}
	many := strings.Repeat("[[fault]]\nstatus = 500\n", 600)
	wantStatus(t, c.send("POST", "/faults", many, "Content-Type", "application/toml"), 200)
	wantStatus(t, c.send("POST", "/faults", many, "Content-Type", "application/toml"), 409)
	if _, err := control.Listen(p, "0.0.0.0:0"); err == nil {
		t.Error("it listens on every address")
	}
}

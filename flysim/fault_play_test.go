package flysim_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// play plays faults and events given as on a command line.
func play(t testing.TB, p *flysim.Platform, lines ...string) {
	t.Helper()
	for _, line := range lines {
		script, err := fault.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		p.Play(script)
	}
}

// TestFaultKinds shows each kind of fault as a client over a socket sees it.
func TestFaultKinds(t *testing.T) {
	for _, tt := range []struct {
		line   string
		status int // 0: no answer
		body   string
		kind   string // the answer's content type
		retry  string
		broken bool // the body ends too early
		held   int  // addresses afterwards; 2 before
	}{
		{"ip.allocate answer=no_capacity", 409, "could not reserve resource", "application/json", "", false, 2},
		{"ip.allocate answer=host_closed", 409, "temporarily disabled", "application/json", "", false, 2},
		{"ip.allocate answer=rate_limited", 429, `{"error":"rate limit exceeded"}`, "application/json", "1", false, 2},
		{"ip.allocate answer=rate_limited retry_after=1m", 429, "rate limit", "application/json", "60", false, 2},
		{"ip.allocate answer=edge", 502, "<h1>502 Bad Gateway</h1>", "text/html", "", false, 2},
		{"ip.allocate answer=edge status=504 retry_after=2s effect", 504, "<h1>504 Gateway Timeout</h1>",
			"text/html", "2", false, 3},
		{"ip.allocate status=500 body=oops content_type=text/plain", 500, "oops", "text/plain", "", false, 2},
		{"ip.allocate status=503 effect", 503, "service unavailable", "application/json", "", false, 3},
		{"ip.allocate reset=before", 0, "", "", "", false, 2},
		{"ip.allocate reset=after", 0, "", "", "", false, 3},
		{"ip.allocate reset=during", 200, `{"ip":"fdaa`, "application/json", "", true, 3},
		{"ip.allocate truncate", 200, `{"ip":"fdaa`, "application/json", "", false, 3},
		{"ip.allocate jump=2h", 200, `"created_at":"2026-11-22T14:00:00Z"`, "application/json", "", false, 3},
	} {
		t.Run(tt.line, func(t *testing.T) {
			p := seeded(t, flysim.Options{})
			server := listening(t, p)
			play(t, p, tt.line)
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+shop+"/ip_assignments",
				strings.NewReader(`{"type":"private_v6"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+p.Token())
			r.Close = true
			resp, err := http.DefaultClient.Do(r)
			if (err != nil) != (tt.status == 0) {
				t.Fatalf("answer %v, %v", resp, err)
			}
			if err == nil {
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.body) ||
					errors.Is(err, io.ErrUnexpectedEOF) != tt.broken {
					t.Errorf("%d %s, %v", resp.StatusCode, body, err)
				}
				if kind, retry := resp.Header.Get("Content-Type"), resp.Header.Get("Retry-After"); !strings.HasPrefix(
					kind, tt.kind) || retry != tt.retry {
					t.Errorf("Content-Type %q, Retry-After %q", kind, retry)
				}
			}
			if held := len(p.Addresses("shop-api")); held != tt.held {
				t.Errorf("%d addresses, want %d", held, tt.held)
			}
			if calls := p.Calls(); len(calls) != 1 || !calls[0].FaultInjected ||
				tt.broken != (calls[0].Status == 0 && tt.status != 0) {
				t.Errorf("recorded: %+v", calls)
			}
			if state := p.Faults()[0]; state.Hits != 1 || state.Matched != 1 || state.Left != 0 {
				t.Errorf("state: %+v", state)
			}
		})
	}
}

func TestChance(t *testing.T) {
	hits := func(seed int64, beside ...string) []int {
		p := seeded(t, flysim.Options{})
		p.Play(flysim.Script{Seed: seed})
		play(t, p, "app.get status=500 chance=0.3 after=2")
		play(t, p, beside...)
		var got []int
		for i := range 100 {
			if ask(t, p, "GET", shop, "").status == 500 {
				got = append(got, i)
			}
		}
		return got
	}
	first := hits(7)
	if len(first) < 15 || len(first) > 45 || first[0] < 2 {
		t.Errorf("of 100 calls hit: %v", first)
	}
	if again := hits(7); !slices.Equal(first, again) {
		t.Errorf("the same seed: %v, then %v", first, again)
	}
	if beside := hits(7, "app.get status=404 chance=0.5"); !slices.Equal(first, beside) {
		t.Errorf("with another fault after it: %v, want %v", beside, first)
	}
	if other := hits(8); slices.Equal(first, other) {
		t.Error("another seed, the same calls")
	}
	p := seeded(t, flysim.Options{})
	play(t, p, "app.get status=500 chance=1 times=2")
	var got []int
	for range 3 {
		got = append(got, ask(t, p, "GET", shop, "").status)
	}
	if want := []int{500, 500, 200}; !slices.Equal(got, want) {
		t.Errorf("times with a chance: %v, want %v", got, want)
	}
	// Cleared draws start over: a script that is played again does the same.
	script := flysim.Script{Seed: 3, Faults: []flysim.Fault{{Operation: "app.get", Status: 500, Chance: 0.5}}}
	var runs [2][]int
	for i := range runs {
		p.ClearFaults()
		p.Play(script)
		for range 20 {
			runs[i] = append(runs[i], ask(t, p, "GET", shop, "").status)
		}
	}
	if !slices.Equal(runs[0], runs[1]) || p.FaultSeed() != 3 {
		t.Errorf("played again: %v", runs)
	}
}

func TestFaultWindow(t *testing.T) {
	p := seeded(t, flysim.Options{})
	play(t, p, "* status=503 times=-1 at=10s for=20s")
	var got []int
	for range 5 {
		got = append(got, ask(t, p, "GET", shop, "").status)
		p.Clock().Advance(10 * time.Second)
	}
	if want := []int{200, 503, 503, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("every 10 s: %v, want %v", got, want)
	}
}

// TestJumps checks what expires when the clock jumps.
func TestJumps(t *testing.T) {
	p := seeded(t, flysim.Options{RateLimits: true})
	held := ask(t, p, "POST", shop+"/machines/"+shopA+"/lease?ttl=60", "").get(t, "data.nonce")
	play(t, p, "machine.stop jump=1m")
	if got := ask(t, p, "POST", shop+"/machines/"+shopA+"/stop", "{}", leaseHeader, held); got.status != 409 ||
		p.Machine("shop-api", shopA).State != "started" {
		t.Errorf("with a lease that has just expired: %d %s", got.status, got.body)
	}
	for range 3 {
		ask(t, p, "GET", shop+"/machines", "")
	}
	wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), 429)
	play(t, p, "machine.list jump=1s")
	wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), 200)

	// During a wait: its minute is over at once, unless what it waits for happened.
	p.StopMachine("shop-api", shopA)
	play(t, p, "machine.wait jump=59s", "machine.wait jump=60s", "machine.wait jump=60s")
	waited := make(chan reply)
	go func() { waited <- ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started&timeout=60", "") }()
	advance(p, "machine.wait", time.Second)
	wantStatus(t, <-waited, 408)
	wantStatus(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started&timeout=60", ""), 408)
	play(t, p, "event at=30s app=shop-api machine="+shopA+" do=start")
	wantStatus(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started&timeout=60", ""), 200)
}

// TestTrickle reads a body that arrives in pieces while time passes.
func TestTrickle(t *testing.T) {
	p := seeded(t, flysim.Options{})
	server := listening(t, p)
	want := ask(t, p, "GET", shop, "").body
	play(t, p, "app.get trickle=10s")
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+shop, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.Token())
	answered := make(chan *http.Response, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
		}
		answered <- resp
	}()
	var resp *http.Response
	for resp == nil { // the headers arrive with the first piece
		p.Clock().Advance(time.Second)
		select {
		case resp = <-answered:
		default:
			runtime.Gosched()
		}
	}
	defer resp.Body.Close()
	p.Clock().Advance(time.Minute)
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != string(want) || resp.ContentLength != -1 {
		t.Errorf("%s, %v", got, err)
	}
}

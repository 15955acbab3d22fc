package flysim_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestFlyctlIsHeldBack sends too many requests as flyctl. They are answered one by one, as the
// limit allows, and only the one that would wait too long is refused. Another client is refused at
// once.
func TestFlyctlIsHeldBack(t *testing.T) {
	const burst, held = 3, 30
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{RateLimits: true, Clock: clock})
	list := func(agent string) reply { return ask(t, p, "GET", shop+"/machines", "", "User-Agent", agent) }
	for range burst {
		wantStatus(t, list(flyctlAgent), http.StatusOK)
	}
	wantStatus(t, list("curl/8"), http.StatusTooManyRequests)
	answers := make(chan reply, held+1)
	for range held + 1 {
		go func() { answers <- list(flyctlAgent) }()
	}
	refused := <-answers
	wantStatus(t, refused, http.StatusTooManyRequests)
	if got := refused.header.Get("Retry-After"); got != "31" {
		t.Errorf("Retry-After %q, want 31", got)
	}
	for len(p.Calls()) < burst+1+held+1 {
		runtime.Gosched()
	}
	for range held {
		if len(answers) > 0 {
			t.Fatalf("answered before its time: %+v", <-answers)
		}
		clock.Advance(time.Second)
		wantStatus(t, <-answers, http.StatusOK)
	}
	wantStatus(t, list("curl/8"), http.StatusTooManyRequests)
}

// TestNoLimitsOnStandingClock sends more requests than the limits allow, on a stopped clock. None
// is refused, because no time would pass until it could be sent again.
func TestNoLimitsOnStandingClock(t *testing.T) {
	clock := flysim.NewClock(time.Now)
	p := seeded(t, flysim.Options{RateLimits: true, Clock: clock})
	clock.SetSpeed(0)
	for range 5 {
		wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), http.StatusOK)
	}
	clock.SetSpeed(1e-6)
	for range 3 {
		wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), http.StatusOK)
	}
	wantStatus(t, ask(t, p, "GET", shop+"/machines", ""), http.StatusTooManyRequests)
}

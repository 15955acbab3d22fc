package fly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestLimiter(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/machines") {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, `{"id":"`+path.Base(r.URL.Path)+`"}`)
	}))
	defer server.Close()
	client, clock := testClient(t, server.URL)
	list := func(app string) {
		t.Helper()
		if _, err := client.Machines(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	get := func(id string) {
		t.Helper()
		if _, err := client.Machine(t.Context(), "a", id); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		list("a")
		list("b")
	}
	for range 10 {
		get("aa")
		get("bb")
	}
	if got := clock.slept(); got != 0 {
		t.Fatalf("slept %v within the bursts", got)
	}
	for range 4 {
		list("a")
	}
	if got := clock.slept(); got <= 4*time.Second || got > 4500*time.Millisecond {
		t.Errorf("four lists beyond the burst took %v, want a little over 4s", got)
	}
	before := clock.slept()
	for range 20 {
		get("cc")
	}
	if got := clock.slept() - before; got <= 2*time.Second || got > 2500*time.Millisecond {
		t.Errorf("ten gets beyond the burst took %v, want a little over 2s", got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	list("d")
	list("d")
	list("d")
	before = clock.slept()
	_, err := client.Machines(ctx, "d")
	var coded *plan.Problem
	if !errors.As(err, &coded) || coded.Code != gate.RateLimited || coded.RetryAfter <= time.Second {
		t.Errorf("a wait past the deadline: got %v, want rate_limited with the time", err)
	}
	if clock.slept() != before {
		t.Error("it slept all the same")
	}
}

func TestLimiterForgetsFullBuckets(t *testing.T) {
	fake := newFakeClock()
	l := &limiter{clock: timeSource{fake.Now, fake.Sleep}, buckets: make(map[bucketKey]*rate.Limiter)}
	for i := range 3 * maxBuckets {
		op := &operation{action: "get", machine: fmt.Sprint(i), pace: calm()}
		if err := l.wait(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		_ = fake.Sleep(t.Context(), time.Second)
	}
	if got := len(l.buckets); got > maxBuckets {
		t.Errorf("%d buckets are kept, want at most %d", got, maxBuckets)
	}
}

// TestLimiterStaysBelowFlys runs into a platform that enforces Fly's limits.
func TestLimiterStaysBelowFlys(t *testing.T) {
	fake := newFakeClock()
	p, url := platform(t, flysim.Options{RateLimits: true, Clock: flysim.NewClock(fake.Now)})
	client, _ := testClient(t, url, func(o *Options) {
		o.Token, o.Now, o.Sleep = NewToken(p.Token()), fake.Now, fake.Sleep
	})
	id := p.MachineIDs("shop-api")[0]
	for range 25 {
		if _, err := client.Machine(t.Context(), "shop-api", id); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 {
		if _, err := client.Machines(t.Context(), "shop-api"); err != nil {
			t.Fatal(err)
		}
		if err := leased(t, client, "shop-api", id).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range p.Calls() {
		if call.Status == http.StatusTooManyRequests {
			t.Errorf("%s was too fast", call.Operation)
		}
	}
}

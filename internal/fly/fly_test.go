package fly

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const testToken = "sandbox-0123456789abcdef"

// fakeClock is a clock that moves only when somebody sleeps on it.
type fakeClock struct {
	*flytest.Clock
	mu     sync.Mutex
	sleeps []time.Duration
}

func newFakeClock() *fakeClock {
	return &fakeClock{Clock: flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))}
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Advance(d)
	c.sleeps = append(c.sleeps, d)
	return ctx.Err()
}

func (c *fakeClock) slept() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum time.Duration
	for _, d := range c.sleeps {
		sum += d
	}
	return sum
}

// testClient is a client of the platform at url, on a fake clock. Connections
// are not reused: Go repeats a GET by itself when a reused one was dropped.
func testClient(t *testing.T, url string, change ...func(*Options)) (*Client, *fakeClock) {
	t.Helper()
	clock := newFakeClock()
	base := newBaseTransport()
	base.DisableKeepAlives = true
	o := Options{
		Endpoints: Endpoints{url, url, url},
		Token:     NewToken(testToken),
		UserAgent: "flycast-mcp/test",
		HTTP:      base,
		Now:       clock.Now,
		Sleep:     clock.Sleep,
	}
	for _, f := range change {
		f(&o)
	}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client, clock
}

// grantFor is a grant for the steps, as a real gate hands it out.
func grantFor(t *testing.T, steps ...gate.Step) *gate.Grant {
	t.Helper()
	g := gate.New(gate.Options{Now: time.Now})
	outcome := g.Decide(gate.Request{Tool: "test", Steps: steps}, nil)
	grant, err := outcome.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// counter counts the requests that reach a handler.
type counter struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (c *counter) wrap(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests = append(c.requests, r)
		c.mu.Unlock()
		h(w, r)
	}
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.requests)
}

package fly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const noReleases = `{"data":{"app":{"releasesUnprocessed":{"nodes":[]}}}}`

// reads are a GraphQL read, which is a POST and passes fly-go's own retries,
// and a REST read.
func reads() map[string]func(context.Context, *Client) error {
	return map[string]func(context.Context, *Client) error{
		"graphql": func(ctx context.Context, c *Client) error { _, err := c.Releases(ctx, "shop-api", 1); return err },
		"rest":    func(ctx context.Context, c *Client) error { _, err := c.Machines(ctx, "shop-api"); return err },
	}
}

func answerOK(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/graphql" {
		_, _ = io.WriteString(w, noReleases)
		return
	}
	_, _ = io.WriteString(w, `[]`)
}

func TestReadsAreRepeatedForPassingReasons(t *testing.T) {
	type step struct {
		status     int // 0: reset
		retryAfter string
	}
	tests := []struct {
		name       string
		steps      []step // then success
		requests   int
		code       gate.Code
		slept      time.Duration // at least; exact where Retry-After told
		retryAfter time.Duration
	}{
		{name: "fine", requests: 1},
		{name: "three kinds of trouble", steps: []step{{status: 503}, {status: 502}, {status: 504}}, requests: 4,
			slept: 1400 * time.Millisecond},
		{name: "reset", steps: []step{{}, {}}, requests: 3, slept: 600 * time.Millisecond},
		{name: "reset for good", steps: []step{{}, {}, {}, {}, {}}, requests: 4, code: gate.PlatformError},
		{name: "down for good", steps: []step{{status: 503}, {status: 503}, {status: 503}, {status: 503},
			{status: 503}}, requests: 4, code: gate.PlatformError},
		{name: "too fast", steps: []step{{429, "2"}}, requests: 2, slept: 2 * time.Second},
		{name: "as a date", steps: []step{{429, "Sun, 22 Nov 2026 12:00:03 GMT"}}, requests: 2, slept: 3 * time.Second},
		{name: "too long to wait", steps: []step{{429, "60"}}, requests: 1, code: gate.RateLimited, retryAfter: time.Minute},
		{name: "in sum too long to wait", steps: []step{{429, "8"}, {429, "8"}}, requests: 2, code: gate.RateLimited,
			retryAfter: 8 * time.Second},
		{name: "500 is no passing reason", steps: []step{{status: 500}}, requests: 1, code: gate.PlatformError},
		{name: "404 is an answer", steps: []step{{status: 404}}, requests: 1, code: gate.NotFound},
		{name: "401 is an answer", steps: []step{{status: 401}}, requests: 1, code: gate.Unauthorized},
	}
	for kind, read := range reads() {
		for _, test := range tests {
			t.Run(kind+"/"+test.name, func(t *testing.T) {
				var calls counter
				server := httptest.NewServer(calls.wrap(func(w http.ResponseWriter, r *http.Request) {
					n := calls.count() - 1
					switch {
					case n >= len(test.steps):
						answerOK(w, r)
					case test.steps[n].status == 0:
						panic(http.ErrAbortHandler)
					default:
						if after := test.steps[n].retryAfter; after != "" {
							w.Header().Set("Retry-After", after)
						}
						w.WriteHeader(test.steps[n].status)
					}
				}))
				defer server.Close()
				client, clock := testClient(t, server.URL)
				err := read(t.Context(), client)
				if got := CodeOf(err); got != test.code {
					t.Errorf("code %q (%v), want %q", got, err, test.code)
				}
				if got := calls.count(); got != test.requests {
					t.Errorf("%d requests, want %d", got, test.requests)
				}
				if got := clock.slept(); got < test.slept || got > test.slept*2 && test.code == "" {
					t.Errorf("slept %v, want about %v", got, test.slept)
				}
				var coded *plan.Problem
				if errors.As(err, &coded) && coded.RetryAfter != test.retryAfter {
					t.Errorf("retry after %v, want %v", coded.RetryAfter, test.retryAfter)
				}
			})
		}
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	var stolen counter
	thief := httptest.NewServer(stolen.wrap(answerOK))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for kind, read := range reads() {
			t.Run(fmt.Sprint(status, kind), func(t *testing.T) {
				var calls counter
				server := httptest.NewServer(calls.wrap(func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, thief.URL+r.URL.Path, status)
				}))
				defer server.Close()
				client, _ := testClient(t, server.URL)
				err := read(t.Context(), client)
				if CodeOf(err) != gate.PlatformError || !strings.Contains(err.Error(), "redirect") {
					t.Errorf("got %v, want a refusal", err)
				}
				if calls.count() != 1 {
					t.Errorf("%d requests, want 1", calls.count())
				}
			})
		}
	}
	if n := stolen.count(); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestTransportRefusesForeignAndUnmarkedRequests(t *testing.T) {
	var calls counter
	server := httptest.NewServer(calls.wrap(answerOK))
	defer server.Close()
	client, _ := testClient(t, server.URL)
	op := client.reading("test", calm()).onApp("shop-api")
	tests := []struct {
		name string
		ctx  context.Context
		url  string
		want error
	}{
		{"another host", op.within(t.Context()), "https://example.com/v1/apps", errForeignHost},
		{"another port", op.within(t.Context()), "https://api.machines.dev:444/v1/apps", errForeignHost},
		{"another scheme", op.within(t.Context()), "http://api.machines.dev/v1/apps", errForeignHost},
		{"the base URL itself", op.within(t.Context()), server.URL + "/v1/apps", errForeignHost},
		{"unmarked", t.Context(), flapsOrigin + "/v1/apps", errUnmarked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(test.ctx, http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.http.Transport.RoundTrip(request)
			var failed *failure
			if !errors.As(err, &failed) || !errors.Is(failed.cause, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if calls.count() != 0 {
		t.Errorf("%d requests were sent", calls.count())
	}
}

func TestAnswersAreLimited(t *testing.T) {
	for kind, read := range reads() {
		t.Run(kind, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				blank := []byte(strings.Repeat(" ", 1<<20))
				for range maxAnswer/len(blank) + 1 {
					if _, err := w.Write(blank); err != nil {
						return
					}
				}
			}))
			defer server.Close()
			client, _ := testClient(t, server.URL)
			var coded *plan.Problem
			if err := read(t.Context(), client); !errors.As(err, &coded) || !errors.Is(coded.Err, errTooLarge) {
				t.Errorf("got %v, want %v", err, errTooLarge)
			}
		})
	}
}

// release is a GraphQL write, which is the kind that fly-go would repeat.
func releaseSharedV4(t *testing.T, ctx context.Context, c *Client) error {
	t.Helper()
	ip := netip.MustParseAddr("66.241.124.11")
	grant := grantFor(t, gate.Step{Verb: gate.ReleaseAddress, App: "shop-api", Target: ip.String()})
	return c.ReleaseAddress(ctx, grant, "shop-api", ip)
}

func TestWriteThatNeverLeftIsNotAmbiguous(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client, _ := testClient(t, url)
	err = releaseSharedV4(t, t.Context(), client)
	var ambiguous *Ambiguous
	if errors.As(err, &ambiguous) || CodeOf(err) != gate.PlatformError ||
		!strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("got %v, want platform_error, nothing was sent", err)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	err = releaseSharedV4(t, cancelled, client)
	if errors.As(err, &ambiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: got %v, want the context's error", err)
	}
}

func TestWriteThatTimesOutIsAmbiguous(t *testing.T) {
	var calls counter
	done := make(chan struct{})
	server := httptest.NewServer(calls.wrap(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-done
	}))
	defer server.Close()
	defer close(done)
	client, _ := testClient(t, server.URL, func(o *Options) { o.Timeout = 100 * time.Millisecond })
	err := releaseSharedV4(t, t.Context(), client)
	var ambiguous *Ambiguous
	if !errors.As(err, &ambiguous) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want an ambiguous time-out", err)
	}
	if calls.count() != 1 {
		t.Errorf("%d requests, want 1", calls.count())
	}
	if err := reads()["rest"](t.Context(), client); CodeOf(err) != gate.PlatformError ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read: got %v, want platform_error", err)
	}
}

// A transport that does not report how far it got may have sent everything.
func TestWriteOverSilentTransportIsAmbiguous(t *testing.T) {
	client, _ := testClient(t, "http://127.0.0.1:1", func(o *Options) { o.HTTP = &broken{err: errors.New("broken")} })
	var ambiguous *Ambiguous
	if err := releaseSharedV4(t, t.Context(), client); !errors.As(err, &ambiguous) {
		t.Errorf("got %v, want ambiguous", err)
	}
}

// broken is a transport that always fails in the same way.
type broken struct {
	err      error
	attempts int
}

func (b *broken) RoundTrip(*http.Request) (*http.Response, error) {
	b.attempts++
	return nil, b.err
}

// TestFlyGoRepeatsNothing: resets and temporary errors are what its own two
// retry layers look for.
func TestFlyGoRepeatsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"reset":     {fmt.Errorf("read: %w", syscall.ECONNRESET), maxAttempts},
		"temporary": {&net.DNSError{IsTemporary: true}, 1},
		"time-out":  {context.DeadlineExceeded, 1},
	} {
		for kind, read := range reads() {
			base := &broken{err: test.err}
			client, _ := testClient(t, "http://127.0.0.1:1", func(o *Options) { o.HTTP = base })
			checkCode(t, read(t.Context(), client), gate.PlatformError)
			if base.attempts != test.want {
				t.Errorf("%s, %s: %d attempts, want %d", name, kind, base.attempts, test.want)
			}
		}
		base := &broken{err: test.err}
		client, _ := testClient(t, "http://127.0.0.1:1", func(o *Options) { o.HTTP = base })
		if err := releaseSharedV4(t, t.Context(), client); err == nil || base.attempts != 1 {
			t.Errorf("%s, write: %v after %d attempts, want 1", name, err, base.attempts)
		}
	}
}

func TestAnswerCutShort(t *testing.T) {
	for status, wantAmbiguous := range map[int]bool{200: true, 404: false, 422: false, 502: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "{")
		}))
		client, _ := testClient(t, server.URL)
		op := client.writing("test").onApp("shop-api")
		_, err := client.call(t.Context(), op, http.MethodPost, "/apps/shop-api", nil, nil)
		var ambiguous *Ambiguous
		if err == nil || errors.As(err, &ambiguous) != wantAmbiguous {
			t.Errorf("%d, then nothing: %v, want ambiguous %v", status, err, wantAmbiguous)
		}
		server.Close()
	}
}

func TestWriteIsSentOnce(t *testing.T) {
	var calls counter
	server := httptest.NewServer(calls.wrap(answerOK))
	defer server.Close()
	client, _ := testClient(t, server.URL)
	op := client.writing("test").onApp("shop-api")
	for i := range 2 {
		_, err := client.send(t.Context(), op, http.MethodPost, "/apps/shop-api", nil, nil)
		var ambiguous *Ambiguous
		if errors.As(err, &ambiguous) != (i == 1) {
			t.Errorf("attempt %d: %v", i+1, err)
		}
	}
	if calls.count() != 1 {
		t.Errorf("%d requests, want 1", calls.count())
	}
}

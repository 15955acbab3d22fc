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
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const emptyAppAnswer = `{"data":{"app":{"name":"shop-api","organization":{"id":"o","slug":"personal"}}}}`

// reads are a GraphQL read, which is a POST and passes fly-go's own retries,
// and a REST read.
func reads() map[string]func(context.Context, *FlyGo) error {
	return map[string]func(context.Context, *FlyGo) error{
		"graphql": func(ctx context.Context, c *FlyGo) error { _, err := c.App(ctx, "shop-api"); return err },
		"rest":    func(ctx context.Context, c *FlyGo) error { _, err := c.Machines(ctx, "shop-api"); return err },
	}
}

func answerOK(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/graphql" {
		_, _ = io.WriteString(w, emptyAppAnswer)
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
		{name: "three kinds of trouble", steps: []step{{status: 503}, {status: 502}, {status: 504}}, requests: 4, slept: 1400 * time.Millisecond},
		{name: "reset", steps: []step{{}, {}}, requests: 3, slept: 600 * time.Millisecond},
		{name: "reset for good", steps: []step{{}, {}, {}, {}, {}}, requests: 4, code: gate.PlatformError},
		{name: "down for good", steps: []step{{status: 503}, {status: 503}, {status: 503}, {status: 503}, {status: 503}}, requests: 4, code: gate.PlatformError},
		{name: "too fast", steps: []step{{429, "2"}}, requests: 2, slept: 2 * time.Second},
		{name: "as a date", steps: []step{{429, "Sun, 22 Nov 2026 12:00:03 GMT"}}, requests: 2, slept: 3 * time.Second},
		{name: "too long to wait", steps: []step{{429, "60"}}, requests: 1, code: gate.RateLimited, retryAfter: time.Minute},
		{name: "in sum too long to wait", steps: []step{{429, "8"}, {429, "8"}}, requests: 2, code: gate.RateLimited, retryAfter: 8 * time.Second},
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
				var coded *Error
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
	op := client.reading("test", "shop-api", "", calm())
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
			var coded *Error
			if err := read(t.Context(), client); !errors.As(err, &coded) || !errors.Is(coded.Err, errTooLarge) {
				t.Errorf("got %v, want %v", err, errTooLarge)
			}
		})
	}
}

func TestLimiter(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/machines") {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, `{"id":"`+r.URL.Path[len(r.URL.Path)-2:]+`"}`)
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
	var coded *Error
	if !errors.As(err, &coded) || coded.Code != gate.RateLimited || coded.RetryAfter <= time.Second {
		t.Errorf("a wait past the deadline: got %v, want rate_limited with the time", err)
	}
	if clock.slept() != before {
		t.Error("it slept all the same")
	}
}

func TestLimiterForgetsFullBuckets(t *testing.T) {
	fake := newFakeClock()
	l := &limiter{clock: clock{fake.Now, fake.Sleep}, buckets: make(map[bucketKey]*rate.Limiter)}
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

// release is a GraphQL write, which is the kind that fly-go would repeat.
func release(t *testing.T, ctx context.Context, c *FlyGo) error {
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
	err = release(t, t.Context(), client)
	var ambiguous *Ambiguous
	if errors.As(err, &ambiguous) || CodeOf(err) != gate.PlatformError || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("got %v, want platform_error, nothing was sent", err)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	err = release(t, cancelled, client)
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
	err := release(t, t.Context(), client)
	var ambiguous *Ambiguous
	if !errors.As(err, &ambiguous) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want an ambiguous time-out", err)
	}
	if calls.count() != 1 {
		t.Errorf("%d requests, want 1", calls.count())
	}
	if err := reads()["rest"](t.Context(), client); CodeOf(err) != gate.PlatformError || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read: got %v, want platform_error", err)
	}
}

// silent is a transport that fails without telling how far it got.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }

func TestWriteOverSilentTransportIsAmbiguous(t *testing.T) {
	client, _ := testClient(t, "http://127.0.0.1:1", func(o *Options) { o.HTTP = silent{} })
	var ambiguous *Ambiguous
	if err := release(t, t.Context(), client); !errors.As(err, &ambiguous) {
		t.Errorf("got %v, want ambiguous", err)
	}
}

func TestWriteIsSentOnce(t *testing.T) {
	var calls counter
	server := httptest.NewServer(calls.wrap(answerOK))
	defer server.Close()
	client, _ := testClient(t, server.URL)
	op := client.writing("test", "shop-api", "")
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

// TestProcessEnvironmentHasNoSay sets every variable that fly-go reads.
func TestProcessEnvironmentHasNoSay(t *testing.T) {
	var stolen, calls counter
	thief := httptest.NewServer(stolen.wrap(answerOK))
	defer thief.Close()
	server := httptest.NewServer(calls.wrap(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/prefix")
		http.SetCookie(w, &http.Cookie{Name: "fly_flaps_affinity", Value: "there", Path: "/"})
		answerOK(w, r)
	}))
	defer server.Close()
	for _, base := range []string{
		thief.URL, thief.URL + "/v2?x=y#z", "http://user:hunter2@" + strings.TrimPrefix(thief.URL, "http://"),
		"garbage", "mailto:somebody", "//", "?",
	} {
		t.Run(base, func(t *testing.T) {
			calls.requests = nil
			t.Setenv("FLY_FLAPS_BASE_URL", base)
			t.Setenv("FLY_API_BASE_URL", base)
			t.Setenv("FLY_UIEX_BASE_URL", base)
			t.Setenv("FLY_FORCE_INSTANCE_ID", "instance")
			t.Setenv("FLY_FORCE_REGION", "iad")
			t.Setenv("FLY_FORCE_TRACE", "1")
			t.Setenv("FLY_API_TOKEN", "sandbox-of-the-environment")
			client, _ := testClient(t, server.URL+"/prefix/")
			for kind, read := range reads() {
				for range 2 {
					if err := read(t.Context(), client); err != nil {
						t.Errorf("%s: %v", kind, err)
					}
				}
			}
			if got := calls.count(); got != 4 {
				t.Fatalf("%d requests, want 4", got)
			}
			cookies := 0
			for _, r := range calls.requests {
				if got, want := r.Header.Get("Authorization"), "Bearer "+testToken; got != want {
					t.Errorf("%s: authorization %q, want %q", r.URL, got, want)
				}
				if got, want := r.Header.Get("User-Agent"), "flycast-mcp/test"; got != want {
					t.Errorf("%s: user agent %q, want %q", r.URL, got, want)
				}
				for _, header := range []string{"Fly-Force-Instance-Id", "Fly-Force-Region", "Fly-Force-Trace"} {
					if got := r.Header.Get(header); got != "" {
						t.Errorf("%s: %s is %q", r.URL, header, got)
					}
				}
				if r.URL.Path != "/graphql" && r.URL.Path != "/v1/apps/shop-api/machines" || r.URL.RawQuery != "" {
					t.Errorf("asked for %s", r.URL)
				}
				if cookie, err := r.Cookie("fly_flaps_affinity"); err == nil && cookie.Value == "there" {
					cookies++
				}
			}
			if cookies != 1 {
				t.Errorf("the affinity cookie came back %d times, want once, with the second REST read", cookies)
			}
		})
	}
	if n := stolen.count(); n != 0 {
		t.Errorf("%d requests reached the environment's host", n)
	}

	t.Setenv("FLY_FLAPS_BASE_URL", "http://[::1")
	if _, err := New(Options{UserAgent: "flycast-mcp/test"}); CodeOf(err) != gate.InvalidInput {
		t.Errorf("a FLY_FLAPS_BASE_URL that is no URL: got %v, want invalid_input", err)
	}
}

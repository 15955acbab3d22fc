package fly

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

const (
	maxAnswer    = 32 << 20 // bytes of one answer
	maxAttempts  = 4        // of one read
	maxRetryWait = 15 * time.Second
	firstBackoff = 200 * time.Millisecond
)

// The hosts that requests are made for. The routes of the transport alone decide
// where they go; on Fly.io, uiex has no host of its own.
const (
	graphqlOrigin = "https://api.fly.io"
	flapsOrigin   = "https://api.machines.dev"
	uiexOrigin    = "https://uiex.fly.io"
)

var (
	errUnmarked    = errors.New("refused a request that belongs to no operation")
	errForeignHost = errors.New("refused a request to a host that this client was not made for")
	errRedirect    = errors.New("the answer was a redirect; it was not followed: the token would go along")
	errTooLarge    = errors.New("the answer is larger than 32 MiB")
	errSentBefore  = errors.New("refused to send a write a second time")
)

// transport is the one http.RoundTripper under every Fly client.
//
// It sends requests for the origins in routes, and no others, to their base URLs, and
// only for the apps that may be named; follows no redirect; reads answers whole, up to
// a limit; keeps to
// Fly's rate limits; and repeats reads that failed for a temporary reason. A write is
// sent once: if it may have arrived and the answer says nothing about its effect, the
// error is *[Ambiguous]. A refusal before sending is an *[Error]. Every other error is
// a *failure, in which the retry layers of fly-go find nothing to repeat: no answer
// with 502, no temporary error and no reset.
type transport struct {
	routes map[string]*url.URL // scheme://host to base URL
	next   http.RoundTripper
	apps   Apps
	token  Token
	limits *limiter
	clock  timeSource
	wrote  func(app string) // called around every write
}

// failure is why there is no usable answer. It does not unwrap, on purpose.
type failure struct {
	status     int    // 0 if no answer came
	text       string // from Fly, unchanged
	retryAfter time.Duration
	limited    bool  // our own limiter; nothing was sent
	unsent     bool  // the request was not sent
	cause      error // nil if an answer came
}

func (f *failure) Error() string {
	switch {
	case f.limited:
		return "held back by our own rate limit"
	case f.cause != nil:
		return f.cause.Error()
	}
	return fmt.Sprintf("status %d", f.status)
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, &failure{cause: err, unsent: true}
		}
	}
	op := operationOf(r.Context())
	base, ours := t.routes[r.URL.Scheme+"://"+r.URL.Host]
	switch {
	case op == nil:
		return nil, &failure{cause: errUnmarked, unsent: true}
	case !ours:
		return nil, &failure{cause: errForeignHost, unsent: true}
	}
	if err := t.apps.checkOperation(op); err != nil {
		return nil, err
	}
	switch {
	case t.token.Empty():
		return nil, noToken(t.token, op.app)
	case op.write && op.sent:
		return nil, &Ambiguous{Cause: errSentBefore}
	}

	if op.write && t.wrote != nil {
		t.wrote(op.app)
		defer t.wrote(op.app)
	}
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		if err := t.limits.wait(r.Context(), op); err != nil {
			return nil, err
		}
		if err := r.Context().Err(); err != nil {
			return nil, &failure{cause: err, unsent: true}
		}
		response, err := t.attempt(r, op, base, body)
		var failed *failure
		if op.write || !errors.As(err, &failed) || !failed.isTemporary() || attempt == maxAttempts {
			return response, err
		}
		delay := failed.retryAfter
		if delay <= 0 {
			delay = firstBackoff << (attempt - 1)
			delay += rand.N(delay / 2)
		}
		if waited += delay; waited > maxRetryWait {
			return nil, err
		}
		if err := slot.Wait(r.Context(), func() error { return t.clock.sleep(r.Context(), delay) }); err != nil {
			return nil, &failure{cause: err}
		}
	}
}

// isTemporary reports whether the same read may succeed a little later.
func (f *failure) isTemporary() bool {
	switch f.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	for _, reset := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(f.cause, reset) {
			return true
		}
	}
	return false
}

// attempt sends a request once.
func (t *transport) attempt(r *http.Request, op *operation, base *url.URL, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), op.timeout)
	defer cancel()
	var sending tracker
	out := r.Clone(httptrace.WithClientTrace(ctx, sending.trace()))
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, ""
	out.URL.Path, out.URL.RawPath = strings.TrimSuffix(base.Path, "/")+r.URL.Path, ""
	for _, header := range []string{"Fly-Force-Instance-Id", "Fly-Force-Region", "Fly-Force-Trace"} {
		out.Header.Del(header) // fly-go takes these from the environment
	}
	out.Body, out.GetBody, out.ContentLength = http.NoBody, nil, int64(len(body))
	if len(body) > 0 {
		// With GetBody, Go replaces a stale idle connection if not one byte of
		// the request was written, and only then, whatever the method.
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body = io.NopCloser(bytes.NewReader(body))
	}

	op.sent = true
	markSent(r.Context(), t.clock.now())
	response, err := t.next.RoundTrip(out)
	if err != nil {
		if op.write && !sending.isUnsent() {
			return nil, &Ambiguous{Cause: err}
		}
		op.sent = !sending.isUnsent()
		return nil, &failure{cause: err, unsent: sending.isUnsent()}
	}
	answer, err := readAnswer(response.Body)
	op.requestID = response.Header.Get("Fly-Request-Id")
	status := response.StatusCode
	switch {
	case op.write && (status == http.StatusRequestTimeout || status >= 500):
		return nil, &Ambiguous{Status: status}
	case status/100 == 3:
		return nil, &failure{status: status, cause: errRedirect}
	case status/100 != 2:
		after := retryAfter(response.Header, t.clock.now())
		return nil, &failure{status: status, text: platformText(answer), retryAfter: after}
	case err != nil && op.write:
		return nil, &Ambiguous{Cause: err}
	case err != nil:
		return nil, &failure{cause: err}
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	response.Request = r
	return response, nil
}

func readAnswer(body io.ReadCloser) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if len(answer) > maxAnswer {
		answer, err = nil, errTooLarge
	}
	return answer, errors.Join(err, body.Close())
}

// tracker records how far a request got. Its hooks run on other goroutines.
type tracker struct{ connecting, wrote atomic.Bool }

func (s *tracker) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { s.connecting.Store(true) },
		WroteHeaders: func() { s.wrote.Store(true) },
	}
}

// isUnsent reports whether it is certain that nothing was sent. It is not if the
// transport reports no events.
func (s *tracker) isUnsent() bool { return s.connecting.Load() && !s.wrote.Load() }

// retryAfter reads the header, in seconds or as a date; 0 if there is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// platformText finds the sentence in an error body: Fly answers {"error",
// "message"?}, of which the message says more.
func platformText(body []byte) string {
	var fields struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &fields); err == nil {
		if fields.Message != "" {
			return fields.Message
		}
		return fields.Error
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return "" // a proxy's HTML page says nothing useful
	}
	return string(body[:min(len(body), 4096)])
}

// newBaseTransport sends the requests if [Options] hold no transport. The proxies of
// the environment are not used for loopback and private hosts. Idle connections are
// closed early: a write on one that the other side has closed would be ambiguous.
func newBaseTransport() *http.Transport {
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if host := r.URL.Hostname(); loopback.IsHost(host) || host == internalAPI {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     20 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

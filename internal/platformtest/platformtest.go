// Package platformtest starts the emulated platform for tests, with real clients of it;
// production code must not import it.
package platformtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Start returns the time at which tests begin: the apps of the example organization are older.
func Start() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// Platform is an emulated platform in memory.
type Platform struct {
	*flysim.Platform
	// OnRequest and OnAnswer, if set, change the bodies of the clients' requests and
	// of the answers. They are set while no client sends anything.
	OnRequest, OnAnswer func(path string, body []byte) []byte

	tb    testing.TB
	still bool
}

// New returns a platform that has no app. Its time is real, or the bubble's.
func New(tb testing.TB, o flysim.Options) *Platform {
	return &Platform{Platform: flysim.New(o), tb: tb}
}

// NewStill returns a platform that has no app, and whose clock stands at [Start] until it is
// moved by a test, or by a client that waits.
func NewStill(tb testing.TB, o flysim.Options) *Platform {
	o.Clock = flysim.NewClock(Start)
	p := New(tb, o)
	p.still = true
	return p
}

// Seeded gives the platform the example organization.
func (p *Platform) Seeded() *Platform {
	p.tb.Helper()
	if err := p.Seed(p.tb.Context()); err != nil {
		p.tb.Fatal(err)
	}
	return p
}

// InBubble runs a test in a bubble of testing/synctest, where waiting takes no time, from
// [Start] on.
func InBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(Start()))
		test(t)
	})
}

// Serve serves the platform's APIs on loopback until the test ends.
func (p *Platform) Serve() fly.Endpoints {
	p.tb.Helper()
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			p.tb.Error(err)
		}
	})
	return fly.Endpoints{API: server.URL, Flaps: server.URL, UIEX: server.URL}
}

// Client returns a client with full rights, whose requests reach the platform in memory.
func (p *Platform) Client(change ...func(*fly.Options)) *fly.Client {
	p.tb.Helper()
	const url = "http://127.0.0.1:9" // nothing is sent there
	o := fly.Options{
		Endpoints: fly.Endpoints{API: url, Flaps: url, UIEX: url},
		Token:     fly.NewToken(p.Token()), UserAgent: "flycast-mcp/test", HTTP: p, Now: p.Clock().Now,
	}
	if p.still {
		o.Sleep = func(ctx context.Context, d time.Duration) error { p.Clock().Advance(d); return ctx.Err() }
	}
	for _, f := range change {
		f(&o)
	}
	client, err := fly.New(o)
	if err != nil {
		p.tb.Fatal(err)
	}
	return client
}

// RoundTrip implements [http.RoundTripper].
func (p *Platform) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.OnRequest != nil && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = p.OnRequest(r.URL.Path, body)
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	response, err := p.Transport().RoundTrip(r)
	if err != nil || p.OnAnswer == nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	body = p.OnAnswer(r.URL.Path, body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, err
}

// MachineConfig returns the Machine's configuration in the product's type.
func (p *Platform) MachineConfig(app, id string) machine.Config {
	p.tb.Helper()
	config, err := machine.ParseConfig([]byte(p.Platform.MachineConfig(app, id).String()))
	if err != nil {
		p.tb.Fatal(err)
	}
	return config
}

// File returns an app's fly.toml with one piece of it replaced.
func (p *Platform) File(app, was, is string) string {
	p.tb.Helper()
	file, ok := p.FlyToml(app)
	if !ok || !strings.Contains(string(file), was) {
		p.tb.Fatalf("the file has no %q", was)
	}
	return strings.Replace(string(file), was, is, 1)
}

// FileWithoutChecks returns an app's fly.toml without its health checks.
func (p *Platform) FileWithoutChecks(app string) string {
	p.tb.Helper()
	text, _, ok := strings.Cut(p.File(app, "", ""), "[[http_service.checks]]")
	if !ok {
		p.tb.Fatal("the file has no checks")
	}
	return text
}

// MakeByAPI gives Machines these services, and the looks of Machines that were made
// through the Machines API.
func (p *Platform) MakeByAPI(app, services string, ids ...string) {
	p.tb.Helper()
	for _, id := range ids {
		config := p.MachineConfig(app, id).Without("metadata")
		p.SetMachineConfig(app, id, WithField(p.tb, config, "services", json.RawMessage(services)))
	}
}

// WithField returns a configuration with one more field.
func WithField(tb testing.TB, config machine.Config, key string, value any) machine.Config {
	tb.Helper()
	config, err := config.With(key, value)
	if err != nil {
		tb.Fatal(err)
	}
	return config
}

// Grant returns the right to take the request's steps, as a gate gives it.
func (p *Platform) Grant(ledger gate.Ledger, request gate.Request) *gate.Grant {
	p.tb.Helper()
	outcome := gate.New(gate.Options{Ledger: ledger, Now: p.Clock().Now}).Decide(request, nil)
	grant, err := outcome.Commit()
	if err != nil {
		p.tb.Fatal(err)
	}
	return grant
}

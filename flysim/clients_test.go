package flysim_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"
	"github.com/superfly/fly-go/tokens"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/internal/flysimtest"
)

const (
	shop        = "/v1/apps/shop-api"
	shopA       = "148e21ea7d9d89"
	shopB       = "3d8d9e0b59e318"
	leaseHeader = "fly-machine-lease-nonce"
)

// startTime is later than everything in the fixture.
var startTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded returns a platform with the example apps, on a clock that only tests move.
func seeded(t testing.TB, options flysim.Options) *flysim.Platform {
	t.Helper()
	if options.Clock == nil {
		options.Clock = flysim.NewClock(func() time.Time { return startTime })
	}
	p := flysim.New(options)
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// reply is an answer of the platform.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// get reads a value of the JSON body, as [flysimtest.Value] does.
func (r reply) get(t testing.TB, path string) string {
	t.Helper()
	return flysimtest.Value(t, r.body, path)
}

// ask sends a request with the full token, in memory. Headers are name and value pairs and may
// replace the token.
func ask(t testing.TB, p *flysim.Platform, method, target, body string, headers ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+p.Token())
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

// graphQuery sends a GraphQL request.
func graphQuery(t testing.TB, p *flysim.Platform, text string, variables map[string]any, headers ...string) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": text, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, p, "POST", "/graphql", string(body), headers...)
}

func wantStatus(t testing.TB, got reply, want int) {
	t.Helper()
	if got.status != want {
		t.Fatalf("status %d, want %d: %s", got.status, want, got.body)
	}
}

func wantBody(t testing.TB, got reply, path, want string) {
	t.Helper()
	if value := got.get(t, path); value != want {
		t.Errorf("%s = %s, want %s", path, value, want)
	}
}

// listening serves the platform on a real socket until the test ends.
func listening(t testing.TB, p *flysim.Platform) *flysim.Server {
	t.Helper()
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// redirect sends every request to the platform.
type redirect struct{ to *url.URL }

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = r.to.Scheme, r.to.Host, ""
	return http.DefaultTransport.RoundTrip(req)
}

// clients returns the real fly-go clients, connected to the platform.
func clients(t testing.TB, p *flysim.Platform) (*fly.Client, *flaps.Client) {
	t.Helper()
	server := listening(t, p)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	gql := fly.NewClientFromOptions(fly.ClientOptions{AccessToken: p.Token(), Name: "test", Version: "1",
		BaseURL: server.URL})
	rest, err := flaps.NewWithOptions(t.Context(), flaps.NewClientOpts{Tokens: tokens.Parse(p.Token()),
		Transport: redirect{to}})
	if err != nil {
		t.Fatal(err)
	}
	return gql, rest
}

// sameJSON reports whether two values encode to the same JSON, in any order of keys.
func sameJSON(t testing.TB, a, b json.Marshaler) bool {
	t.Helper()
	var documents [2]any
	for i, v := range []json.Marshaler{a, b} {
		raw, err := v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &documents[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(documents[0], documents[1])
}

// indent formats JSON for failure messages.
func indent(t testing.TB, raw []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", " "); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return out.String()
}

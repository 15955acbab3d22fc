package fly

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	genqlient "github.com/Khan/genqlient/graphql"
	flygo "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"
	"github.com/superfly/fly-go/tokens"
	"golang.org/x/time/rate"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

var _ Client = (*FlyGo)(nil)

// Options say where and as whom a [FlyGo] works.
type Options struct {
	Endpoints     Endpoints     // zero: Fly.io
	Token         Token         // empty: every method answers unauthorized, and how to get one
	AllowLoopback bool          // a token that is not a sandbox's may go to a loopback address
	UserAgent     string        // name/version
	Organization  string        // if set, AppNames lists the apps of this organization only
	Apps          Apps          // requests about other apps are refused; empty: none is
	Timeout       time.Duration // of one request; 0: 30 s. Wait has its own on top

	HTTP  http.RoundTripper                          // nil: a transport of its own
	Now   func() time.Time                           // nil: time.Now
	Sleep func(context.Context, time.Duration) error // nil: real time; returns the context's error if that ends first
}

// FlyGo is the [Client] over fly-go. It keeps connections and a cookie jar
// (Fly's fly_flaps_affinity cookie makes a client read its own writes), so
// make one for a token, not one for a call.
type FlyGo struct {
	graphql   *flygo.Client
	flaps     *flaps.Client
	http      *http.Client // for requests that flaps makes: its own typed calls lose fields
	token     Token
	userAgent string
	timeout   time.Duration
	clock     clock

	organization string
	apps         Apps
	shared       *Shared
}

// New makes a client without using the network. It fails with code
// invalid_input for what [Endpoints.Check] refuses, and if the process's
// FLY_FLAPS_BASE_URL is not a URL: fly-go reads that variable by itself, here
// without any effect, but fails on garbage.
func New(o Options) (*FlyGo, error) {
	if o.Endpoints == (Endpoints{}) {
		o.Endpoints = Production()
	}
	if err := o.Endpoints.Check(o.Token, o.AllowLoopback); err != nil {
		return nil, &Error{Code: gate.InvalidInput, Message: err.Error()}
	}
	api, apiErr := parseBase(o.Endpoints.API)
	machines, flapsErr := parseBase(o.Endpoints.Flaps)
	uiex, uiexErr := parseBase(o.Endpoints.UIEX)
	if apiErr != nil || flapsErr != nil || uiexErr != nil {
		return nil, &Error{Code: gate.InvalidInput, Message: "all three base URLs are needed, or none"}
	}
	c := &FlyGo{token: o.Token, userAgent: o.UserAgent, timeout: o.Timeout, clock: clock{o.Now, o.Sleep}, organization: o.Organization, apps: slices.Clone(o.Apps)}
	if c.timeout <= 0 {
		c.timeout = 30 * time.Second
	}
	if c.clock.now == nil {
		c.clock.now = time.Now
	}
	if c.clock.sleep == nil {
		c.clock.sleep = sleep
	}
	if o.HTTP == nil {
		o.HTTP = newBaseTransport()
	}
	c.shared = &Shared{FlyGo: c, answers: make(map[readKey]*answer)}
	via := &transport{
		routes: map[string]*url.URL{graphqlOrigin: api, flapsOrigin: machines, uiexOrigin: uiex},
		next:   o.HTTP,
		apps:   c.apps,
		token:  o.Token,
		limits: &limiter{clock: c.clock, buckets: make(map[bucketKey]*rate.Limiter)},
		clock:  c.clock,
		wrote:  c.shared.changed,
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, &Error{Code: gate.Internal, Message: "cookie jar", Err: err}
	}
	c.http = &http.Client{Transport: via, Jar: jar}

	credentials := tokens.Parse(o.Token.reveal())
	off, none := false, "" // given, so that fly-go does not take them from the environment
	c.graphql = flygo.NewClientFromOptions(flygo.ClientOptions{
		Tokens:           credentials,
		BaseURL:          graphqlOrigin,
		EnableDebugTrace: &off,
		FlyForceRegion:   &none,
		Transport:        &flygo.Transport{UnderlyingTransport: via, UserAgent: o.UserAgent, Tokens: credentials},
	})
	c.flaps, err = flaps.NewWithOptions(context.Background(), flaps.NewClientOpts{
		UserAgent: o.UserAgent, Tokens: credentials, Transport: via,
	})
	if err != nil {
		return nil, &Error{Code: gate.InvalidInput, Message: "FLY_FLAPS_BASE_URL is not a URL", Hint: "unset FLY_FLAPS_BASE_URL"}
	}
	return c, nil
}

// String names the client without what it holds, its token above all.
func (c *FlyGo) String() string { return "fly client" }

// GoString is String.
func (c *FlyGo) GoString() string { return c.String() }

// reading is an operation that changes nothing.
func (c *FlyGo) reading(action, app, machine string, p pace) *operation {
	tokens := c.token.parts()
	return &operation{action: action, app: app, machine: machine, pace: p, timeout: c.timeout, secrets: tokens, tokens: len(tokens)}
}

// writing is an operation that is sent once.
func (c *FlyGo) writing(action, app, machine string) *operation {
	op := c.reading(action, app, machine, calm())
	op.write = true
	return op
}

// ask runs one GraphQL operation and returns its data, which is complete: an
// error anywhere in the answer is an error here.
func (c *FlyGo) ask(ctx context.Context, op *operation, name, document string, variables any) (json.RawMessage, error) {
	data, err := c.query(ctx, op, name, document, variables)
	return data, op.explain(err)
}

// query is ask with the errors of the transport and of GraphQL as they are.
func (c *FlyGo) query(ctx context.Context, op *operation, name, document string, variables any) (json.RawMessage, error) {
	var data json.RawMessage
	request := genqlient.Request{OpName: name, Query: document, Variables: variables}
	err := c.graphql.GenqClient().MakeRequest(op.within(ctx), &request, &genqlient.Response{Data: &data})
	return data, err
}

// call sends one request to the Machines API, with path below /v1, and returns
// the body of a 2xx answer.
func (c *FlyGo) call(ctx context.Context, op *operation, method, path string, body any, header http.Header) ([]byte, error) {
	answer, err := c.send(ctx, op, method, path, body, header)
	return answer, op.explain(err)
}

// send is call with the transport's own errors.
func (c *FlyGo) send(ctx context.Context, op *operation, method, path string, body any, header http.Header) ([]byte, error) {
	request, err := c.flaps.NewRequest(op.within(ctx), method, path, body, header)
	if err != nil {
		return nil, &failure{cause: err, unsent: true}
	}
	origin, err := url.Parse(flapsOrigin)
	if err != nil {
		return nil, &failure{cause: err, unsent: true}
	}
	// fly-go takes the host, and whatever else it finds, from the environment.
	request.URL = &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: request.URL.Path, RawQuery: request.URL.RawQuery}
	request.Host = origin.Host
	return c.deliver(request)
}

// callUIEX sends one request to uiex, the API behind flyctl's releases, which
// fly-go does not know, and returns the body of a 2xx answer. All tokens go
// along as Bearer, macaroons too: that is how flyctl does it there.
func (c *FlyGo) callUIEX(ctx context.Context, op *operation, method, path string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, op.explain(&failure{cause: err, unsent: true})
	}
	request, err := http.NewRequestWithContext(op.within(ctx), method, uiexOrigin+path, bytes.NewReader(data))
	if err != nil {
		return nil, op.explain(&failure{cause: err, unsent: true})
	}
	request.Header.Set("Authorization", "Bearer "+strings.Join(c.token.parts(), ","))
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.deliver(request)
	return answer, op.explain(err)
}

// deliver sends a request and reads its answer.
func (c *FlyGo) deliver(request *http.Request) ([]byte, error) {
	request.Header.Set("User-Agent", c.userAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body) // from memory: the transport has read and bounded it
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	return answer, err
}

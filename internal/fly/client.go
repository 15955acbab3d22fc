package fly

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Options configure a [Client].
type Options struct {
	Endpoints     Endpoints     // zero: Fly.io
	Token         Token         // empty: every method fails with code unauthorized and a hint
	AllowLoopback bool          // a token that is not a sandbox's may go to a loopback address
	UserAgent     string        // name/version
	Organization  string        // if set, AppNames lists the apps of this organization only
	Apps          Apps          // if set, requests about other apps are refused
	Timeout       time.Duration // of one request; 0: 30 s. Wait has its own on top

	HTTP  http.RoundTripper                          // nil: a transport of its own
	Now   func() time.Time                           // nil: time.Now
	Sleep func(context.Context, time.Duration) error // nil: real time; the context's error if that ends first
}

// Client reads and changes apps. It keeps connections and a cookie jar (with
// Fly's fly_flaps_affinity cookie a client reads its own writes), so make one for a
// token, not one for a call. It is safe for concurrent use.
type Client struct {
	graphql   *flygo.Client
	flaps     *flaps.Client
	http      *http.Client // for requests that flaps makes
	token     Token
	userAgent string
	timeout   time.Duration
	clock     timeSource

	organization string
	apps         Apps
	shared       *Shared
}

// New makes a client without using the network. It fails with code invalid_input
// for what [Endpoints.Check] refuses, and if the FLY_FLAPS_BASE_URL of the process
// is not a URL.
func New(o Options) (*Client, error) {
	if o.Endpoints == (Endpoints{}) {
		o.Endpoints = Production()
	}
	if err := o.Endpoints.Check(o.Token, o.AllowLoopback); err != nil {
		return nil, plan.Invalid("%v", err)
	}
	api, apiErr := parseBase(o.Endpoints.API)
	machines, flapsErr := parseBase(o.Endpoints.Flaps)
	uiex, uiexErr := parseBase(o.Endpoints.UIEX)
	if apiErr != nil || flapsErr != nil || uiexErr != nil {
		return nil, plan.Invalid("all three base URLs are needed, or none")
	}
	c := &Client{
		token: o.Token, userAgent: o.UserAgent, timeout: o.Timeout, clock: timeSource{o.Now, o.Sleep},
		organization: o.Organization, apps: slices.Clone(o.Apps),
	}
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
	c.shared = &Shared{client: c, reads: make(map[readKey]*sharedRead)}
	via := &transport{
		routes: map[string]*url.URL{graphqlOrigin: api, flapsOrigin: machines, uiexOrigin: uiex},
		next:   o.HTTP,
		apps:   c.apps,
		token:  o.Token,
		limits: &limiter{clock: c.clock, buckets: make(map[bucketKey]*rate.Limiter)},
		clock:  c.clock,
		wrote:  c.shared.drop,
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("cookie jar: %w", err)
	}
	c.http = &http.Client{Transport: via, Jar: jar}

	credentials := tokens.Parse(o.Token.reveal())
	off, none := false, "" // set, so that fly-go does not read them from the environment
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
		const variable = "FLY_FLAPS_BASE_URL"
		return nil, &plan.Problem{Code: gate.InvalidInput, Message: variable + " is not a URL", Hint: "unset " + variable}
	}
	return c, nil
}

// String hides what the client holds, its token above all.
func (c *Client) String() string { return "fly client" }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// reading returns an operation that changes nothing.
func (c *Client) reading(action string, p pace) *operation {
	parts := c.token.parts()
	return &operation{action: action, pace: p, timeout: c.timeout, secrets: parts, tokens: len(parts)}
}

// writing returns an operation that is sent once.
func (c *Client) writing(action string) *operation {
	op := c.reading(action, calm())
	op.write = true
	return op
}

// ask sends a GraphQL operation and returns its data, which is complete: an error
// anywhere in the answer is an error here.
func (c *Client) ask(ctx context.Context, op *operation, name, document string, variables any) ([]byte, error) {
	data, err := c.query(ctx, op, name, document, variables)
	return data, op.explain(err)
}

// query is ask without explaining the errors of the transport and of GraphQL.
func (c *Client) query(ctx context.Context, op *operation, name, document string, variables any) ([]byte, error) {
	if err := op.check(); err != nil {
		return nil, err
	}
	var data json.RawMessage
	request := genqlient.Request{OpName: name, Query: document, Variables: variables}
	err := c.graphql.GenqClient().MakeRequest(op.within(ctx), &request, &genqlient.Response{Data: &data})
	return data, err
}

// call sends one request to the Machines API, with path below /v1, and returns
// the body of a 2xx answer.
func (c *Client) call(
	ctx context.Context, op *operation, method, path string, body any, header http.Header,
) ([]byte, error) {
	answer, err := c.send(ctx, op, method, path, body, header)
	return answer, op.explain(err)
}

// get is call of a read.
func (c *Client) get(ctx context.Context, op *operation, path string) ([]byte, error) {
	return c.call(ctx, op, http.MethodGet, path, nil, nil)
}

// send is call without explaining the transport's errors.
func (c *Client) send(
	ctx context.Context, op *operation, method, path string, body any, header http.Header,
) ([]byte, error) {
	if err := op.check(); err != nil {
		return nil, err
	}
	request, err := c.flaps.NewRequest(op.within(ctx), method, path, body, header)
	if err != nil {
		return nil, &failure{cause: err, unsent: true}
	}
	origin, err := url.Parse(flapsOrigin)
	if err != nil {
		return nil, &failure{cause: err, unsent: true}
	}
	// Path and query are ours; fly-go takes the host from the environment.
	origin.Path, origin.RawQuery = request.URL.Path, request.URL.RawQuery
	request.URL, request.Host = origin, origin.Host
	return c.deliver(request)
}

// callUIEX sends one request to uiex, the API behind flyctl's releases, and returns
// the body of a 2xx answer. As with flyctl, all tokens go along as Bearer,
// macaroons too.
func (c *Client) callUIEX(ctx context.Context, op *operation, method, path string, body any) ([]byte, error) {
	if err := op.check(); err != nil {
		return nil, err
	}
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
func (c *Client) deliver(request *http.Request) ([]byte, error) {
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

// decode returns what an answer holds, or the error that came in its place. An
// answer that parse rejects is unreadable; one without what was asked for
// ([errAbsent]) is not found.
func decode[T any](op *operation, answer []byte, err error, parse func([]byte) (T, error)) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	value, err := parse(answer)
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, errAbsent):
		return none, op.notFound("")
	}
	return none, op.unreadable(err)
}

// errAbsent means that a GraphQL answer holds null in place of what was asked for.
var errAbsent = errors.New("the answer is null")

// fromJSON decodes JSON.
func fromJSON[T any](data []byte) (value T, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}

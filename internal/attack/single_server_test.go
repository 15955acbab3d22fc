package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
	"github.com/flycast-mcp/flycast-mcp/prompts"
	"github.com/flycast-mcp/flycast-mcp/resources"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// hold is how long calls wait for work.
const hold = 45 * time.Second

// singleServer is one server whose clock is the test's, on a platform that takes time for
// each answer, served over every transport.
type singleServer struct {
	*platformtest.Platform
	t        *testing.T
	clock    *handClock
	gate     *gate.Gate
	requests *gate.Requests
	key      gate.SigningKey
	pause    time.Duration // that the platform takes for each answer

	mu    sync.Mutex
	onFly func(body string) // called for every request to the platform; may be nil

	connect map[string]func(t *testing.T) transport.Interface
}

// handClock moves when it is told to. What waits for less than a minute does not
// wait; what waits for longer waits for ever.
type handClock struct {
	*flytest.Clock
	mu    sync.Mutex
	holds int // calls that wait for work
}

// holding is how many calls wait, or have waited, for work.
func (c *handClock) holding() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holds
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	if d == hold {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.holds++
	}
	if d >= 10*time.Second { // heartbeats, holds, limits
		return nil
	}
	passed := make(chan time.Time, 1)
	c.Advance(d)
	passed <- c.Now()
	return passed
}

// RoundTrip implements [http.RoundTripper].
func (s *singleServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.clock.Advance(s.pause)
	s.mu.Lock()
	onFly := s.onFly
	s.mu.Unlock()
	if onFly != nil && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		onFly(string(body))
	}
	return s.Transport().RoundTrip(r)
}

// each has a function called for every request to the platform from now on.
func (s *singleServer) each(call func(body string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onFly = call
}

const bearerToken = "0123456789abcdef0123456789abcdef"

// newSingleServer serves one app that is ready for a release: a Flycast address, a
// public one that cannot be had again, and Machines that answer plain HTTP.
func newSingleServer(t *testing.T, pause time.Duration) *singleServer {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &singleServer{t: t, clock: &handClock{Clock: flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0,
		time.UTC))}, pause: pause}
	s.Platform = platformtest.New(t, flysim.Options{Clock: flysim.NewClock(s.clock.Now)})
	s.AddApp(firstApp, "personal", "")
	s.AddMachine(firstApp, "ams", machineConfig(t))
	s.AddAddress(firstApp, "private_v6", "personal", "")
	s.AddAddress(firstApp, "v4", "", "")
	s.AddApp(secondApp, "personal", "")
	var err error
	s.key, err = gate.NewSigningKey()
	must(err)
	flyClient := s.Client(func(o *fly.Options) {
		o.HTTP = s
		o.Sleep = func(ctx context.Context, d time.Duration) error { s.clock.Advance(d); return ctx.Err() }
	})
	state := t.TempDir()
	book := journaltest.Open(t, state, s.clock.Now)
	s.requests, err = gate.NewRequests(filepath.Join(state, "requests"), s.clock.Now)
	must(err)
	s.gate = gate.New(gate.Options{
		Mode: gate.ModeAuto, Keys: gate.FixedKeys(s.key.Public()), Requests: s.requests,
		Ledger: call.Ledger{Journal: book}, AnswerWithin: answerWithin, Now: s.clock.Now,
	})
	deps := call.Deps{
		Journal: book, Runs: call.NewRuns(s.clock), Clock: s.clock, Hold: hold, AnswerWithin: answerWithin,
		Gate: s.gate, ApproveCommand: func(ticket string) string { return "approve " + ticket },
		Log: slog.New(slog.DiscardHandler),
	}
	mcpServer := server.New(server.Options{
		Version: "test", Tools: tools.All(tools.Deps{Deps: deps, Fly: flyClient}),
		Resources: resources.Resources{Fly: flyClient}, Completer: resources.Completer{Fly: flyClient},
		Prompts: prompts.Prompts{Fly: flyClient, Now: s.clock.Now},
	})

	url := make(chan string, 1)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- server.ServeHTTP(ctx, mcpServer, server.HTTPOptions{
			Addr: "127.0.0.1:0", Token: bearerToken, SSE: true, Now: s.clock.Now, Ready: func(at string) { url <- at },
		})
	}()
	at := <-url
	connections := &http.Transport{}
	t.Cleanup(func() {
		connections.CloseIdleConnections() // a stopping server waits for new ones
		stop()
		<-ended
	})
	header := map[string]string{"Authorization": "Bearer " + bearerToken}
	s.connect = map[string]func(t *testing.T) transport.Interface{
		"stdio": func(t *testing.T) transport.Interface {
			toServer, fromClient := io.Pipe()
			toClient, fromServer := io.Pipe()
			go func() {
				_ = server.ServeStdio(t.Context(), mcpServer, toServer, fromServer, server.StdioOptions{Now: s.clock.Now})
				_ = fromServer.Close()
			}()
			return transport.NewIO(toClient, fromClient, io.NopCloser(strings.NewReader("")))
		},
		"http": func(t *testing.T) transport.Interface {
			via, err := transport.NewStreamableHTTP(at, transport.WithHTTPHeaders(header),
				transport.WithHTTPBasicClient(&http.Client{Transport: connections}))
			must(err)
			return via
		},
		"sse": func(t *testing.T) transport.Interface {
			via, err := transport.NewSSE(strings.TrimSuffix(at, "/mcp")+"/sse", transport.WithHeaders(header),
				transport.WithHTTPClient(&http.Client{Transport: connections}))
			must(err)
			return via
		},
	}
	return s
}

// wires are all the ways in which a question and its answer can travel.
func wires() []struct{ name, transport, version string } {
	return []struct{ name, transport, version string }{
		{"stdio, handshake", "stdio", mcp.ProtocolVersion20251125},
		{"stdio, 2025-06-18", "stdio", mcp.ProtocolVersion20250618},
		{"stdio, round trip", "stdio", mcp.ProtocolVersion20260728},
		{"HTTP, handshake", "http", mcp.ProtocolVersion20251125},
		{"HTTP, round trip", "http", mcp.ProtocolVersion20260728},
		{"SSE, round trip", "sse", mcp.ProtocolVersion20260728},
	}
}

// answering is the client's side of a question.
type answering func(question mcp.ElicitationRequest) *mcp.ElicitationResult

// Elicit implements mcp-go's handler.
func (f answering) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return f(r), nil
}

// asks answers with an action and, if it is an accept, with the right content.
func asks(action mcp.ElicitationResponseAction) *mcp.ElicitationResult {
	response := mcp.ElicitationResponse{Action: action}
	if action == mcp.ElicitationResponseActionAccept {
		response.Content = map[string]any{"app": firstApp, "confirm": true}
	}
	return &mcp.ElicitationResult{ElicitationResponse: response}
}

// open is a client of the server.
func (s *singleServer) open(t *testing.T, via, version string, answer answering) *mcpclient.Client {
	t.Helper()
	return s.start(t, mcpclient.NewClient(s.connect[via](t), mcpclient.WithProtocolVersion(version),
		mcpclient.WithElicitationHandler(answer)), version)
}

func (s *singleServer) start(t *testing.T, c *mcpclient.Client, version string) *mcpclient.Client {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion, hello.Params.ClientInfo = version, mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	return c
}

// outcome is what a call was answered, as far as the tests look at it.
type outcome struct {
	Status, Code, Summary string
	Approval              struct{ Ticket, Command, Channel string }
}

func (o outcome) String() string { return fmt.Sprintf("%s %s: %s", o.Status, o.Code, o.Summary) }

func callTool(t *testing.T, c *mcpclient.Client, tool string, args map[string]any) outcome {
	t.Helper()
	var r mcp.CallToolRequest
	r.Params.Name, r.Params.Arguments = tool, args
	result, err := c.CallTool(t.Context(), r)
	if err != nil {
		t.Errorf("%s: %v", tool, err)
		return outcome{}
	}
	var o outcome
	body, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &o)
	}
	if err != nil {
		t.Error(err)
	}
	return o
}

// release is the call that the tests are about: it takes away what does not come back.
func release(t *testing.T, c *mcpclient.Client) outcome {
	t.Helper()
	return callTool(t, c, "release_public_ips", map[string]any{"app": firstApp})
}

// releases is how many addresses the platform was told to release.
func (s *singleServer) releases() (n int) {
	for _, call := range s.Calls() {
		if call.Operation == "graphql.releaseIpAddress" {
			n++
		}
	}
	return n
}

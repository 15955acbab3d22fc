// Package scenario has end-to-end tests: whole journeys of an agent and a person through a
// real MCP client, against the emulated platform.
package scenario

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
	"github.com/flycast-mcp/flycast-mcp/prompts"
	"github.com/flycast-mcp/flycast-mcp/resources"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// readingTime is how long the person takes to read a question. A faster answer comes from a
// program, and does not count.
const readingTime = 10 * time.Second

// setup is what a world is made of.
type setup struct {
	version  string // of the protocol; empty: the latest
	policy   string
	readOnly bool
	mute     bool // the client cannot ask its user
	token    func(p *flysim.Platform) string
	answer   func(question string) mcp.ElicitationResponseAction // nil: accept
	options  flysim.Options
}

// world is an emulated platform, a server, a client, and a person who answers questions.
type world struct {
	*platformtest.Platform
	t        *testing.T
	client   *mcpclient.Client
	measures *rows
	dir      string // the root
	state    string
	person   func(question string) mcp.ElicitationResponseAction

	internet verify.Internet

	mu        sync.Mutex
	app       string // the app whose routes are watched
	questions []string
	from      int // number of the last request before the journey
	unasked   []string
	asking    bool // a question is open
	moves     int  // counts what happens
	waits     []pendingWait
	yes       bool // a question was answered with yes in the current call
	noRoute   time.Duration
	lastLook  time.Time
	hadRoute  bool
}

// newWorld starts a platform with the example apps, and everything else.
func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{
		Platform: platformtest.NewStill(t, s.options).Seeded(), t: t, dir: t.TempDir(), state: t.TempDir(), person: s.answer,
	}
	plane, err := dataplane.Start(w.Platform.Platform, dataplane.Options{
		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, Gateway: dataplane.AnyPort})
	if err == nil {
		w.internet, err = verify.NewEmulated(plane.Listening.Public)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Close(); err != nil {
			t.Error(err)
		}
	})
	go w.idle(t.Context())
	w.start(s)
	return w
}

// start starts a server and a client of it. A second start is a restart of both.
func (w *world) start(s setup) {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	now := w.Clock().Now
	clock := &skippingClock{flytest.SkippingClock{Movable: w.Clock(), Below: time.Minute}, w}
	flyClient := w.Client(func(o *fly.Options) {
		o.HTTP = w
		if s.token != nil {
			o.Token = fly.NewToken(s.token(w.Platform.Platform))
		}
	})
	book := journaltest.Open(w.t, w.state, now)
	requests, err := gate.NewRequests(filepath.Join(w.state, "requests"), now)
	must(err)
	folders, err := roots.Open(w.dir)
	must(err)
	w.t.Cleanup(func() { _ = folders.Close() })
	deps := tools.Deps{
		Fly: flyClient, Roots: folders, Internet: w.internet,
		Deps: call.Deps{
			Journal: book, Runs: call.NewRuns(clock), Clock: clock, Hold: time.Minute, AnswerWithin: time.Minute,
			ReadOnly: s.readOnly, Log: slog.New(slog.DiscardHandler),
			ApproveCommand: func(ticket string) string { return "flycast-mcp approve " + ticket },
		},
	}
	rules, err := gate.ParsePolicy([]byte(s.policy), vocabulary())
	must(err)
	deps.Gate = gate.New(gate.Options{
		Mode: gate.ModeAuto, Policy: rules, Requests: requests, Ledger: call.Ledger{Journal: book},
		AnswerWithin: time.Minute, Now: now,
	})
	mcpServer := server.New(server.Options{
		Version: "test", Tools: tools.All(deps), ReadOnly: s.readOnly,
		Resources: resources.Resources{Fly: flyClient, Now: now, Roots: folders},
		Completer: resources.Completer{Fly: flyClient},
		Prompts:   prompts.Prompts{Fly: flyClient, Now: now, Paths: true},
	})
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	go func() {
		_ = server.ServeStdio(w.t.Context(), mcpServer, toServer, fromServer, server.StdioOptions{Now: now})
		_ = fromServer.Close()
	}()
	version := s.version
	if version == "" {
		version = mcp.ProtocolVersion20260728
	}
	options := []mcpclient.ClientOption{mcpclient.WithProtocolVersion(version)}
	if !s.mute {
		options = append(options, mcpclient.WithElicitationHandler(w))
	}
	w.client = mcpclient.NewClient(transport.NewIO(toClient, fromClient, io.NopCloser(strings.NewReader(""))), options...)
	must(w.client.Start(w.t.Context()))
	w.t.Cleanup(func() { _ = w.client.Close() })
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion, hello.Params.ClientInfo = version, mcp.Implementation{Name: "scenario", Version: "1"}
	_, err = w.client.Initialize(w.t.Context(), hello)
	must(err)
}

func vocabulary() gate.Vocabulary {
	return plan.Vocabulary(tools.Changers(tools.All(tools.Deps{}))...)
}

// skippingClock passes short waits at once. Waits as long as a heartbeat end when the clock has
// passed them, or when nothing else happens: a heartbeat that passed at once would run for ever.
type skippingClock struct {
	flytest.SkippingClock
	world *world
}

// pendingWait is a wait that has not ended.
type pendingWait struct {
	until time.Time
	end   chan time.Time
}

// After implements the clocks of calls and of deploys.
func (c *skippingClock) After(d time.Duration) <-chan time.Time {
	const runs, questions = 5 * time.Second, 10 * time.Second
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.world.moves++
	if d == runs || d == questions && c.world.asking {
		wait := pendingWait{c.Now().Add(d), make(chan time.Time, 1)}
		c.world.waits = append(c.world.waits, wait)
		return wait.end
	}
	return c.SkippingClock.After(d)
}

// idle ends pending waits until the test does: those that the clock has passed, and the next one
// when nothing moves any more.
func (w *world) idle(ctx context.Context) {
	seen := 0
	for ctx.Err() == nil {
		time.Sleep(2 * time.Millisecond)
		if len(w.Peers()) > 0 { // Fly Proxy may be waiting for a program
			w.Clock().Advance(100 * time.Millisecond)
		}
		w.mu.Lock()
		moves := w.moves
		slices.SortFunc(w.waits, func(a, b pendingWait) int { return a.until.Compare(b.until) })
		if moves == seen && len(w.waits) > 0 && !w.asking {
			if left := w.waits[0].until.Sub(w.Clock().Now()); left > 0 {
				w.Clock().Advance(left)
			}
		}
		now := w.Clock().Now()
		w.waits = slices.DeleteFunc(w.waits, func(wait pendingWait) bool {
			over := !wait.until.After(now)
			if over {
				wait.end <- now
			}
			return over
		})
		w.mu.Unlock()
		seen = moves
	}
}

// Elicit implements mcp-go's handler: the person reads the question and answers.
func (w *world) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	w.mu.Lock()
	w.questions = append(w.questions, r.Params.Message)
	w.asking = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.asking = false
		w.mu.Unlock()
	}()
	action := mcp.ElicitationResponseActionAccept
	if w.person != nil {
		action = w.person(r.Params.Message)
	}
	w.Clock().Advance(readingTime)
	response := mcp.ElicitationResponse{Action: action}
	if action == mcp.ElicitationResponseActionAccept {
		w.mu.Lock()
		w.yes = true
		w.mu.Unlock()
		response.Content = map[string]any{"app": w.app, "confirm": true}
	}
	return &mcp.ElicitationResult{ElicitationResponse: response}, nil
}

// RoundTrip implements [http.RoundTripper]: it notes what the app's callers see meanwhile.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.look()
	response, err := w.Platform.RoundTrip(r)
	w.look()
	return response, err
}

// look adds the time since the last look to the time without a route, if there was none.
func (w *world) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moves++
	now := w.Clock().Now()
	if w.app == "" {
		return
	}
	if !w.lastLook.IsZero() && !w.hadRoute {
		w.noRoute += now.Sub(w.lastLook)
	}
	w.lastLook, w.hadRoute = now, w.hasRoute()
}

// begin starts the journey of an app: what happened before is not counted.
func (w *world) begin(app string) {
	w.mu.Lock()
	w.app, w.questions, w.noRoute, w.lastLook = app, nil, 0, time.Time{}
	w.mu.Unlock()
	calls := w.Calls()
	if len(calls) > 0 {
		w.from = calls[len(calls)-1].Number
	}
}

// answer is the part of a result that scenarios look at.
type answer struct {
	plan.Result
	Verdict string
	Draft   string
	Diff    string
	Content string
	Claims  []struct{ Claim, Verdict, Evidence string }

	raw     any
	isError bool
	text    string
}

// call makes one tools/call, and repeats it while the work runs.
func (w *world) call(tool string, arguments map[string]any) answer {
	w.t.Helper()
	for {
		var request mcp.CallToolRequest
		request.Params.Name, request.Params.Arguments = tool, arguments
		writes := len(w.Writes())
		w.mu.Lock()
		w.yes = false
		w.mu.Unlock()
		result, err := w.client.CallTool(w.t.Context(), request)
		if err != nil {
			w.t.Fatalf("%s %v: %v", tool, arguments, err)
		}
		var a answer
		body, err := json.Marshal(result.StructuredContent)
		if err == nil {
			err = json.Unmarshal(body, &a)
		}
		if err != nil {
			w.t.Fatalf("%s %v: %v", tool, arguments, err)
		}
		a.isError, a.raw = result.IsError, result.StructuredContent
		for _, c := range result.Content {
			if text, ok := c.(mcp.TextContent); ok {
				a.text += text.Text
			}
		}
		if !w.yes && a.Status != plan.Running {
			w.unasked = append(w.unasked, gatedWrites(w.Writes()[writes:])...)
		}
		if a.Status != plan.Running {
			return a
		}
	}
}

// gatedWrites returns the operations that nobody may make without an approval: all but the
// allocation of a Flycast address.
func gatedWrites(calls []flysim.Call) []string {
	var out []string
	for _, c := range calls {
		if c.Operation == "graphql.allocateIpAddress" && c.Target == "private_v6" {
			continue
		}
		out = append(out, c.Operation+" "+c.Target)
	}
	return out
}

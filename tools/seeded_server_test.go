package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// seededServer has the tools on a seeded platform of its own, in this process. The
// policy approves what the test names; short waits pass on the platform's clock.
type seededServer struct {
	*flysim.Platform
	t       *testing.T
	toolset *toolset
	tools   map[string]call.Tool
	dir     string // the one root
	journal string
	// request and answer, if set, stand between the client and the platform.
	request func(body []byte) []byte
	answer  func(body []byte) []byte
}

// MachineConfig is the Machine's configuration in the product's type.
func (w *seededServer) MachineConfig(app, id string) machine.Config {
	w.t.Helper()
	config, err := machine.ParseConfig([]byte(w.Platform.MachineConfig(app, id).String()))
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

func newSeededServer(t *testing.T, policy string, o flysim.Options) *seededServer {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o.Clock = flysim.NewClock(func() time.Time { return at })
	w := &seededServer{Platform: flysim.New(o), t: t, tools: map[string]call.Tool{}, dir: t.TempDir(),
		journal: filepath.Join(t.TempDir(), "journal")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Seed(t.Context()))
	server, err := w.Listen("127.0.0.1:0")
	must(err)
	t.Cleanup(func() { server.Close() })
	now := w.Clock().Now
	client, err := fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: server.URL, Flaps: server.URL,
			UIEX: server.URL}, Token: fly.NewToken(w.Token()), UserAgent: "test/1", HTTP: w, Now: now,
		Sleep: func(ctx context.Context, d time.Duration) error { w.Clock().Advance(d); return ctx.Err() },
	})
	must(err)
	book, err := journal.Open(w.journal, now)
	must(err)
	t.Cleanup(func() { book.Close() })
	requests, err := gate.NewRequests(filepath.Join(t.TempDir(), "requests"), now)
	must(err)
	rules, err := gate.ParsePolicy([]byte(policy), plan.Vocabulary("allocate_flycast", "deploy"))
	must(err)
	folders, err := roots.Open(w.dir)
	must(err)
	t.Cleanup(func() { folders.Close() })
	clock := impatientClock{w.Clock()}
	w.toolset = newToolset(Deps{
		Fly: client, Roots: folders,
		Deps: call.Deps{
			Journal: book, Runs: call.NewRuns(clock), Clock: clock, Hold: time.Minute, AnswerWithin: time.Minute,
			Gate: gate.New(gate.Options{Mode: gate.ModeAuto, Policy: rules, Requests: requests,
				Ledger: call.Ledger{Journal: book}, AnswerWithin: time.Minute, Now: now}),
			ApproveCommand: func(ticket string) string { return "approve " + ticket },
			Log:            slog.New(slog.NewTextHandler(io.Discard, nil)),
		},
	})
	for _, tool := range []call.Tool{w.toolset.allocateFlycast(), w.toolset.patchServices(), w.toolset.deploy()} {
		w.tools[tool.Spec().Name] = tool
	}
	return w
}

// RoundTrip implements [http.RoundTripper].
func (w *seededServer) RoundTrip(request *http.Request) (*http.Response, error) {
	edit := func(body io.ReadCloser, how func([]byte) []byte) (io.ReadCloser, int64, error) {
		defer body.Close()
		data, err := io.ReadAll(body)
		data = how(data)
		return io.NopCloser(bytes.NewReader(data)), int64(len(data)), err
	}
	var err error
	if w.request != nil && request.Body != nil {
		if request.Body, request.ContentLength, err = edit(request.Body, w.request); err != nil {
			return nil, err
		}
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil || w.answer == nil {
		return response, err
	}
	response.Header.Del("Content-Length")
	response.Body, response.ContentLength, err = edit(response.Body, w.answer)
	return response, err
}

// call is one tools/call; out gets the structured half.
func (w *seededServer) call(tool string, arguments map[string]any, out any) {
	w.t.Helper()
	sent := make(map[string]any) // as JSON has it
	body, err := json.Marshal(arguments)
	if err == nil {
		err = json.Unmarshal(body, &sent)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	result, err := w.tools[tool].Call(w.t.Context(),
		mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: sent}})
	if err != nil {
		w.t.Fatal(err)
	}
	if body, err = json.Marshal(result.StructuredContent); err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// impatientClock lets short waits pass at once; long ones never end.
type impatientClock struct{ clock *flysim.Clock }

func (c impatientClock) Now() time.Time { return c.clock.Now() }

func (c impatientClock) After(d time.Duration) <-chan time.Time {
	passed := make(chan time.Time, 1)
	if d < time.Minute {
		c.clock.Advance(d)
		passed <- c.clock.Now()
	}
	return passed
}

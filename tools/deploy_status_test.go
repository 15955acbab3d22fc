package tools

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// callServer is a server with one changing tool, and the tools that show and stop its runs.
type callServer struct {
	*calltest.Server
	tools *toolset
}

func newCallServer(t *testing.T, clock *calltest.Clock, state, policy string) *callServer {
	t.Helper()
	s := calltest.NewServer(t, clock, state, policy)
	return &callServer{s, newToolset(Deps{Deps: s.Deps})}
}

// status is one call of deploy_status: both halves of its answer.
func (w *callServer) status(t *testing.T, ctx context.Context, arguments map[string]any) (statusOutput, string) {
	t.Helper()
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = deployStatusName, arguments
	result, err := w.tools.deployStatus().Call(ctx, request)
	if err != nil || result.IsError {
		t.Fatalf("%v, %+v", err, result)
	}
	body, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var out statusOutput
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out, result.Content[0].(mcp.TextContent).Text
}

// TestDeployStatus: a client that gave up finds its deploy again, at work and
// after it; nobody else does.
func TestDeployStatus(t *testing.T) {
	clock := calltest.NewClock()
	w := newCallServer(t, clock, t.TempDir(), calltest.DeployByItself)
	w.Hold = 0
	release := make(chan struct{})
	w.OnApply = func() { <-release }
	tool := w.Tool(deployName, call.Restarts)
	if out, _ := w.status(t, t.Context(), calltest.ShopAPI()); out.Status != "not_found" {
		t.Errorf("before it began: %+v", out)
	}
	started := calltest.Serve(t.Context(), tool, calltest.ShopAPI())
	calltest.Expect(t, started, plan.Running, "")
	if started.Run == "" || len(started.Next) != 2 || started.Next[1].Tool != deployStatusName ||
		started.Next[1].Arguments.Run != started.Run {
		t.Errorf("run %q, next %+v", started.Run, started.Next)
	}
	if !strings.Contains(started.Text, started.Run) {
		t.Errorf("the text lacks the run: %s", started.Text)
	}
	clock.Advance(90 * time.Second)
	named := map[string]any{"app": "shop-api", "run": started.Run}
	for _, arguments := range []map[string]any{named, calltest.ShopAPI()} {
		out, text := w.status(t, t.Context(), arguments)
		for out.Phase == "starting" { // it is about to say what it does
			out, text = w.status(t, t.Context(), arguments)
		}
		if out.Status != "running" || out.Run != started.Run || out.Phase != "working" || out.Done != 1 ||
			out.Of != 2 || out.Seconds != 90 || out.Result != nil {
			t.Errorf("at work: %+v", out)
		}
		if !strings.Contains(text, "1 of 2 done, 90 s") || !strings.Contains(text, started.Run) {
			t.Errorf("text: %s", text)
		}
	}
	for name, lost := range map[string]struct {
		ctx       context.Context
		arguments map[string]any
	}{
		"another run":    {t.Context(), map[string]any{"app": "shop-api", "run": "run_0"}},
		"another app":    {t.Context(), map[string]any{"app": "legacy-api", "run": started.Run}},
		"another caller": {call.WithCaller(t.Context(), call.Caller{ID: "somebody"}), named},
	} {
		if out, _ := w.status(t, lost.ctx, lost.arguments); out.Status != "not_found" || out.Phase != "" ||
			out.Result != nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
	close(release)
	if err := w.Runs.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, text := w.status(t, t.Context(), named)
		if out.Status != "done" || out.Result["status"] != "applied" ||
			!strings.Contains(out.Summary, "Worked.") || !strings.Contains(text, "Worked.") {
			t.Errorf("done: %+v, %s", out, text)
		}
	}
	if got := calltest.Serve(t.Context(), tool, calltest.ShopAPI()); got.Status != plan.Applied || w.Applied() != "[0]" {
		t.Errorf("the identical call got %s %q, did %s", got.Status, got.Summary, w.Applied())
	}
	clock.Advance(31 * time.Minute)
	if out, _ := w.status(t, t.Context(), named); out.Status != "done" || out.Result != nil ||
		!strings.Contains(out.Summary, ": applied. Its result is no longer kept") || out.Next[0].Tool != "list_ips" {
		t.Errorf("later: %+v", out)
	}
	clock.Advance(3 * time.Hour)
	// entries make the journal forget
	w.Record(journal.Entry{Event: journal.Started, Tool: "allocate_flycast", App: "legacy-api"})
	if out, _ := w.status(t, t.Context(), named); out.Status != "not_found" {
		t.Errorf("much later: %+v", out)
	}
}

// TestDeployStatusOfAnotherTool: it is about deploys alone.
func TestDeployStatusOfAnotherTool(t *testing.T) {
	w := newCallServer(t, calltest.NewClock(), t.TempDir(), "")
	w.Hold = 0
	release := make(chan struct{})
	defer close(release)
	w.OnApply = func() { <-release }
	got := calltest.Serve(t.Context(), w.Tool("allocate_flycast", call.Additive),
		calltest.ShopAPI())
	calltest.Expect(t, got, plan.Running, gate.Code(""))
	if len(got.Next) != 1 {
		t.Errorf("next %+v", got.Next)
	}
	if out, _ := w.status(t, t.Context(), calltest.ShopAPI()); out.Status != "not_found" {
		t.Errorf("got %+v", out)
	}
}

package tools

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// stop is one call of deploy_stop.
func (w *callServer) stop(t *testing.T, ctx context.Context, arguments map[string]any) stopOutput {
	t.Helper()
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = deployStopName, arguments
	result, err := w.tools.deployStop().Call(ctx, request)
	if err != nil || result.IsError {
		t.Fatalf("%v, %+v", err, result)
	}
	body, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var out stopOutput
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	if text := result.Content[0].(mcp.TextContent).Text; !strings.HasPrefix(text, out.Summary+"\n") {
		t.Errorf("text %s", text)
	}
	return out
}

// TestDeployStopCall: a caller who may name the app may stop its deploy; nothing else is
// stopped, and the journal has who it was.
func TestDeployStopCall(t *testing.T) {
	w := newCallServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
	w.Hold = 0
	release := make(chan struct{})
	w.OnApply = func() { <-release }
	other := call.WithCaller(t.Context(), call.Caller{ID: "somebody"})
	if got := w.stop(t, other, calltest.ShopAPI()); got.Status != "not_found" {
		t.Errorf("before it began: %+v", got)
	}
	started := calltest.Serve(t.Context(), w.Tool(deployName, call.Restarts), calltest.ShopAPI())
	calltest.Expect(t, started, plan.Running, "")
	at := w.Runs.Holder("shop-api")
	for name, arguments := range map[string]map[string]any{
		"another app": {"app": "legacy-api"}, "another run": {"app": "shop-api", "run": "run_0"},
	} {
		if got := w.stop(t, t.Context(), arguments); got.Status != "not_found" || at.IsStopping() {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for range 2 {
		got := w.stop(t, other, map[string]any{"app": "shop-api", "run": started.Run})
		if got.Status != "stopping" || got.Run != started.Run || !at.IsStopping() {
			t.Errorf("got %+v", got)
		}
	}
	select {
	case <-w.Runs.StopRequested("shop-api"):
	default:
		t.Error("the engine is not told")
	}
	if out, text := w.status(t, t.Context(), calltest.ShopAPI()); !strings.Contains(out.Phase, "stopping") ||
		!strings.Contains(text, "asked to stop") {
		t.Errorf("status: %+v, %s", out, text)
	}
	var who []string
	if _, err := w.Journal.Any(func(e journal.Entry) bool {
		if e.Event == journal.Halted {
			who = append(who, e.Caller+" "+e.App+" "+e.Target)
		}
		return false
	}); err != nil || len(who) != 1 || who[0] != "somebody shop-api "+started.Run {
		t.Errorf("journal: %q, %v", who, err)
	}
	close(release)
	if err := w.Runs.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.stop(t, t.Context(), calltest.ShopAPI()); got.Status != "not_found" {
		t.Errorf("after its end: %+v", got)
	}
}

// TestDeployStopLeavesOthers: what is no deploy is not stopped.
func TestDeployStopLeavesOthers(t *testing.T) {
	w := newCallServer(t, calltest.NewClock(), t.TempDir(), "")
	w.Hold = 0
	release := make(chan struct{})
	defer close(release)
	w.OnApply = func() { <-release }
	calltest.Expect(t, calltest.Serve(t.Context(), w.Tool("allocate_flycast", call.Additive),
		calltest.ShopAPI()), plan.Running, "")
	if got := w.stop(t, t.Context(), calltest.ShopAPI()); got.Status != "not_found" ||
		w.Runs.Holder("shop-api").IsStopping() {
		t.Errorf("got %+v", got)
	}
}

// TestDeployStopped: the answer tells that somebody wanted it, what became of
// what was changed, and that beginning again is for a person to decide.
func TestDeployStopped(t *testing.T) {
	for on, want := range map[rollout.OnFailure]struct {
		status  plan.Status
		summary string
	}{
		rollout.PutAllBack: {plan.Failed, "0 of 2 updated, 1 put back, 1 as before."},
		rollout.Stop:       {plan.Partial, "1 of 2 updated, 1 as before."},
	} {
		deploys(t, "inner-circle", flysim.Options{}, func(b *appServer) {
			t := b.t
			for _, id := range b.MachineIDs(b.app) { // both run: one after the other
				b.StartMachine(b.app, id)
			}
			at, _, err := b.toolset.Runs.Begin(call.Job{Tool: deployName, App: b.app})
			if err != nil {
				t.Fatal(err)
			}
			b.Inject(flysim.Fault{Operation: "machine.update", Before: func(*flysim.Platform) { at.Stop() }})
			out, err := b.apply(b.planOf(deployInput{Content: b.file("min_machines_running = 0",
				"min_machines_running = 1"), OnFailure: string(on)}))
			if err != nil || out.Status != want.status || out.Code != gate.Declined || out.Retry != gate.RetryNever {
				t.Errorf("%s: got %s %s %s, %v", on, out.Status, out.Code, out.Retry, err)
			}
			if !strings.Contains(out.Summary, "was stopped on request before its last Machine. "+want.summary) ||
				out.Next[0].Who != "person" {
				t.Errorf("%s: got %q, next %+v", on, out.Summary, out.Next)
			}
			if status := b.Releases(b.app)[0].Status; status != "interrupted" {
				t.Errorf("%s: the release is %s", on, status)
			}
			b.toolset.Runs.Abandon(at, nil)
		})
	}
}

// TestCutCall: a call that is ended while its run continues gets a result that
// says so, and no protocol error.
func TestCutCall(t *testing.T) {
	w := newCallServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	w.OnApply = func() {
		cancel() // as a server that is told to end does
		<-release
	}
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = deployName, calltest.ShopAPI()
	result, err := w.Tool(deployName, call.Restarts).Call(ctx, request)
	if err != nil || !result.IsError {
		t.Fatalf("got %+v, %v", result, err)
	}
	got := result.StructuredContent.(*calltest.Output)
	if got.Status != plan.Failed || got.Code != gate.PlatformError || got.Run == "" ||
		!strings.Contains(got.Summary, "ended while deploy was running on shop-api") || len(got.Unknown) != 1 {
		t.Errorf("got %+v", got)
	}
	close(release)
	// the run went on
	calltest.Expect(t, calltest.Serve(t.Context(), w.Tool(deployName, call.Restarts), calltest.ShopAPI()),
		plan.Applied, "")
	if w.Applied() != "[0]" {
		t.Errorf("did %s", w.Applied())
	}
}

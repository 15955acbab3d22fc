package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// testClock stands still until it is moved. Holds never end unless they are 0; every wait
// of a call is sent to waiting.
type testClock struct {
	*flytest.Clock
	waiting chan struct{}
}

func newTestClock() *testClock {
	return &testClock{flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), make(chan struct{}, 100)}
}

func (c *testClock) After(d time.Duration) <-chan time.Time {
	c.waiting <- struct{}{}
	if d > 0 {
		return nil
	}
	now := make(chan time.Time, 1)
	now <- c.Now()
	return now
}

type workInput struct {
	App     string `json:"app,omitempty"`
	Content string `json:"content,omitempty"`
}

type workOutput struct{ plan.Result }

// testServer is a server with one changing tool, whose platform is a number:
// the plan depends on it, Apply notes it.
type testServer struct {
	*toolset
	clock    *testClock
	requests *gate.Requests
	key      gate.SigningKey

	mu      sync.Mutex
	state   int
	plans   int
	applied []int

	onPlan  func(ctx context.Context, nth int, p *plan.Proposal[int, workOutput]) error // may be nil
	onApply func()
}

func newTestServer(t *testing.T, clock *testClock, state, policy string) *testServer {
	t.Helper()
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(filepath.Join(state, "journal.jsonl"), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := gate.ParsePolicy([]byte(policy), plan.Vocabulary("deploy"))
	if err != nil {
		t.Fatal(err)
	}
	w := &testServer{clock: clock}
	if w.requests, err = gate.NewRequests(filepath.Join(state, "approvals"), clock.Now); err != nil {
		t.Fatal(err)
	}
	if w.key, err = gate.NewSigningKey(); err != nil {
		t.Fatal(err)
	}
	w.toolset = newToolset(Deps{
		Deps: call.Deps{
			Journal: log, Clock: clock, Hold: time.Minute, Runs: call.NewSharedRuns(clock,
				filepath.Join(state, "locks")), Log: slog.New(slog.DiscardHandler), Sandbox: true,
			ApproveCommand: func(ticket string) string { return "approve " + ticket },
			Gate: gate.New(gate.Options{
				Mode: gate.ModeAuto, Policy: rules, Keys: gate.FixedKeys(w.key.Public()), Requests: w.requests,
				Ledger: call.Ledger{Journal: log}, AnswerWithin: time.Minute, Now: clock.Now,
			}),
		},
	})
	t.Cleanup(func() {
		if err := errors.Join(w.Runs.Wait(context.Background()), log.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

const deployByItself = "[[rule]]\ntools = ['deploy']\napps = ['shop-api']\ndecision = 'auto'\naccept = ['restart']\n"

// tool returns the server's tool under the name and with the effect of a real one.
func (w *testServer) tool(name string, effect call.Effect) call.Tool {
	follow := ""
	if name == deployName {
		follow = deployStatusName
	}
	return call.NewChanging(w.Handler, call.Changing[workInput, int, workOutput]{
		Spec: call.Spec{Name: name, Effect: effect, Follow: follow},
		Plan: func(ctx context.Context, in workInput) (plan.Proposal[int, workOutput], error) {
			w.mu.Lock()
			w.plans++
			nth, state := w.plans, w.state
			w.mu.Unlock()
			p := plan.Proposal[int, workOutput]{Work: state, Summary: "Would work.", Nothing: "Nothing to do."}
			p.Plan = plan.Plan{Tool: name, App: in.App, Impact: plan.ImpactRestart, Hazards: []plan.Hazard{plan.Restart}}
			p.Plan.Steps = []plan.Step{{Verb: gate.UpdateMachine, Target: "148e"}}
			p.Plan.Fact("state", fmt.Sprint(state))
			if w.onPlan != nil {
				return p, w.onPlan(ctx, nth, &p)
			}
			return p, nil
		},
		Apply: func(_ context.Context, state int, _ *gate.Grant, report plan.Report) (workOutput, error) {
			w.mu.Lock()
			w.applied = append(w.applied, state)
			w.mu.Unlock()
			report(plan.Progress{Done: 1, Of: 2, Doing: "working"})
			if w.onApply != nil {
				w.onApply()
			}
			return workOutput{plan.Result{Status: plan.Applied, App: "shop-api", Summary: "Worked."}}, nil
		},
	}, nil)
}

func (w *testServer) did() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.applied)
}

type served struct {
	plan.Result
	text string
	err  error
}

func serve(ctx context.Context, tool call.Tool, arguments map[string]any) served {
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool.Spec().Name, arguments
	result, err := tool.Call(ctx, request)
	if err != nil {
		return served{err: err}
	}
	var s served
	body, _ := json.Marshal(result.StructuredContent)
	s.err = json.Unmarshal(body, &s.Result)
	s.text = result.Content[0].(mcp.TextContent).Text
	return s
}

func expect(t *testing.T, got served, status plan.Status, code gate.Code) {
	t.Helper()
	if got.err != nil || got.Status != status || got.Code != code {
		t.Errorf("got %s %s %q, err %v; want %s %s", got.Status, got.Code, got.Summary, got.err, status, code)
	}
}

func shopAPI() map[string]any { return map[string]any{"app": "shop-api"} }

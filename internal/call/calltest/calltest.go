// Package calltest has a server with one changing tool, for the tests of what happens to
// calls; production code must not import it.
package calltest

import (
	"context"
	"encoding/json"
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
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Clock stands still until it is moved. A wait of 0 ends at once, others never do; every
// wait of a call is sent to Waiting.
type Clock struct {
	*flytest.Clock
	Waiting chan struct{}
}

// NewClock returns a clock that stands at 2026-11-22T12:00:00Z.
func NewClock() *Clock {
	return &Clock{flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), make(chan struct{}, 100)}
}

// After implements [call.Clock].
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.Waiting <- struct{}{}
	if d > 0 {
		return nil
	}
	now := make(chan time.Time, 1)
	now <- c.Now()
	return now
}

// Input is what the tool takes.
type Input struct {
	App      string `json:"app,omitempty"`
	Content  string `json:"content,omitempty"`
	Approval string `json:"approval,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

// Output is the tool's result.
type Output struct{ plan.Result }

// Server is a server with one changing tool, whose platform is a number:
// the plan depends on it, and Apply records it.
type Server struct {
	*call.Handler
	Clock    *Clock
	Requests *gate.Requests
	Key      gate.SigningKey

	// OnPlan and OnApply, if set, are called in the course of a plan and of an Apply.
	OnPlan  func(ctx context.Context, nth int, p *plan.Proposal[int, Output]) error
	OnApply func()

	mu      sync.Mutex
	number  int
	plans   int
	applied []int
}

// NewServer returns a server with its state in a folder, and with the text of a policy. At
// the end of the test it waits for the runs.
func NewServer(t *testing.T, clock *Clock, state, policy string) *Server {
	t.Helper()
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	log := journaltest.Open(t, state, clock.Now)
	rules, err := gate.ParsePolicy([]byte(policy), plan.Vocabulary("deploy"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Clock: clock}
	if s.Requests, err = gate.NewRequests(filepath.Join(state, "approvals"), clock.Now); err != nil {
		t.Fatal(err)
	}
	if s.Key, err = gate.NewSigningKey(); err != nil {
		t.Fatal(err)
	}
	s.Handler = call.NewHandler(call.Deps{
		Journal: log, Clock: clock, Hold: time.Minute,
		Runs: call.NewSharedRuns(clock, filepath.Join(state, "locks")),
		Log:  slog.New(slog.DiscardHandler), Sandbox: true,
		ApproveCommand: func(ticket string) string { return "approve " + ticket },
		Gate: gate.New(gate.Options{
			Mode: gate.ModeAuto, Policy: rules, Keys: gate.FixedKeys(s.Key.Public()), Requests: s.Requests,
			Ledger: call.Ledger{Journal: log}, AnswerWithin: time.Minute, Now: clock.Now,
		}),
	})
	t.Cleanup(func() {
		if err := s.Runs.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// DeployByItself is a policy that approves the tool named deploy for shop-api.
const DeployByItself = "[[rule]]\ntools = ['deploy']\napps = ['shop-api']\ndecision = 'auto'\naccept = ['restart']\n"

// Tool returns the server's tool under the name and with the effect of a real one.
func (s *Server) Tool(name string, effect call.Effect) call.Tool {
	spec := call.Spec{Name: name, Effect: effect}
	if name == "deploy" {
		spec.Follow = "deploy_status"
	}
	return call.NewChanging(s.Handler, call.Changing[Input, int, Output]{
		Spec: spec,
		Plan: func(ctx context.Context, in Input) (plan.Proposal[int, Output], error) {
			s.mu.Lock()
			s.plans++
			nth, number := s.plans, s.number
			s.mu.Unlock()
			p := plan.Proposal[int, Output]{Work: number, Summary: "Would work.", Nothing: "Nothing to do."}
			p.Plan = plan.Plan{
				Tool: name, App: in.App, Impact: plan.ImpactRestart, Hazards: []plan.Hazard{plan.Restart},
				Steps: []plan.Step{{Verb: gate.UpdateMachine, Target: "148e"}},
			}
			p.Plan.Fact("state", fmt.Sprint(number))
			if s.OnPlan != nil {
				return p, s.OnPlan(ctx, nth, &p)
			}
			return p, nil
		},
		Apply: func(_ context.Context, number int, _ *gate.Grant, report plan.Report) (Output, error) {
			s.mu.Lock()
			s.applied = append(s.applied, number)
			s.mu.Unlock()
			report(plan.Progress{Done: 1, Of: 2, Doing: "working"})
			if s.OnApply != nil {
				s.OnApply()
			}
			return Output{plan.Result{Status: plan.Applied, App: "shop-api", Summary: "Worked."}}, nil
		},
	}, nil)
}

// Applied returns the numbers that were applied, as text.
func (s *Server) Applied() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.applied)
}

// Set sets the number.
func (s *Server) Set(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number = number
}

// Reply is what a call was answered with.
type Reply struct {
	plan.Result
	Text string
	Err  error
}

// Serve makes one call of a tool.
func Serve(ctx context.Context, tool call.Tool, arguments map[string]any) Reply {
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool.Spec().Name, arguments
	result, err := tool.Call(ctx, request)
	if err != nil {
		return Reply{Err: err}
	}
	r := Reply{Text: result.Content[0].(mcp.TextContent).Text}
	body, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &r.Result)
	}
	r.Err = err
	return r
}

// Expect checks a reply's status and code.
func Expect(t *testing.T, got Reply, status plan.Status, code gate.Code) {
	t.Helper()
	if got.Err != nil || got.Status != status || got.Code != code {
		t.Errorf("got %s %s %q, err %v; want %s %s", got.Status, got.Code, got.Summary, got.Err, status, code)
	}
}

// ShopAPI returns arguments that name the app shop-api.
func ShopAPI() map[string]any { return map[string]any{"app": "shop-api"} }

package call_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Where no lock can be had, only what needs no approval is done.
func TestNoLocks(t *testing.T) {
	state := t.TempDir()
	w := calltest.NewServer(t, calltest.NewClock(), state, calltest.DeployByItself)
	if err := os.WriteFile(filepath.Join(state, "locks"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	calltest.Expect(t, calltest.Serve(t.Context(), w.Tool("allocate_flycast", call.Additive),
		calltest.ShopAPI()), plan.Applied, "")
	calltest.Expect(t, calltest.Serve(t.Context(), w.Tool("deploy", call.Restarts), calltest.ShopAPI()),
		plan.Failed, gate.Internal)
	if got := w.Applied(); got != "[0]" {
		t.Errorf("did %s", got)
	}
}

// What moved between the decision and the run is seen before anything is used up.
func TestPlanHoldsWhenTheRunBegins(t *testing.T) {
	w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
	w.OnPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, calltest.Output]) error {
		if nth == 1 {
			w.Set(7) // somebody's run came and went after the plan
		}
		return nil
	}
	calltest.Expect(t, calltest.Serve(t.Context(), w.Tool("deploy", call.Restarts), calltest.ShopAPI()), plan.Applied, "")
	if got := w.Applied(); got != "[7]" {
		t.Errorf("applied to %s, want to the state as it was", got)
	}
}

// A person's yes counts for what he was shown.
func TestDriftAfterTheDecision(t *testing.T) {
	w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), "")
	tool := w.Tool("deploy", call.Restarts)
	asked := calltest.Serve(t.Context(), tool, calltest.ShopAPI())
	calltest.Expect(t, asked, plan.NeedsApproval, gate.Unavailable)
	waiting, err := w.Requests.ListWaiting()
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	code, err := w.Key.Sign(waiting[0].Statement(waiting[0].Digest)).Code()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Requests.Answer(waiting[0].Ticket, gate.ApprovalAnswer{Approved: true, Code: code}); err != nil {
		t.Fatal(err)
	}
	w.OnPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, calltest.Output]) error {
		if nth == 2 {
			w.Set(7)
		}
		return nil
	}
	got := calltest.Serve(t.Context(), tool, calltest.ShopAPI())
	calltest.Expect(t, got, plan.NeedsApproval, gate.Stale)
	if got.Approval == nil || got.Approval.Ticket == asked.Approval.Ticket {
		t.Errorf("want a new question, got %+v", got.Approval)
	}
	if w.Applied() != "[]" || w.Runs.Holder("shop-api") != nil {
		t.Errorf("did %s, busy %v", w.Applied(), w.Runs.Holder("shop-api"))
	}
}

// Every way in which the second look ends the call leaves the app free and
// uses nothing up.
func TestSecondLook(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	stopping, stop := context.WithCancelCause(t.Context())
	session, end := context.WithCancelCause(t.Context())
	tests := map[string]struct {
		ctx    context.Context
		look   func(nth int, p *plan.Proposal[int, calltest.Output]) error
		status plan.Status
		code   gate.Code
		err    error
		panics bool
	}{
		"done already": {look: func(_ int, p *plan.Proposal[int, calltest.Output]) error {
			p.Plan.Steps = nil
			return nil
		}, status: plan.NothingToDo},
		"blocked now": {look: func(_ int, p *plan.Proposal[int, calltest.Output]) error {
			p.Plan.Steps, p.Plan.Blockers = nil, []plan.Blocker{{ID: "no_flycast"}}
			return nil
		}, status: plan.Refused, code: gate.Precondition},
		"unreadable now": {look: func(int, *plan.Proposal[int, calltest.Output]) error {
			return &plan.Problem{Code: gate.PlatformError, Message: "down"}
		}, status: plan.Failed, code: gate.PlatformError},
		"never the same": {look: func(nth int, p *plan.Proposal[int, calltest.Output]) error {
			p.Plan.Fact("nth", fmt.Sprint(nth))
			return nil
		}, status: plan.Refused, code: gate.Stale},
		"client left": {ctx: cancelled, look: func(int, *plan.Proposal[int, calltest.Output]) error {
			cancel()
			return nil
		}, err: context.Canceled},
		"server stops": {ctx: call.WithStop(t.Context(), stopping),
			look: func(int, *plan.Proposal[int, calltest.Output]) error {
				stop(call.ErrStopping)
				return nil
			}, status: plan.Refused, code: gate.Busy},
		"session ended": {ctx: call.WithStop(t.Context(), session),
			look: func(int, *plan.Proposal[int, calltest.Output]) error {
				end(call.ErrSessionEnded)
				return nil
			}, status: plan.Refused, code: gate.Busy},
		"panic": {look: func(int, *plan.Proposal[int, calltest.Output]) error { panic("of a plan") }, panics: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
			w.OnPlan = func(_ context.Context, nth int, p *plan.Proposal[int, calltest.Output]) error {
				if nth == 1 {
					return nil
				}
				if nth == 2 && w.Runs.Holder("shop-api") == nil {
					t.Error("the app is not held at the second look")
				}
				return test.look(nth, p)
			}
			ctx := test.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			func() {
				defer func() {
					if v := recover(); (v != nil) != test.panics {
						t.Errorf("panic: %v", v)
					}
				}()
				got := calltest.Serve(ctx, w.Tool("deploy", call.Restarts), calltest.ShopAPI())
				if test.err == nil {
					calltest.Expect(t, got, test.status, test.code)
				} else if !errors.Is(got.Err, test.err) {
					t.Errorf("got error %v, want %v", got.Err, test.err)
				}
			}()
			if err := w.Runs.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.Applied() != "[]" {
				t.Errorf("did %s", w.Applied())
			}
			if n, err := w.Journal.CountUses("rule 1", time.Time{}); n != 0 || err != nil {
				t.Errorf("%d approvals used up, %v", n, err)
			}
			w.OnPlan = nil
			calltest.Expect(t, calltest.Serve(t.Context(), w.Tool("deploy", call.Restarts), calltest.ShopAPI()),
				plan.Applied, "")
			if n, err := w.Journal.CountUses("rule 1", time.Time{}); n != 1 || err != nil {
				t.Errorf("%d approvals used up by the next call, %v", n, err)
			}
		})
	}
}

// A result that nobody fetched in time says that it is not of this call, and
// is forgotten soon.
func TestEarlierResult(t *testing.T) {
	for name, test := range map[string]struct {
		later time.Duration
		did   string
	}{"soon": {time.Minute, "[0]"}, "late": {3 * time.Minute, "[0 1]"}} {
		t.Run(name, func(t *testing.T) {
			clock := calltest.NewClock()
			w := calltest.NewServer(t, clock, t.TempDir(), calltest.DeployByItself)
			w.Hold = 0
			release := make(chan struct{})
			w.OnApply = func() { <-release }
			tool := w.Tool("deploy", call.Restarts)
			calltest.Expect(t, calltest.Serve(t.Context(), tool, calltest.ShopAPI()), plan.Running, "")
			close(release)
			if err := w.Runs.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			clock.Advance(test.later)
			w.Set(1)
			w.Hold = time.Minute
			got := calltest.Serve(t.Context(), w.Tool("deploy", call.Restarts), calltest.ShopAPI())
			calltest.Expect(t, got, plan.Applied, "")
			want := "[sandbox] Worked."
			if name == "soon" {
				want = "[sandbox] Result of the run that ended at 2026-11-22T12:00:00Z; this call did nothing. Worked."
			}
			if got.Summary != want || !strings.HasPrefix(got.Text, want+"\n") {
				t.Errorf("got %q and %q, want %q", got.Summary, got.Text, want)
			}
			if w.Applied() != test.did {
				t.Errorf("did %s, want %s", w.Applied(), test.did)
			}
		})
	}
}

// A call that meets its own twin at work gets the twin's result, whether it
// came before or after the twin took the app.
func TestIdenticalCallsAttach(t *testing.T) {
	for _, test := range []struct {
		tool   string
		effect call.Effect
	}{{"deploy", call.Restarts}, {"allocate_flycast", call.Additive}, {"patch_services", call.Local}} {
		t.Run(test.tool, func(t *testing.T) {
			clock := calltest.NewClock()
			w := calltest.NewServer(t, clock, t.TempDir(), calltest.DeployByItself)
			planning, goOn, atWork, finish := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(finish) })
			defer release()
			w.OnPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, calltest.Output]) error {
				if nth == 1 {
					close(planning)
					<-goOn
				}
				return nil
			}
			w.OnApply = func() {
				close(atWork)
				<-finish
			}
			tool := w.Tool(test.tool, test.effect)
			answers := make(chan calltest.Reply, 3)
			ask := func() { answers <- calltest.Serve(t.Context(), tool, calltest.ShopAPI()) }
			go ask() // plans, and is overtaken
			<-planning
			go ask() // takes the app
			<-atWork
			<-clock.Waiting
			go ask() // finds it taken at once
			<-clock.Waiting
			close(goOn)
			select {
			case <-clock.Waiting:
			case got := <-answers:
				t.Fatalf("an identical call ended with %s %s", got.Code, got.Summary)
			}
			release()
			for range 3 {
				got := <-answers
				calltest.Expect(t, got, plan.Applied, "")
				if got.Summary != "[sandbox] Worked." {
					t.Errorf("summary %q", got.Summary)
				}
			}
			if w.Applied() != "[0]" {
				t.Errorf("did %s, want one run", w.Applied())
			}
		})
	}
}

// What a call was made of is no text for an answer.
func TestRunningTellsNoArguments(t *testing.T) {
	w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), "")
	w.Hold = 0
	release := make(chan struct{})
	w.OnApply = func() { <-release }
	got := calltest.Serve(t.Context(), w.Tool("patch_services", call.Local),
		map[string]any{"content": "hunter2"})
	close(release)
	calltest.Expect(t, got, plan.Running, "")
	if strings.Contains(got.Text+got.Summary+got.App, "hunter2") || strings.Contains(got.Text, "\x00") || got.App != "" {
		t.Errorf("answer: %+v %q", got.Result, got.Text)
	}
	if !strings.Contains(got.Summary, "running on the configuration") {
		t.Errorf("summary %q", got.Summary)
	}
}

func TestDryRunTellsOfThePolicy(t *testing.T) {
	w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
	got := calltest.Serve(t.Context(), w.Tool("deploy", call.Restarts),
		map[string]any{"app": "shop-api", "dry_run": true})
	calltest.Expect(t, got, plan.WouldApply, "")
	if len(got.Next) != 1 || !strings.Contains(got.Next[0].Why, "unless a policy approves it") {
		t.Errorf("next: %+v", got.Next)
	}
}

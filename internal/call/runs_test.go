package call

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestLockNamesOnlyApps(t *testing.T) {
	dir := t.TempDir()
	for _, app := range []string{"", "..", "../x", "a/b", "A", "a\x00b"} {
		if f, err := lockApp(dir, app); err == nil {
			f.Close()
			t.Errorf("locked %q", app)
		}
	}
}

// Where no lock can be had, only what needs no approval is done.
func TestNoLocks(t *testing.T) {
	w := newTestServer(t, newTestClock(), t.TempDir(), deployByItself)
	if err := os.WriteFile(w.Runs.locks, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, serve(t.Context(), w.tool("allocate_flycast", Additive), shopAPI()), plan.Applied, "")
	expect(t, serve(t.Context(), w.tool("deploy", Restarts), shopAPI()), plan.Failed, gate.Internal)
	if got := w.did(); got != "[0]" {
		t.Errorf("did %s", got)
	}
}

// What moved between the decision and the run is seen before anything is used up.
func TestPlanHoldsWhenTheRunBegins(t *testing.T) {
	w := newTestServer(t, newTestClock(), t.TempDir(), deployByItself)
	w.onPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, workOutput]) error {
		if nth == 1 {
			w.set(7) // somebody's run came and went after the plan
		}
		return nil
	}
	expect(t, serve(t.Context(), w.tool("deploy", Restarts), shopAPI()), plan.Applied, "")
	if got := w.did(); got != "[7]" {
		t.Errorf("applied to %s, want to the state as it was", got)
	}
}

// A person's yes counts for what he was shown.
func TestDriftAfterTheDecision(t *testing.T) {
	w := newTestServer(t, newTestClock(), t.TempDir(), "")
	tool := w.tool("deploy", Restarts)
	asked := serve(t.Context(), tool, shopAPI())
	expect(t, asked, plan.NeedsApproval, gate.Unavailable)
	waiting, err := w.requests.ListWaiting()
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	code, err := w.key.Sign(waiting[0].Statement(waiting[0].Digest)).Code()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.requests.Answer(waiting[0].Ticket, gate.ApprovalAnswer{Approved: true, Code: code}); err != nil {
		t.Fatal(err)
	}
	w.onPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, workOutput]) error {
		if nth == 2 {
			w.set(7)
		}
		return nil
	}
	got := serve(t.Context(), tool, shopAPI())
	expect(t, got, plan.NeedsApproval, gate.Stale)
	if got.Approval == nil || got.Approval.Ticket == asked.Approval.Ticket {
		t.Errorf("want a new question, got %+v", got.Approval)
	}
	if w.did() != "[]" || w.Runs.Holder("shop-api") != nil {
		t.Errorf("did %s, busy %v", w.did(), w.Runs.Holder("shop-api"))
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
		look   func(nth int, p *plan.Proposal[int, workOutput]) error
		status plan.Status
		code   gate.Code
		err    error
		panics bool
	}{
		"done already": {look: func(_ int, p *plan.Proposal[int, workOutput]) error {
			p.Plan.Steps = nil
			return nil
		}, status: plan.NothingToDo},
		"blocked now": {look: func(_ int, p *plan.Proposal[int, workOutput]) error {
			p.Plan.Steps, p.Plan.Blockers = nil, []plan.Blocker{{ID: "no_flycast"}}
			return nil
		}, status: plan.Refused, code: gate.Precondition},
		"unreadable now": {look: func(int, *plan.Proposal[int, workOutput]) error {
			return &plan.Problem{Code: gate.PlatformError, Message: "down"}
		}, status: plan.Failed, code: gate.PlatformError},
		"never the same": {look: func(nth int, p *plan.Proposal[int, workOutput]) error {
			p.Plan.Fact("nth", fmt.Sprint(nth))
			return nil
		}, status: plan.Refused, code: gate.Stale},
		"client left": {ctx: cancelled, look: func(int, *plan.Proposal[int, workOutput]) error {
			cancel()
			return nil
		}, err: context.Canceled},
		"server stops": {ctx: WithStop(t.Context(), stopping), look: func(int, *plan.Proposal[int, workOutput]) error {
			stop(ErrStopping)
			return nil
		}, status: plan.Refused, code: gate.Busy},
		"session ended": {ctx: WithStop(t.Context(), session), look: func(int, *plan.Proposal[int, workOutput]) error {
			end(ErrSessionEnded)
			return nil
		}, status: plan.Refused, code: gate.Busy},
		"panic": {look: func(int, *plan.Proposal[int, workOutput]) error { panic("of a plan") }, panics: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTestServer(t, newTestClock(), t.TempDir(), deployByItself)
			w.onPlan = func(_ context.Context, nth int, p *plan.Proposal[int, workOutput]) error {
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
				got := serve(ctx, w.tool("deploy", Restarts), shopAPI())
				if test.err == nil {
					expect(t, got, test.status, test.code)
				} else if !errors.Is(got.err, test.err) {
					t.Errorf("got error %v, want %v", got.err, test.err)
				}
			}()
			if err := w.Runs.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.did() != "[]" {
				t.Errorf("did %s", w.did())
			}
			if n, err := w.Journal.CountUses("rule 1", time.Time{}); n != 0 || err != nil {
				t.Errorf("%d approvals used up, %v", n, err)
			}
			w.onPlan = nil
			expect(t, serve(t.Context(), w.tool("deploy", Restarts), shopAPI()), plan.Applied, "")
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
			clock := newTestClock()
			w := newTestServer(t, clock, t.TempDir(), deployByItself)
			w.Hold = 0
			release := make(chan struct{})
			w.onApply = func() { <-release }
			tool := w.tool("deploy", Restarts)
			expect(t, serve(t.Context(), tool, shopAPI()), plan.Running, "")
			close(release)
			if err := w.Runs.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			clock.Advance(test.later)
			w.set(1)
			w.Hold = time.Minute
			got := serve(t.Context(), w.tool("deploy", Restarts), shopAPI())
			expect(t, got, plan.Applied, "")
			want := "[sandbox] Worked."
			if name == "soon" {
				want = "[sandbox] Result of the run that ended at 2026-11-22T12:00:00Z; this call did nothing. Worked."
			}
			if got.Summary != want || !strings.HasPrefix(got.text, want+"\n") {
				t.Errorf("got %q and %q, want %q", got.Summary, got.text, want)
			}
			if w.did() != test.did {
				t.Errorf("did %s, want %s", w.did(), test.did)
			}
		})
	}
}

// A call that meets its own twin at work gets the twin's result, whether it
// came before or after the twin took the app.
func TestIdenticalCallsAttach(t *testing.T) {
	for _, test := range []struct {
		tool   string
		effect Effect
	}{{"deploy", Restarts}, {"allocate_flycast", Additive}, {"patch_services", Local}} {
		t.Run(test.tool, func(t *testing.T) {
			clock := newTestClock()
			w := newTestServer(t, clock, t.TempDir(), deployByItself)
			planning, goOn, atWork, finish := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(finish) })
			defer release()
			w.onPlan = func(_ context.Context, nth int, _ *plan.Proposal[int, workOutput]) error {
				if nth == 1 {
					close(planning)
					<-goOn
				}
				return nil
			}
			w.onApply = func() {
				close(atWork)
				<-finish
			}
			tool := w.tool(test.tool, test.effect)
			answers := make(chan served, 3)
			call := func() { answers <- serve(t.Context(), tool, shopAPI()) }
			go call() // plans, and is overtaken
			<-planning
			go call() // takes the app
			<-atWork
			<-clock.waiting
			go call() // finds it taken at once
			<-clock.waiting
			close(goOn)
			select {
			case <-clock.waiting:
			case got := <-answers:
				t.Fatalf("an identical call ended with %s %s", got.Code, got.Summary)
			}
			release()
			for range 3 {
				got := <-answers
				expect(t, got, plan.Applied, "")
				if got.Summary != "[sandbox] Worked." {
					t.Errorf("summary %q", got.Summary)
				}
			}
			if w.did() != "[0]" {
				t.Errorf("did %s, want one run", w.did())
			}
		})
	}
}

// What a call was made of is no text for an answer.
func TestRunningTellsNoArguments(t *testing.T) {
	w := newTestServer(t, newTestClock(), t.TempDir(), "")
	w.Hold = 0
	release := make(chan struct{})
	w.onApply = func() { <-release }
	got := serve(t.Context(), w.tool("patch_services", Local), map[string]any{"content": "hunter2"})
	close(release)
	expect(t, got, plan.Running, "")
	if strings.Contains(got.text+got.Summary+got.App, "hunter2") || strings.Contains(got.text, "\x00") || got.App != "" {
		t.Errorf("answer: %+v %q", got.Result, got.text)
	}
	if !strings.Contains(got.Summary, "running on the configuration") {
		t.Errorf("summary %q", got.Summary)
	}
}

// A call that leaves takes no progress from those that still wait.
func TestEveryWatcherIsTold(t *testing.T) {
	at := &Run{watchers: make(map[*Progress]struct{})}
	gone, here, too := &Progress{done: true}, &Progress{done: true}, &Progress{done: true}
	for _, p := range []*Progress{here, too, gone} {
		at.watch(p)
	}
	at.unwatch(gone)
	at.report(plan.Progress{Done: 3, Of: 5, Doing: "working"})
	if gone.step != 0 || here.step != 3 || too.step != 3 {
		t.Errorf("told %v, %v and %v", gone.step, here.step, too.step)
	}
}

func TestDryRunTellsOfThePolicy(t *testing.T) {
	w := newTestServer(t, newTestClock(), t.TempDir(), deployByItself)
	got := serve(t.Context(), w.tool("deploy", Restarts), map[string]any{"app": "shop-api", "dry_run": true})
	expect(t, got, plan.NeedsApproval, "")
	if len(got.Next) != 1 || !strings.Contains(got.Next[0].Why, "unless a policy approves it") {
		t.Errorf("next: %+v", got.Next)
	}
}

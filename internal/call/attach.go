package call

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// This file answers calls that find a run of the app: one that they started, one that an
// identical call started, or one of another call.

// stopHold is how long a call waits for its run after the server was told to stop. It is
// shorter than the transports wait for calls.
const stopHold = time.Minute

// attachOrBusy answers a call that finds the app taken: an identical call attaches to the
// run, any other is told to wait.
func (c *invocation) attachOrBusy(ctx context.Context, run *Run) (*mcp.CallToolResult, error) {
	if run.key == c.key {
		return c.attach(ctx, run)
	}
	return c.refuse(busy(run)), nil
}

// attach waits for a run that an identical call started.
func (c *invocation) attach(ctx context.Context, run *Run) (*mcp.CallToolResult, error) {
	run.watch(c.progress)
	return c.wait(ctx, run)
}

// wait returns the result of a run if it ends in time, else "running".
func (c *invocation) wait(ctx context.Context, run *Run) (*mcp.CallToolResult, error) {
	defer run.unwatch(c.progress)
	hold := c.Clock.After(c.Hold)
	select {
	case <-run.Done:
	case <-hold:
	case <-ctx.Done(): // a client that left gets no answer
		if !errors.Is(context.Cause(ctx), ErrStopping) {
			return c.reportCutOff(run), nil
		}
		// The server is stopping. The client still listens, and the run has been told to end.
		select {
		case <-run.Done:
		case <-hold:
			return c.reportCutOff(run), nil
		case <-c.Clock.After(stopHold):
			return c.reportCutOff(run), nil
		}
	}
	select {
	case <-run.Done: // also if the hold ended at the same moment
		c.Runs.forget(run)
		return run.answer(), nil
	default:
	}
	return c.reportRunning(run), nil
}

// reportCutOff answers a call that ends before its run, mostly because the server stops. For
// a client that still listens, the answer is an error: it is unknown how the run ends.
func (c *invocation) reportCutOff(run *Run) *mcp.CallToolResult {
	select {
	case <-run.Done: // at the same moment
		c.Runs.forget(run)
		return run.answer()
	default:
	}
	out := c.blank()
	*out.Envelope() = plan.Result{
		Status: plan.Failed, App: run.App, Run: run.ID, Reason: plan.ReasonFor(gate.PlatformError),
		Summary: fmt.Sprintf("This call ended while %s was running on %s (%s). This answer does not include "+
			"what it has changed so far.",
			run.Tool, run.object(), cmp.Or(run.Progress().String(), "starting")),
		Unknown: []string{"how the run ends: it continues or, if this server is shutting down, a deploy " +
			"finishes the Machines it is changing and starts no others"},
		Next: []plan.Next{{Who: "agent", Tool: run.Tool, Why: "the identical call attaches to the run or, " +
			"if it is over, checks the state and does what is left"}},
	}
	return c.respond(out)
}

// reportRunning answers a call whose run has not ended after [Deps.Hold].
func (c *invocation) reportRunning(run *Run) *mcp.CallToolResult {
	out := c.blank()
	r := out.Envelope()
	*r = plan.Result{
		Status: plan.Running, App: run.App, Run: run.ID, Reason: plan.Reason{Retry: gate.RetryNow},
		Summary: fmt.Sprintf("%s is still running on %s (%s). This call started nothing new.", run.Tool,
			run.object(), cmp.Or(run.Progress().String(), "starting")),
		Next: []plan.Next{{Who: "agent", Tool: run.Tool,
			Why: "repeat the identical call: it attaches to this run and starts nothing new"}},
	}
	if follow := c.spec.Follow; follow != "" {
		r.Next = append(r.Next, plan.Next{Who: "agent", Tool: follow,
			Arguments: &plan.Arguments{App: run.App, Run: run.ID}, Why: "shows its progress"})
	}
	return c.respond(out)
}

// earlierRun returns the result of a run that ended before this call came: it may no longer
// be true.
func (t *changing) earlierRun(run *Run) *mcp.CallToolResult {
	stored, ok := run.Result.StructuredContent.(output)
	if !ok {
		return run.answer() // cannot happen: results of this tool are of this type
	}
	out := t.clone(stored)
	r := out.Envelope()
	r.Summary = fmt.Sprintf("Result of the run that ended at %s; this call did nothing. %s",
		run.Ended.UTC().Format(time.RFC3339), strings.TrimPrefix(r.Summary, SandboxMark))
	return copyResult(t.respond(out))
}

func busy(run *Run) *plan.Problem {
	return &plan.Problem{
		Code: gate.Busy, RetryAfter: plan.BusyRetry,
		Message: fmt.Sprintf("%s is already running on %s", run.Tool, run.object()),
		Hint:    "wait and call again; the identical call attaches to its own run",
	}
}

// lockProblem answers for an app whose lock could not be taken.
func (h *Handler) lockProblem(app string, err error) *plan.Problem {
	if errors.Is(err, errAppLocked) {
		return &plan.Problem{
			Code: gate.Busy, Message: "another process of this server is changing " + app, RetryAfter: plan.BusyRetry,
			Hint: "wait and call again",
		}
	}
	if p := diskProblem(err, "the state folder"); p != nil {
		return p
	}
	h.Log.Error("the app's lock could not be taken", "app", app, "err", err)
	return &plan.Problem{
		Code: gate.Internal, Message: "the app's lock could not be taken in the state folder. Without it " +
			"nothing that needs an approval is done. Nothing was changed",
		Hint: "the server's log has the reason",
	}
}

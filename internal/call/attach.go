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

// This file is what a call gets that meets a run, its own or another's.

// meet is the way of a call that finds a run at work: the identical call
// attaches, another one is told to wait.
func (t *changing[In, Work, Out, P]) meet(ctx context.Context, c *invocation[In, Work, Out], other *Run) (*mcp.CallToolResult, error) {
	if other.key == c.key {
		return t.attach(ctx, c.progress, other)
	}
	return t.refuse(busy(other)), nil
}

// attach waits for a run that an identical call started.
func (t *changing[In, Work, Out, P]) attach(ctx context.Context, progress *Progress, at *Run) (*mcp.CallToolResult, error) {
	at.watch(progress)
	return t.wait(ctx, progress, at)
}

// wait gives the result of a run if it comes in time, else "running".
func (t *changing[In, Work, Out, P]) wait(ctx context.Context, progress *Progress, at *Run) (*mcp.CallToolResult, error) {
	defer at.unwatch(progress)
	hold := t.Clock.After(t.Hold)
	select {
	case <-at.Done:
	case <-hold:
	case <-ctx.Done(): // a client that left hears nothing more
		if !errors.Is(context.Cause(ctx), ErrStopping) {
			return t.cut(at), nil
		}
		// The client of a server that stops still listens, and the run was told
		// to end.
		select {
		case <-at.Done:
		case <-hold:
			return t.cut(at), nil
		case <-t.Clock.After(stopHold):
			return t.cut(at), nil
		}
	}
	select {
	case <-at.Done: // also if both came at once
		t.Runs.fetched(at)
		return at.answer(), nil
	default:
	}
	return t.stillRunning(at), nil
}

// stopHold is how long a call waits for its run after the server was told to
// stop. It is less than the transports wait for calls.
const stopHold = time.Minute

// cut answers a call that is ended before its run is: mostly because this server
// is told to end. It is an error to whoever still listens, as it is not known what
// becomes of the run.
func (t *changing[In, Work, Out, P]) cut(at *Run) *mcp.CallToolResult {
	select {
	case <-at.Done: // at the same moment
		t.Runs.fetched(at)
		return at.answer()
	default:
	}
	var out Out
	envelope := P(&out).Envelope()
	*envelope = plan.Result{
		Status: plan.Failed, App: at.App, Run: at.ID, Code: gate.PlatformError, Retry: gate.PlatformError.Retry(),
		Summary: fmt.Sprintf("This call ended while %s was running on %s (%s). This answer does not include what it has changed so far.", at.Tool, at.on(), cmp.Or(at.Now().String(), "starting")),
		Unknown: []string{"how the run ends: it continues or, if this server is shutting down, a deploy finishes the Machines it is changing and starts no others"},
		Next:    []plan.Next{{Who: "agent", Tool: at.Tool, Why: "the identical call attaches to the run or, if it is over, checks the state and does what is left"}},
	}
	t.finish(envelope)
	return t.result(out, t.text(envelope, out), true)
}

// stillRunning answers a call that was held as long as calls are.
func (t *changing[In, Work, Out, P]) stillRunning(at *Run) *mcp.CallToolResult {
	var out Out
	envelope := P(&out).Envelope()
	*envelope = plan.Result{
		Status: plan.Running, App: at.App, Run: at.ID, Retry: gate.RetryNow,
		Summary: fmt.Sprintf("%s is still running on %s (%s). This call started nothing new.", at.Tool, at.on(), cmp.Or(at.Now().String(), "starting")),
		Next:    []plan.Next{{Who: "agent", Tool: at.Tool, Why: "repeat the identical call: it attaches to this run and starts nothing new"}},
	}
	if follow := t.Spec().Follow; follow != "" {
		envelope.Next = append(envelope.Next, plan.Next{Who: "agent", Tool: follow, Arguments: &plan.Arguments{App: at.App, Run: at.ID}, Why: "shows its progress"})
	}
	t.finish(envelope)
	return t.result(out, t.text(envelope, out), false)
}

// earlier is the result of a run that was over before this call came: what it
// tells may not be so any more.
func (t *changing[In, Work, Out, P]) earlier(at *Run) *mcp.CallToolResult {
	out, ok := at.Result.StructuredContent.(Out)
	if !ok {
		return at.answer() // not ours; results of this tool always are
	}
	r := P(&out).Envelope()
	r.Summary = fmt.Sprintf("Result of the run that ended at %s; this call did nothing. %s", at.Ended.UTC().Format(time.RFC3339), strings.TrimPrefix(r.Summary, SandboxMark))
	t.finish(r)
	return own(t.result(out, t.text(r, out), at.Result.IsError))
}

func busy(other *Run) *plan.Problem {
	return &plan.Problem{
		Code: gate.Busy, Message: fmt.Sprintf("%s is already running on %s", other.Tool, other.on()), RetryAfter: plan.BusyRetry,
		Hint: "wait and call again; the identical call attaches to its own run",
	}
}

// untaken answers for an app that could not be taken among processes.
func (a *Handler) untaken(app string, err error) *plan.Problem {
	if errors.Is(err, errAppLocked) {
		return &plan.Problem{
			Code: gate.Busy, Message: "another process of this server is changing " + app, RetryAfter: plan.BusyRetry,
			Hint: "wait and call again",
		}
	}
	if p := diskProblem(err, "the state folder"); p != nil {
		return p
	}
	a.Log.Error("the app's lock could not be taken", "app", app, "err", err)
	return &plan.Problem{Code: gate.Internal, Message: "the app's lock could not be taken in the state folder. Without it nothing that needs an approval is done. Nothing was changed", Hint: "the server's log has the reason"}
}

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// reading is a [Reading] as it is served.
type reading[In, Out any] struct {
	*adapter
	Reading[In, Out]
	schemas
}

func newReading[In, Out any](a *adapter, r Reading[In, Out], refine func(map[string]*jsonschema.Schema)) Tool {
	return &reading[In, Out]{a, r, newSchemas[In, Out](r.Spec.Name, refine)}
}

func (t *reading[In, Out]) Spec() Spec { return t.Reading.Spec }

func (t *reading[In, Out]) Definition() mcp.Tool {
	return definition(t.Reading.Spec, t.input(), t.output())
}

func (t *reading[In, Out]) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in In
	arguments, problem := t.arguments(t.parsed(), request)
	if problem == nil {
		in, problem = decode[In](t.parsed(), arguments)
	}
	if problem == nil {
		problem = t.named(arguments)
	}
	if problem == nil {
		out, err := t.Read(ctx, in)
		if err == nil {
			return t.result(out, t.Text(out), false), nil
		}
		problem = t.explain(ctx, err)
	}
	out := t.Failed(sentence(problem.Message), problem)
	return t.result(out, t.Text(out), problem.Code != gate.Blocked), nil
}

// enveloped is an output with the envelope of changing tools in it.
type enveloped[Out any] interface {
	*Out
	Envelope() *plan.Result
}

// changing is a [Changing] as it is served.
type changing[In, Work, Out any, P enveloped[Out]] struct {
	*adapter
	Changing[In, Work, Out]
	schemas
}

func newChanging[In, Work, Out any, P enveloped[Out]](a *adapter, c Changing[In, Work, Out], refine func(map[string]*jsonschema.Schema)) Tool {
	return &changing[In, Work, Out, P]{a, c, newSchemas[In, Out](c.Spec.Name, refine)}
}

func (t *changing[In, Work, Out, P]) Spec() Spec { return t.Changing.Spec }

func (t *changing[In, Work, Out, P]) Definition() mcp.Tool {
	return definition(t.Changing.Spec, t.input(), t.output())
}

// options are the two arguments that the adapter itself understands.
type options struct {
	Approval string `json:"approval"`
	DryRun   bool   `json:"dry_run"`
}

// invocation is one tools/call on its way through the stages.
type invocation[In, Work, Out any] struct {
	caller   Caller
	key      string
	in       In
	options  options
	progress *Progress // one for the whole call: its values must grow
	held     *run      // the app, taken before the plan that an answer is judged by
}

func (t *changing[In, Work, Out, P]) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	c := &invocation[In, Work, Out]{caller: CallerFrom(ctx), progress: NewProgress(ctx, request)}
	defer c.progress.Done()
	defer t.giveBack(c) // however the call ends, a panic included
	arguments, problem := t.arguments(t.parsed(), request)
	if problem == nil && t.Earlier != nil {
		t.Earlier(arguments)
	}
	if problem == nil {
		c.in, problem = decode[In](t.parsed(), arguments)
	}
	if problem == nil {
		problem = t.named(arguments)
	}
	if problem != nil {
		return t.refuse(problem), nil
	}
	body, err := json.Marshal(arguments)
	if err == nil {
		err = json.Unmarshal(body, &c.options)
	}
	if err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	c.key = strings.Join([]string{c.caller.ID, t.Spec().Name, string(body)}, "\x00") // map keys are sorted

	if at, over := t.runs.find(c.key); over {
		t.runs.fetched(at)
		return t.earlier(at), nil
	} else if at != nil {
		return t.attach(ctx, c.progress, at)
	}
	reply, err := roundTripReply(ctx, request)
	if err != nil {
		return nil, err
	}
	if app, _ := arguments["app"].(string); reply != nil && app != "" {
		if over, err := t.take(ctx, c, app, true); over != nil || err != nil {
			return over, err
		}
	}
	planned, err := t.Plan(ctx, c.in)
	if err != nil {
		return t.refuse(t.explain(ctx, err)), nil
	}
	if over := t.over(planned); over != nil {
		return over, nil
	}
	if c.options.DryRun {
		return t.dryRun(planned), nil
	}
	return t.pass(ctx, c, planned, reply)
}

// over is the answer to a plan with which the call ends, nil if there is
// something to do that may be done.
func (t *changing[In, Work, Out, P]) over(planned Planned[Work, Out]) *mcp.CallToolResult {
	switch {
	case len(planned.Plan.Blockers) > 0:
		return t.blocked(planned)
	case planned.Plan.Empty():
		return t.answer(planned, plan.NothingToDo, planned.Nothing, planned.Next)
	}
	return nil
}

// maxDrifts bounds how often one call goes back to the gate because the app
// moved between the decision and the run.
const maxDrifts = 3

// pass brings a plan through the gate, asking as often as the gate wants.
func (t *changing[In, Work, Out, P]) pass(ctx context.Context, c *invocation[In, Work, Out], planned Planned[Work, Out], reply *gate.Reply) (*mcp.CallToolResult, error) {
	kind := CanElicit(ctx)
	for drifts := 0; ; {
		if over, err := t.halted(ctx); over != nil || err != nil {
			return over, err // nobody is asked, and nothing is filed
		}
		planned.Plan.Gated = planned.Plan.Gated || t.Spec().Effect.Gated()
		request, err := planned.Plan.Request()
		if err != nil {
			return nil, err
		}
		request.Caller, request.Asker, request.From = c.caller.ID, c.caller.Name, t.From
		request.CanAsk, request.Code = kind != ElicitNone, c.options.Approval
		if request.Gated {
			if problem := t.recordable(); problem != nil {
				return t.refuse(problem), nil
			}
			if other := t.runs.busy(planned.Plan.App); other != nil && other != c.held {
				return t.meet(ctx, c, other)
			}
		}
		outcome, err := t.Gate.Decide(request, reply)
		if err != nil {
			return nil, err
		}
		switch outcome.Kind {
		case gate.Proceed:
			drifted, result, err := t.run(ctx, c, planned, outcome)
			if drifted == nil {
				return result, err
			}
			if drifts++; drifts > maxDrifts {
				return t.ungranted(*drifted, gate.Outcome{Code: gate.Stale, Reason: "the app kept changing"}), nil
			}
			planned = *drifted
		case gate.Ask:
			t.giveBack(c) // a person may take his time
			t.record(journal.Entry{Event: journal.Asked, Tool: request.Tool, App: request.App, Caller: request.Caller, Digest: request.Digest, Hazards: request.Hazards})
			form := approvalForm(planned.Plan, outcome)
			if kind == ElicitRoundTrip {
				return inputRequired(form, outcome.State), nil
			}
			next, over := t.askSession(ctx, c.progress, form, outcome, request)
			if over != nil {
				return t.ungranted(planned, *over), nil
			}
			reply = next
			if over, err := t.take(ctx, c, planned.Plan.App, true); over != nil || err != nil {
				return over, err
			}
			// The approving call always plans again: the world moved while a person read.
			if planned, err = t.Plan(ctx, c.in); err != nil {
				return t.refuse(t.explain(ctx, err)), nil
			}
		default:
			if outcome.Err != nil {
				if _, trouble := disk.Trouble(outcome.Err); trouble || errors.Is(outcome.Err, journal.ErrLost) {
					return t.refuse(t.unrecorded(outcome.Err)), nil
				}
				t.Log.Error("gate", "tool", request.Tool, "app", request.App, "err", outcome.Err)
			}
			t.record(journal.Entry{Event: journal.Refused, Tool: request.Tool, App: request.App, Caller: request.Caller, Digest: request.Digest, Code: string(outcome.Code), Hazards: request.Hazards})
			return t.ungranted(planned, outcome), nil
		}
		if over := t.over(planned); over != nil {
			return over, nil
		}
	}
}

// take takes the app for a call; a call that cannot have it gets its answer.
func (t *changing[In, Work, Out, P]) take(ctx context.Context, c *invocation[In, Work, Out], app string, gated bool) (*mcp.CallToolResult, error) {
	at, other, err := t.runs.begin(work{key: c.key, caller: c.caller.ID, tool: t.Spec().Name, app: app, local: t.Spec().Effect == Local, gated: gated})
	switch {
	case other != nil:
		return t.meet(ctx, c, other)
	case err != nil:
		return t.refuse(t.untaken(app, err)), nil
	}
	c.held = at
	return nil, nil
}

// giveBack gives an app back with which nothing was done.
func (t *changing[In, Work, Out, P]) giveBack(c *invocation[In, Work, Out]) {
	if c.held != nil {
		t.runs.abandon(c.held, t.refuse(busy(c.held)))
		c.held = nil
	}
}

// halted is the end of a call that must not go on: a result if its client still
// listens, an error if it left.
func (t *changing[In, Work, Out, P]) halted(ctx context.Context) (*mcp.CallToolResult, error) {
	reason := endReason(ctx)
	if errors.Is(reason, ErrStopping) || errors.Is(reason, ErrSessionEnded) {
		return t.refuse(ended(reason)), nil
	}
	return nil, ctx.Err()
}

// run burns the approval and applies. The plan must have been made while the
// app was held: another run may have come and gone since. Where it was not, the
// app is taken and the plan made again; one that does not hold any more is
// given back as it is now, with nothing used up.
func (t *changing[In, Work, Out, P]) run(ctx context.Context, c *invocation[In, Work, Out], planned Planned[Work, Out], outcome gate.Outcome) (drifted *Planned[Work, Out], result *mcp.CallToolResult, err error) {
	if over, err := t.halted(ctx); over != nil || err != nil {
		return nil, over, err // before anything was done
	}
	if c.held == nil {
		if over, err := t.take(ctx, c, planned.Plan.App, planned.Plan.Gated); over != nil || err != nil {
			return nil, over, err
		}
		if t.Spec().Effect != Local {
			again, err := t.Plan(ctx, c.in)
			if err != nil {
				return nil, t.refuse(t.explain(ctx, err)), nil
			}
			again.Plan.Gated = planned.Plan.Gated
			if again.Plan.Digest() != planned.Plan.Digest() {
				t.giveBack(c)
				return &again, nil, nil
			}
			planned = again
		}
	}
	if over, err := t.halted(ctx); over != nil || err != nil {
		return nil, over, err
	}
	grant, err := outcome.Commit()
	if err != nil {
		return nil, t.uncommitted(planned, err), nil
	}
	at := c.held
	c.held = nil         // it ends with the work
	at.watch(c.progress) // from its first step
	t.start(ctx, c, planned, grant, at)
	result, err = t.wait(ctx, c.progress, at)
	return nil, result, err
}

// uncommitted answers for an approval that could not be used.
func (t *changing[In, Work, Out, P]) uncommitted(planned Planned[Work, Out], err error) *mcp.CallToolResult {
	switch {
	case errors.Is(err, gate.ErrReplayed):
		return t.ungranted(planned, gate.Outcome{Code: gate.Replayed})
	case errors.Is(err, gate.ErrCapReached):
		return t.ungranted(planned, gate.Outcome{Code: gate.Blocked, Reason: "the cap of its rule is reached"})
	}
	return t.refuse(t.unrecorded(err))
}

// start applies. Past this point the work no longer depends on the client
// being there.
func (t *changing[In, Work, Out, P]) start(ctx context.Context, c *invocation[In, Work, Out], planned Planned[Work, Out], grant *gate.Grant, at *run) {
	ctx = context.WithoutCancel(ctx)
	at.apply()
	go func() {
		by := grant.Approval()
		entry := journal.Entry{Tool: t.Spec().Name, App: planned.Plan.App, Run: at.id, Caller: c.caller.ID, Digest: planned.Plan.Digest(), Channel: string(by.Channel), By: by.By}
		entry.Event = journal.Started
		t.record(entry)
		result, status := t.apply(ctx, planned, grant, at)
		entry.Event, entry.Status = journal.Finished, string(status)
		t.record(entry)
		t.runs.end(at, result)
	}()
}

// apply runs Apply and renders what came of it. A panic there must not take the
// process down in the middle of a change.
func (t *changing[In, Work, Out, P]) apply(ctx context.Context, planned Planned[Work, Out], grant *gate.Grant, at *run) (result *mcp.CallToolResult, status plan.Status) {
	defer func() {
		if v := recover(); v != nil {
			t.Log.Error("panic in apply", "tool", t.Spec().Name, "app", planned.Plan.App, "panic", fmt.Sprint(v))
			result, status = t.refuse(&Problem{Code: gate.Internal, Message: "the work ended in an error of this program; some of it may have been done", Hint: "list_ips and the status resource show what is there now"}), plan.Failed
		}
	}()
	out, err := t.Apply(ctx, planned.Work, grant, at.step)
	if err != nil {
		p := t.explain(ctx, err)
		return t.failed(planned, p), plan.Failed
	}
	envelope := P(&out).Envelope()
	by := grant.Approval()
	if by.Channel != gate.ChannelNone {
		envelope.Approval = &plan.ApprovalState{Channel: by.Channel, By: by.By}
	}
	t.finish(envelope)
	return t.result(out, t.text(envelope, out), isError(*envelope)), envelope.Status
}

// record appends to the journal; what fails there is the operator's to know.
func (a *adapter) record(e journal.Entry) {
	if a.Journal == nil {
		return
	}
	if err := a.Journal.Append(e); err != nil {
		a.Log.Error("journal", "event", e.Event, "err", err)
	}
}

// explain turns an error into what is answered. One that nobody outside can act
// on goes to the log whole and is answered with an id.
func (a *adapter) explain(ctx context.Context, err error) *Problem {
	if p, ok := problem(err); ok {
		return p
	}
	if errors.Is(err, journal.ErrLost) {
		return a.unrecorded(err)
	}
	if ctx.Err() != nil {
		return ended(endReason(ctx))
	}
	id := randomID()
	a.Log.Error("internal error", "id", id, "err", err)
	return &Problem{Code: gate.Internal, Message: "an internal error; the server's log has it under " + id}
}

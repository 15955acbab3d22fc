package call

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	*Handler
	Reading[In, Out]
	schemas
}

func NewReading[In, Out any](a *Handler, r Reading[In, Out], refine func(map[string]*jsonschema.Schema)) Tool {
	return &reading[In, Out]{a, r, newSchemas[In, Out](a.Schemas, r.Spec.Name, refine)}
}

func (t *reading[In, Out]) Spec() Spec { return t.Reading.Spec }

func (t *reading[In, Out]) Definition() mcp.Tool {
	return definition(t.Reading.Spec, t.input(), t.output())
}

func (t *reading[In, Out]) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in In
	arguments, problem := t.arguments(t.parsed(), request)
	if problem == nil {
		in, problem = Decode[In](t.parsed(), arguments)
	}
	if problem == nil {
		problem = t.named(arguments)
	}
	if problem == nil {
		out, err := t.Read(ctx, in)
		if err == nil {
			return t.result(out, t.Text(out), false), nil
		}
		problem = t.Explain(ctx, err)
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
	*Handler
	Changing[In, Work, Out]
	schemas
}

func NewChanging[In, Work, Out any, P enveloped[Out]](a *Handler, c Changing[In, Work, Out], refine func(map[string]*jsonschema.Schema)) Tool {
	return &changing[In, Work, Out, P]{a, c, newSchemas[In, Out](a.Schemas, c.Spec.Name, refine)}
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
	call     string
	in       In
	options  options
	progress *Progress // one for the whole call: its values must grow
	held     *Run      // the app, taken before the plan that an answer is judged by
	retried  bool      // the call repeats an earlier one that was answered with a question
}

// callOf names what was called, whatever approval it carries: the plans of calls
// that differ here are different plans, not versions of one.
func callOf(tool string, arguments map[string]any) (string, error) {
	asked := maps.Clone(arguments)
	delete(asked, "approval")
	delete(asked, "dry_run")
	body, err := json.Marshal(asked) // map keys are sorted
	if err != nil {
		return "", fmt.Errorf("arguments: %w", err)
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", tool, body)) // they may hold secrets
	return hex.EncodeToString(hash[:16]), nil
}

func (t *changing[In, Work, Out, P]) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	c := &invocation[In, Work, Out]{caller: CallerFrom(ctx), progress: NewProgress(ctx, request)}
	defer c.progress.Done()
	defer t.giveBack(c) // however the call ends, a panic included
	arguments, problem := t.arguments(t.parsed(), request)
	if problem != nil {
		return t.refuse(problem), nil
	}
	answer, err := t.receive(ctx, c, arguments, request)
	if err != nil {
		return nil, err
	}
	if t.Earlier != nil {
		t.Earlier(arguments)
	}
	if c.in, problem = Decode[In](t.parsed(), arguments); problem == nil {
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
	if c.call, err = callOf(t.Spec().Name, arguments); err != nil {
		return nil, err
	}
	c.key = strings.Join([]string{c.caller.ID, t.Spec().Name, string(body)}, "\x00") // map keys are sorted

	if answer.No() { // nothing that goes on elsewhere is an answer to it
		return t.saidNo(ctx, c, answer)
	}
	if at, over := t.Runs.find(c.key); over {
		t.Runs.fetched(at)
		return t.earlier(at), nil
	} else if at != nil {
		return t.attach(ctx, c.progress, at)
	}
	if app, _ := arguments["app"].(string); answer.Yes() && app != "" {
		if over, err := t.take(ctx, c, app, true); over != nil || err != nil {
			return over, err
		}
	}
	planned, err := t.Plan(ctx, c.in)
	var ends *mcp.CallToolResult
	if err != nil {
		ends = t.refuse(t.Explain(ctx, err))
	} else {
		ends = t.over(planned)
	}
	if ends != nil {
		// A plan made beside the identical call's work tells of a state in between.
		if at, over := t.Runs.find(c.key); at != nil && at != c.held && !over {
			return t.attach(ctx, c.progress, at)
		}
		return ends, nil
	}
	if c.options.DryRun {
		return t.dryRun(planned), nil
	}
	return t.pass(ctx, c, planned, answer)
}

// receive judges the answer that came with the call before anything else is
// looked at or waited for.
func (t *changing[In, Work, Out, P]) receive(ctx context.Context, c *invocation[In, Work, Out], arguments map[string]any, request mcp.CallToolRequest) (*gate.Answer, error) {
	reply, retried, err := roundTripReply(ctx, request)
	if err != nil || !retried {
		return nil, err
	}
	c.retried = true
	app, _ := arguments["app"].(string)
	if reply == nil {
		return nil, t.Gate.Check(t.Spec().Name, app, c.caller.ID, request.Params.RequestState)
	}
	return t.Gate.Receive(t.Spec().Name, app, c.caller.ID, *reply)
}

// saidNo answers a person's no, which was recorded already: with the plan, if it
// can still be made.
func (t *changing[In, Work, Out, P]) saidNo(ctx context.Context, c *invocation[In, Work, Out], answer *gate.Answer) (*mcp.CallToolResult, error) {
	planned, err := t.Plan(ctx, c.in)
	if err != nil {
		return t.refuse(&plan.Problem{Code: gate.Declined, Message: "a person said no", Hint: "do not ask again unless the person wants that"}), nil
	}
	return t.pass(ctx, c, planned, answer)
}

// over is the answer to a plan with which the call ends, nil if there is
// something to do that may be done.
func (t *changing[In, Work, Out, P]) over(planned plan.Proposal[Work, Out]) *mcp.CallToolResult {
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
func (t *changing[In, Work, Out, P]) pass(ctx context.Context, c *invocation[In, Work, Out], planned plan.Proposal[Work, Out], answer *gate.Answer) (*mcp.CallToolResult, error) {
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
		request.Call, request.Retried = c.call, c.retried
		if request.Gated && !answer.No() {
			if problem := t.recordable(); problem != nil {
				return t.refuse(problem), nil
			}
			if other := t.Runs.Busy(planned.Plan.App); other != nil && other != c.held {
				return t.meet(ctx, c, other)
			}
		}
		outcome := t.Gate.Decide(request, answer)
		if outcome.Err != nil {
			t.Log.Error("gate", "tool", request.Tool, "app", request.App, "err", outcome.Err)
		}
		if planned.Keep != nil && (outcome.Kind == gate.Ask || outcome.Kind == gate.NeedsTerminal) {
			planned.Keep(outcome.Expires)
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
			t.giveBack(c) // a person may take their time
			t.Record(journal.Entry{Event: journal.Asked, Tool: request.Tool, App: request.App, Caller: request.Caller, Digest: request.Digest, Hazards: request.Hazards})
			form := approvalForm(planned.Plan, outcome)
			if kind == ElicitRoundTrip {
				return t.inputRequired(ctx, form, outcome.State), nil
			}
			next, over, err := t.askSession(ctx, c.progress, form, outcome, request)
			if err != nil {
				return nil, err
			}
			if over != nil {
				return t.ungranted(planned, *over), nil
			}
			answer = next
			if answer.No() {
				continue // the plan that it answers is the one at hand
			}
			if answer.Yes() {
				if over, err := t.take(ctx, c, planned.Plan.App, true); over != nil || err != nil {
					return over, err
				}
			}
			// The approving call always plans again: the world moved while a person read.
			if planned, err = t.Plan(ctx, c.in); err != nil {
				return t.refuse(t.Explain(ctx, err)), nil
			}
		default:
			if outcome.Err != nil && outcome.Code != gate.Declined {
				if _, trouble := disk.Trouble(outcome.Err); trouble || errors.Is(outcome.Err, journal.ErrLost) {
					return t.refuse(t.unrecorded(outcome.Err)), nil
				}
			}
			t.Record(journal.Entry{Event: journal.Refused, Tool: request.Tool, App: request.App, Caller: request.Caller, Digest: request.Digest, Code: string(outcome.Code), Hazards: request.Hazards})
			return t.ungranted(planned, outcome), nil
		}
		if over := t.over(planned); over != nil {
			return over, nil
		}
	}
}

// take takes the app for a call; a call that cannot have it gets its answer.
func (t *changing[In, Work, Out, P]) take(ctx context.Context, c *invocation[In, Work, Out], app string, gated bool) (*mcp.CallToolResult, error) {
	at, other, err := t.Runs.Begin(Job{key: c.key, caller: c.caller.ID, Tool: t.Spec().Name, App: app, local: t.Spec().Effect == Local, gated: gated})
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
		t.Runs.Abandon(c.held, t.refuse(busy(c.held)))
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
func (t *changing[In, Work, Out, P]) run(ctx context.Context, c *invocation[In, Work, Out], planned plan.Proposal[Work, Out], outcome gate.Outcome) (drifted *plan.Proposal[Work, Out], result *mcp.CallToolResult, err error) {
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
				return nil, t.refuse(t.Explain(ctx, err)), nil
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
func (t *changing[In, Work, Out, P]) uncommitted(planned plan.Proposal[Work, Out], err error) *mcp.CallToolResult {
	switch {
	case errors.Is(err, gate.ErrReplayed):
		return t.ungranted(planned, gate.Outcome{Code: gate.Replayed})
	case errors.Is(err, gate.ErrWithdrawn):
		return t.ungranted(planned, gate.Outcome{Code: gate.Declined})
	case errors.Is(err, gate.ErrExpired):
		return t.ungranted(planned, gate.Outcome{Code: gate.Expired})
	case errors.Is(err, gate.ErrCapReached):
		return t.ungranted(planned, gate.Outcome{Code: gate.Blocked, Reason: "the cap of its rule is reached"})
	}
	return t.refuse(t.unrecorded(err))
}

// start applies. Past this point the work no longer depends on the client
// being there.
func (t *changing[In, Work, Out, P]) start(ctx context.Context, c *invocation[In, Work, Out], planned plan.Proposal[Work, Out], grant *gate.Grant, at *Run) {
	ctx = context.WithoutCancel(ctx)
	at.apply()
	go func() {
		by := grant.Approval()
		entry := journal.Entry{Tool: t.Spec().Name, App: planned.Plan.App, Run: at.ID, Caller: c.caller.ID, Digest: planned.Plan.Digest(), Channel: string(by.Channel), By: by.By}
		entry.Event = journal.Started
		t.Record(entry)
		result, status := t.apply(ctx, planned, grant, at)
		entry.Event, entry.Status = journal.Finished, string(status)
		t.Record(entry)
		t.Runs.end(at, result)
	}()
}

// apply runs Apply and renders what came of it. A panic there must not take the
// process down in the middle of a change.
func (t *changing[In, Work, Out, P]) apply(ctx context.Context, planned plan.Proposal[Work, Out], grant *gate.Grant, at *Run) (result *mcp.CallToolResult, status plan.Status) {
	defer func() {
		if v := recover(); v != nil {
			t.Log.Error("panic in apply", "tool", t.Spec().Name, "app", planned.Plan.App, "panic", fmt.Sprint(v))
			result, status = t.refuse(&plan.Problem{Code: gate.Internal, Message: "this program failed with an internal error; some of the work may have been done", Hint: "list_ips and the status resource show the current state"}), plan.Failed
		}
	}()
	out, err := t.Apply(ctx, planned.Work, grant, at.step)
	if err != nil {
		p := t.Explain(ctx, err)
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
func (a *Handler) Record(e journal.Entry) {
	if a.Journal == nil {
		return
	}
	if err := a.Journal.Append(e); err != nil {
		a.Log.Error("journal", "event", e.Event, "err", err)
	}
}

// explain turns an error into what is answered. One that nobody outside can act
// on goes to the log whole and is answered with an id.
func (a *Handler) Explain(ctx context.Context, err error) *plan.Problem {
	if p, ok := ProblemOf(err); ok {
		return p
	}
	if errors.Is(err, journal.ErrLost) {
		return a.unrecorded(err)
	}
	if ctx.Err() != nil {
		return ended(endReason(ctx))
	}
	id := RandomID()
	a.Log.Error("internal error", "id", id, "err", err)
	return &plan.Problem{Code: gate.Internal, Message: "an internal error; the server's log has it under " + id}
}

// randomID is eight random bytes in hex, for names of drafts and lines of the log.
func RandomID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

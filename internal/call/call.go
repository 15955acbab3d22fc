package call

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// proposal is a [plan.Proposal] whose types are hidden.
type proposal struct {
	plan.Plan
	summary string
	nothing string
	next    []plan.Next
	keep    func(until time.Time)
	before  func() plan.Snapshot
	out     output
	apply   func(context.Context, *gate.Grant, plan.Report) (output, error)
}

// invocation is one tools/call on its way through the stages.
type invocation struct {
	*changing
	caller       Caller
	plan         planner
	approval     string // a code from a terminal
	dryRun       bool
	same         json.RawMessage // the arguments without approval and dry_run, for the calls that results suggest
	omitsContent bool            // same lacks a long content
	key          string          // of identical calls: the caller, the tool and all arguments
	id           string          // of the tool and the arguments without approval and dry_run
	progress     *Progress       // one for the whole call, because its values must grow
	held         *Run            // the app, taken before the plan that an answer is judged by
	retried      bool            // the call repeats an earlier one that was answered with a question
}

func (t *changing) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	c := &invocation{changing: t, caller: CallerFrom(ctx), progress: NewProgress(ctx, request)}
	defer c.progress.Done()
	defer c.releaseApp() // however the call ends, even in a panic
	arguments, problem := t.arguments(t.parsed(), request)
	if problem != nil {
		return t.refuse(problem), nil
	}
	app, _ := arguments["app"].(string)
	answer, err := c.receive(ctx, app, request)
	if err != nil {
		return nil, err
	}
	if t.earlier != nil {
		t.earlier(arguments)
	}
	if problem := c.decode(arguments); problem != nil {
		return t.refuse(problem), nil
	}
	if answer.IsNo() { // it is not the answer to anything else that runs
		return c.answerNo(ctx, answer)
	}
	if run, ended := t.Runs.findIdentical(c.key); ended {
		t.Runs.forget(run)
		return t.earlierRun(run), nil
	} else if run != nil {
		return c.attach(ctx, run)
	}
	if answer.IsYes() && app != "" {
		if result, err := c.acquireApp(ctx, app, true); result != nil || err != nil {
			return result, err
		}
	}
	p, err := c.plan(ctx)
	var early *mcp.CallToolResult
	if err != nil {
		early = t.refuse(t.Explain(ctx, err))
	} else {
		early = t.earlyResult(p)
	}
	if early != nil {
		// A plan made while the identical call works shows a state in between.
		if run, ended := t.Runs.findIdentical(c.key); run != nil && run != c.held && !ended {
			return c.attach(ctx, run)
		}
		return early, nil
	}
	if c.dryRun {
		return c.reportDryRun(p), nil
	}
	return c.decide(ctx, p, answer)
}

// receive judges the answer that came with the call, before anything else is looked at or
// waited for.
func (c *invocation) receive(ctx context.Context, app string, request mcp.CallToolRequest) (*gate.Answer, error) {
	reply, retried, err := roundTripReply(ctx, request)
	if err != nil || !retried {
		return nil, err
	}
	c.retried = true
	if reply == nil {
		return nil, c.Gate.Check(c.spec.Name, app, c.caller.ID, request.Params.RequestState)
	}
	return c.Gate.Receive(c.spec.Name, app, c.caller.ID, *reply)
}

// decode checks the arguments and decodes them into the tool's input.
func (c *invocation) decode(arguments map[string]any) *plan.Problem {
	body, problem := encodeArguments(c.parsed(), arguments)
	if problem != nil {
		return problem
	}
	var err error
	if c.plan, err = c.prepare(body); err != nil {
		return errUnreadable()
	}
	c.approval, _ = arguments["approval"].(string)
	c.dryRun, _ = arguments["dry_run"].(bool)
	c.key = strings.Join([]string{c.caller.ID, c.spec.Name, string(body)}, "\x00")
	if c.id, err = callID(c.spec.Name, arguments); err != nil {
		return errUnreadable()
	}
	if c.same, c.omitsContent, err = sameArguments(arguments); err != nil {
		return errUnreadable()
	}
	return c.checkArgumentApp(arguments)
}

// maxContent is how many bytes of a content are repeated in a suggested call.
const maxContent = 400

// sameArguments returns the arguments of a call that carries out what this one asks for.
func sameArguments(arguments map[string]any) (same json.RawMessage, omitsContent bool, err error) {
	again := maps.Clone(arguments)
	delete(again, "approval")
	delete(again, "dry_run")
	if content, _ := again["content"].(string); len(content) > maxContent {
		delete(again, "content")
		omitsContent = true
	}
	same, err = json.Marshal(again)
	return same, omitsContent, err
}

// callID identifies what was called, whatever approval it carries: the plans of calls that
// differ here are different plans, not versions of one.
func callID(tool string, arguments map[string]any) (string, error) {
	asked := maps.Clone(arguments)
	delete(asked, "approval")
	delete(asked, "dry_run")
	body, err := json.Marshal(asked) // map keys are sorted
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", tool, body)) // arguments may hold secrets
	return hex.EncodeToString(hash[:16]), nil
}

// answerNo answers a person's no, which was recorded already: with the plan, if it can
// still be made.
func (c *invocation) answerNo(ctx context.Context, answer *gate.Answer) (*mcp.CallToolResult, error) {
	p, err := c.plan(ctx)
	if err != nil {
		return c.refuse(&plan.Problem{Code: gate.Declined, Message: "a person said no",
			Hint: "do not ask again unless the person wants that"}), nil
	}
	return c.decide(ctx, p, answer)
}

// earlyResult returns the result if the plan already decides the call, else nil.
func (t *changing) earlyResult(p *proposal) *mcp.CallToolResult {
	switch {
	case len(p.Blockers) > 0:
		return t.reportBlockers(p)
	case p.Empty():
		return t.reportNothing(p)
	}
	return nil
}

// maxDrifts bounds how often one call goes back to the gate because the app changed
// between the decision and the run.
const maxDrifts = 3

// decide takes a plan through the gate, asking as often as the gate wants, and runs it.
func (c *invocation) decide(ctx context.Context, p *proposal, answer *gate.Answer) (*mcp.CallToolResult, error) {
	for drifts := 0; ; {
		if result, err := c.checkStopped(ctx); result != nil || err != nil {
			return result, err // nobody is asked, and nothing is filed
		}
		question := p.Question()
		request, err := c.gateRequest(ctx, p, question)
		if err != nil {
			return nil, err
		}
		if request.Gated && !answer.IsNo() {
			if problem := c.checkJournal(); problem != nil {
				return c.refuse(problem), nil
			}
			if run := c.Runs.Holder(p.App); run != nil && run != c.held {
				return c.attachOrBusy(ctx, run)
			}
		}
		outcome := c.Gate.Decide(request, answer)
		if outcome.Err != nil {
			c.Log.Error("gate", "tool", request.Tool, "app", request.App, "err", outcome.Err)
		}
		if p.keep != nil && (outcome.Kind == gate.Ask || outcome.Kind == gate.NeedsTerminal) {
			p.keep(outcome.Expires)
		}
		switch outcome.Kind {
		case gate.Proceed:
			drifted, result, err := c.run(ctx, p, outcome)
			if drifted == nil {
				return result, err
			}
			if drifts++; drifts > maxDrifts {
				return c.reportRefusal(drifted, gate.Outcome{Code: gate.Stale, Reason: "the app kept changing"}), nil
			}
			p = drifted
		case gate.Ask:
			c.releaseApp() // a person may take their time
			c.Record(entryOf(journal.Asked, request))
			form := approvalForm(question, outcome)
			if CanElicit(ctx) == ElicitRoundTrip {
				return c.inputRequired(ctx, form, outcome.State), nil
			}
			var timedOut *gate.Outcome
			answer, timedOut, err = c.askSession(ctx, c.progress, form, outcome, request)
			switch {
			case err != nil:
				return nil, err
			case timedOut != nil:
				return c.reportRefusal(p, *timedOut), nil
			case answer.IsNo():
				continue // it answers the plan at hand
			case answer.IsYes():
				if result, err := c.acquireApp(ctx, p.App, true); result != nil || err != nil {
					return result, err
				}
			}
			// The approving call always plans again: the app may have changed while a
			// person read.
			if p, err = c.plan(ctx); err != nil {
				return c.refuse(c.Explain(ctx, err)), nil
			}
		default:
			if outcome.Err != nil && outcome.Code != gate.Declined {
				if _, trouble := disk.DescribeError(outcome.Err); trouble || errors.Is(outcome.Err, journal.ErrLost) {
					return c.refuse(c.journalProblem(outcome.Err)), nil
				}
			}
			entry := entryOf(journal.Refused, request)
			entry.Code = string(outcome.Code)
			c.Record(entry)
			return c.reportRefusal(p, outcome), nil
		}
		if result := c.earlyResult(p); result != nil {
			return result, nil
		}
	}
}

// gateRequest returns the plan as a request to the gate.
func (c *invocation) gateRequest(ctx context.Context, p *proposal, question plan.Question) (gate.Request, error) {
	p.Gated = p.Gated || c.spec.Effect.Gated()
	request, err := p.Request(question)
	if err != nil {
		return gate.Request{}, err
	}
	request.Caller, request.Asker, request.From = c.caller.ID, c.caller.Name, c.From
	request.CanAsk, request.Code = CanElicit(ctx) != ElicitNone, c.approval
	request.Call, request.Retried = c.id, c.retried
	return request, nil
}

func entryOf(event journal.Event, r gate.Request) journal.Entry {
	return journal.Entry{Event: event, Tool: r.Tool, App: r.App, Caller: r.Caller, Digest: r.Digest, Hazards: r.Hazards}
}

// acquireApp takes the app for the call. If the call cannot have it, the result says so.
func (c *invocation) acquireApp(ctx context.Context, app string, gated bool) (*mcp.CallToolResult, error) {
	run, other, err := c.Runs.Begin(Job{key: c.key, caller: c.caller.ID, Tool: c.spec.Name, App: app,
		local: c.spec.Effect == Local, gated: gated})
	switch {
	case other != nil:
		return c.attachOrBusy(ctx, other)
	case err != nil:
		return c.refuse(c.lockProblem(app, err)), nil
	}
	c.held = run
	return nil, nil
}

// releaseApp gives back an app with which nothing was done.
func (c *invocation) releaseApp() {
	if c.held != nil {
		c.Runs.Abandon(c.held, c.refuse(busy(c.held)))
		c.held = nil
	}
}

// checkStopped ends a call that must not go on: with a result if its client still listens,
// with an error if it left.
func (c *invocation) checkStopped(ctx context.Context) (*mcp.CallToolResult, error) {
	reason := endReason(ctx)
	if errors.Is(reason, ErrStopping) || errors.Is(reason, ErrSessionEnded) {
		return c.refuse(stopProblem(reason)), nil
	}
	return nil, ctx.Err()
}

// run uses up the approval and applies the plan. The plan must have been made while the
// app was held, because another run may have come and gone since. If it was not, run takes
// the app and plans again; a plan that no longer agrees is returned as drifted, with nothing
// used up.
func (c *invocation) run(ctx context.Context, p *proposal, outcome gate.Outcome) (
	drifted *proposal, result *mcp.CallToolResult, err error,
) {
	if result, err := c.checkStopped(ctx); result != nil || err != nil {
		return nil, result, err
	}
	if c.held == nil {
		if result, err := c.acquireApp(ctx, p.App, p.Gated); result != nil || err != nil {
			return nil, result, err
		}
		if c.spec.Effect != Local {
			again, err := c.plan(ctx)
			if err != nil {
				return nil, c.refuse(c.Explain(ctx, err)), nil
			}
			again.Gated = p.Gated
			if again.Digest() != p.Digest() {
				c.releaseApp()
				return again, nil, nil
			}
			p = again
		}
	}
	if result, err := c.checkStopped(ctx); result != nil || err != nil {
		return nil, result, err
	}
	grant, err := outcome.Commit()
	if err != nil {
		return nil, c.reportUncommitted(p, err), nil
	}
	run := c.held
	c.held = nil // it ends with the work
	run.watch(c.progress)
	c.start(ctx, p, grant, run)
	result, err = c.wait(ctx, run)
	return nil, result, err
}

// start applies the plan. Past this point the work no longer depends on the client.
func (c *invocation) start(ctx context.Context, p *proposal, grant *gate.Grant, run *Run) {
	ctx = context.WithoutCancel(ctx)
	run.begin()
	go func() {
		approval := grant.Approval()
		entry := journal.Entry{
			Event: journal.Started, Tool: c.spec.Name, App: p.App, Run: run.ID, Caller: c.caller.ID, Digest: p.Digest(),
			Channel: string(approval.Channel), By: approval.By,
		}
		c.Record(entry)
		saved := c.save(p, run)
		result, status := c.apply(ctx, p, grant, run, saved)
		entry.Event, entry.Status = journal.Finished, string(status)
		c.Record(entry)
		c.Runs.end(run, result)
	}()
}

// apply runs Apply and renders its result. A panic there must not end the process in the
// middle of a change.
func (t *changing) apply(ctx context.Context, p *proposal, grant *gate.Grant, run *Run, saved bool) (
	result *mcp.CallToolResult, status plan.Status,
) {
	defer func() {
		if v := recover(); v != nil {
			t.Log.Error("panic in apply", "tool", t.spec.Name, "app", p.App, "panic", fmt.Sprint(v))
			result, status = t.refuse(&plan.Problem{
				Code: gate.Internal, Message: "this program failed with an internal error; some of the work may have been done",
				Hint: "list_ips and the status resource show the current state",
			}), plan.Failed
		}
	}()
	out, err := p.apply(ctx, grant, run.report)
	if err != nil {
		return t.reportFailure(p, t.Explain(ctx, err)), plan.Failed
	}
	if saved && t.UndoCommand != nil && out.Envelope().HasDone() {
		out.Envelope().Undo = append(out.Envelope().Undo, "in a terminal: "+t.UndoCommand(run.ID))
	}
	t.noteDone(t.spec, out.Envelope())
	if by := grant.Approval(); by.Channel != gate.ChannelNone {
		out.Envelope().Approval = &plan.ApprovalState{Channel: by.Channel, By: by.By}
		if by.Channel == gate.ChannelElicitation && by.By == "" {
			out.Envelope().Approval.By = clientName(ctx)
		}
	}
	return t.respond(out), out.Envelope().Status
}

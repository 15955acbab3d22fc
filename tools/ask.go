package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// This file is the gate's two adapters to MCP: multi round trip (2026-07-28,
// the answer comes with a retry of the call) and elicitation/create (the
// handshake eras, while the call is open). Both end in the same gate.Reply.

// askID names the question among the inputs of a call.
const askID = "approval"

// Names of the form's one field.
const (
	fieldTyped  = "app"
	fieldTicked = "confirm"
)

// heartbeat is how often a waiting call shows that it is alive.
const heartbeat = 10 * time.Second

// approvalForm renders a plan as a form. The form holds no default, enumeration or
// pattern that would be the answer.
func approvalForm(p plan.Plan, outcome gate.Outcome) mcp.ElicitationParams {
	q := p.Question(outcome.Changed)
	text := q.Text()
	if outcome.Late {
		text = "YOUR EARLIER ANSWER CAME TOO LATE and was not used.\n" + text
	}
	if outcome.Code == gate.NotConfirmed {
		text = notConfirmed(q, outcome) + "\n" + text
	}
	properties := map[string]any{
		fieldTicked: map[string]any{"type": "boolean", "title": "Do this", "description": "Tick to approve exactly what is listed.", "default": false},
	}
	required := fieldTicked
	if q.TypeName {
		properties = map[string]any{
			fieldTyped: map[string]any{"type": "string", "title": "Name of the app", "description": "Type the app's name to approve what cannot be undone.", "maxLength": 63},
		}
		required = fieldTyped
	}
	return mcp.ElicitationParams{
		Mode: mcp.ElicitationModeForm, Message: text,
		RequestedSchema: map[string]any{"type": "object", "properties": properties, "required": []string{required}},
	}
}

func notConfirmed(q plan.Question, outcome gate.Outcome) string {
	if q.TypeName {
		return fmt.Sprintf("%s is not the app's name. Nothing was done; asked once more:", plan.Quote(outcome.Typed))
	}
	return "The box was not ticked. Nothing was done; asked once more:"
}

// inputRequired is the question as the answer of a call.
func inputRequired(form mcp.ElicitationParams, state string) *mcp.CallToolResult {
	return mcpserver.NewInputRequestBuilder(state).Elicit(askID, form).ToolResult()
}

// roundTripReply reads the person's answer that came with a retried call, nil
// if the call is not one. A state where none can have been given out is an
// error for the protocol.
func roundTripReply(ctx context.Context, request mcp.CallToolRequest) (*gate.Reply, error) {
	state := request.Params.RequestState
	if state == "" {
		return nil, nil
	}
	if CanElicit(ctx) != ElicitRoundTrip {
		return nil, gate.ErrBadState
	}
	result := mcpserver.ElicitationResponse(request.Params.InputResponses, askID)
	if result == nil {
		return nil, nil // the answer is missing: ask again (SEP-2322)
	}
	content, _ := result.Content.(map[string]any)
	return reply(state, string(result.Action), content), nil
}

func reply(state, action string, content map[string]any) *gate.Reply {
	typed, _ := content[fieldTyped].(string)
	ticked, _ := content[fieldTicked].(bool)
	return &gate.Reply{State: state, Action: gate.Action(action), Typed: typed, Ticked: ticked}
}

// askSession asks while the call is open, with a time limit of our own. It
// gives the answer, or the outcome that ends the call.
func (a *adapter) askSession(ctx context.Context, progress *Progress, form mcp.ElicitationParams, outcome gate.Outcome, r gate.Request) (*gate.Reply, *gate.Outcome) {
	ticks, stopTicks := a.ticks(ctx)
	stopBeating := progress.Heartbeat(ticks, func() string { return "waiting for a person's answer" })
	defer stopBeating()
	defer stopTicks()

	answer, err := RequestElicitation(ctx, form, Asking{Within: a.AnswerWithin, After: a.Clock.After, Late: func(late Answer) {
		if late.Action == mcp.ElicitationResponseActionAccept {
			a.Gate.CameLate(r)
		}
	}})
	var refused *ElicitationError
	switch {
	case err == nil:
		return reply(outcome.State, string(answer.Action), answer.Content), nil
	case errors.As(err, &refused):
		a.Log.Warn("client did not put the question", "code", refused.Code)
		return &gate.Reply{State: outcome.State, Action: gate.Cancel}, nil
	}
	over := a.Gate.TimedOut(r, outcome.State)
	return nil, &over
}

// ticks beats by the injected clock until stopped.
func (a *adapter) ticks(ctx context.Context) (<-chan time.Time, func()) {
	out, quit := make(chan time.Time), make(chan struct{})
	go func() {
		for {
			select {
			case at := <-a.Clock.After(heartbeat):
				select {
				case out <- at:
				case <-quit:
					return
				case <-ctx.Done():
					return
				}
			case <-quit:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() { close(quit) }
}

// ungranted is the answer when the gate did not let a plan through.
func (t *changing[In, Work, Out, P]) ungranted(planned Planned[Work, Out], o gate.Outcome) *mcp.CallToolResult {
	r := P(&planned.Out).Envelope()
	r.Status, r.App, r.Code, r.Retry = plan.Refused, planned.Plan.App, o.Code, o.Code.Retry()
	r.Plan, r.Steps = planned.Plan.Summary(), planned.Plan.Records(plan.NotStarted)
	for _, u := range planned.Plan.Unknown {
		r.Unknown = append(r.Unknown, u.Sentence())
	}
	if o.Kind == gate.NeedsTerminal {
		r.Status, r.Retry = plan.NeedsApproval, gate.RetryAfterPerson
		r.Steps = planned.Plan.Records(plan.Planned)
		r.Approval = &plan.ApprovalState{Ticket: o.Ticket, Command: t.ApproveCommand(o.Ticket), ExpiresAt: o.Expires.UTC().Format(time.RFC3339), Channel: gate.ChannelTerminal}
		r.Next = []plan.Next{
			{Who: "person", Command: r.Approval.Command, Why: "read the plan in a terminal and approve or reject it"},
			{Who: "agent", Tool: t.Spec().Name, Why: "after that, repeat the identical call"},
		}
	}
	if o.Kind == gate.Refuse && o.Code == gate.Unavailable && !o.NoKey {
		r.Next = []plan.Next{{Who: "person", Why: "use a client that can ask its person (elicitation), or start the server with --approval auto"}}
	}
	if o.NoKey {
		r.Next = []plan.Next{{Who: "person", Command: t.ApproveCommand(""), Why: "make a signing key once, then restart the server: from then on approvals can be given in a terminal"}}
	}
	r.Summary = strings.TrimSpace(planned.Summary + " " + t.why(planned.Plan, o) + " Nothing was changed.")
	t.finish(r)
	return t.result(planned.Out, t.text(r, planned.Out), isError(*r))
}

// why tells in a sentence why a plan was not let through.
func (t *changing[In, Work, Out, P]) why(p plan.Plan, o gate.Outcome) string {
	var b strings.Builder
	if o.Late {
		b.WriteString("A yes to the earlier question came too late and was not used. ")
	}
	switch o.Code {
	case gate.Declined:
		b.WriteString("A person said no.")
		if o.Reason != "" {
			fmt.Fprintf(&b, " The reason given: %s.", outside.Quote(o.Reason, 240))
		}
		b.WriteString(" Do not ask again unless the person does.")
	case gate.NotConfirmed:
		if p.Irreversible() {
			fmt.Fprintf(&b, "The app's name was not typed correctly, twice: %s.", plan.Quote(o.Typed))
		} else {
			b.WriteString("The form was sent twice without its box ticked.")
		}
	case gate.NoAnswer:
		b.WriteString("No decision came from the person; the plan can still be approved.")
	case gate.Unavailable:
		switch {
		case o.TooLong:
			fmt.Fprintf(&b, "The plan is too long for a form (%s): a person has to read it in a terminal.", p.TooLong())
		case o.TooFast:
			b.WriteString("The answer came faster than a person reads, so a program gave it, and it does not count.")
		case o.Kind == gate.Refuse && !o.NoKey:
			b.WriteString("Nobody can be asked in this client, and this server takes answers nowhere else.")
		default:
			b.WriteString("Nobody can be asked in this client: a person has to approve in a terminal.")
		}
	case gate.Expired:
		b.WriteString("The answer came too late and was not used; call again to be asked anew.")
	case gate.Replayed:
		b.WriteString("That approval was used before; each counts once.")
	case gate.Stale:
		b.WriteString("The approval was for another state of the app.")
		if len(o.Changed) > 0 {
			fmt.Fprintf(&b, " Changed since: %s.", plan.Line(strings.Join(o.Changed, "; ")))
		}
		if o.Reason != "" {
			fmt.Fprintf(&b, " (%s)", o.Reason)
		}
	case gate.Blocked:
		fmt.Fprintf(&b, "The operator does not allow it: %s.", plan.Message(o.Reason))
	case gate.InvalidInput:
		fmt.Fprintf(&b, "The approval is not valid: %s.", o.Reason)
	case gate.Internal:
		b.WriteString("The approval could not be recorded or counted; the server's log has the reason.")
	case "":
		b.WriteString("A person has to approve it in a terminal.")
	}
	if o.NoKey {
		b.WriteString(" There is no approver's key yet.")
	}
	return b.String()
}

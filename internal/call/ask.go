package call

import (
	"cmp"
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

// inputRequired is the question as the answer of a call. A person can read it
// once the transport has sent it.
func (a *Handler) inputRequired(ctx context.Context, form mcp.ElicitationParams, state string) *mcp.CallToolResult {
	whenSent(ctx, func(at time.Time) { a.Gate.Handed(state, at) })
	return mcpserver.NewInputRequestBuilder(state).Elicit(askID, form).ToolResult()
}

// roundTripReply reads the person's answer that came with a retried call; reply
// is nil if there is none. retried tells whether the call carries a state, with or
// without an answer. A state where none can have been given out is an error for
// the protocol.
func roundTripReply(ctx context.Context, request mcp.CallToolRequest) (reply *gate.Reply, retried bool, err error) {
	state := request.Params.RequestState
	if state == "" {
		return nil, false, nil
	}
	if CanElicit(ctx) != ElicitRoundTrip {
		return nil, true, gate.ErrBadState
	}
	if _, given := request.Params.InputResponses[askID]; !given {
		return nil, true, nil // the answer is missing: ask again (SEP-2322)
	}
	answer := Answer{Arrived: Arrived(ctx)} // one that cannot be read is neither a yes nor a no
	if result := mcpserver.ElicitationResponse(request.Params.InputResponses, askID); result != nil {
		answer.Action = result.Action
		answer.Content, _ = result.Content.(map[string]any)
	}
	return replyOf(state, answer), true, nil
}

func replyOf(state string, a Answer) *gate.Reply {
	typed, _ := a.Content[fieldTyped].(string)
	ticked, _ := a.Content[fieldTicked].(bool)
	return &gate.Reply{State: state, Action: gate.Action(a.Action), Typed: typed, Ticked: ticked, Arrived: a.Arrived}
}

// askSession asks while the call is open, with a time limit of our own. It
// gives the answer, or the outcome that ends the call.
func (a *Handler) askSession(ctx context.Context, progress *Progress, form mcp.ElicitationParams, outcome gate.Outcome, r gate.Request) (*gate.Answer, *gate.Outcome, error) {
	ticks, stopTicks := a.ticks(ctx)
	stopBeating := progress.Heartbeat(ticks, func() string { return "waiting for a person's answer" })
	defer stopBeating()
	defer stopTicks()

	sent := func(at time.Time) { a.Gate.Handed(outcome.State, at) }
	answer, err := RequestElicitation(ctx, form, Asking{Within: a.AnswerWithin, After: a.Clock.After, Sent: sent, Late: func(late Answer) {
		if err := a.Gate.Late(r, *replyOf(outcome.State, late)); err != nil {
			a.Log.Error("a late answer could not be recorded", "tool", r.Tool, "app", r.App, "err", err)
		}
	}})
	var refused *ElicitationError
	switch {
	case errors.As(err, &refused):
		a.Log.Warn("client did not show the question", "code", refused.Code)
		answer.Action = mcp.ElicitationResponseActionCancel
	case err != nil:
		over := a.Gate.TimedOut(r, outcome.State)
		return nil, &over, nil
	}
	judged, err := a.Gate.Receive(r.Tool, r.App, r.Caller, *replyOf(outcome.State, answer))
	return judged, nil, err
}

// ticks beats by the injected clock until stopped.
func (a *Handler) ticks(ctx context.Context) (<-chan time.Time, func()) {
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
func (t *changing[In, Work, Out, P]) ungranted(planned plan.Proposal[Work, Out], o gate.Outcome) *mcp.CallToolResult {
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
			{Who: "agent", Tool: t.Spec().Name, Why: "then repeat the identical call"},
		}
		if o.NoKey {
			first := plan.Next{Who: "person", Command: t.ApproveCommand(""), Why: "first, once: make a signing key; the server accepts it at once"}
			r.Next = append([]plan.Next{first}, r.Next...)
		}
	}
	if o.Kind == gate.Refuse && o.Code == gate.Unavailable && o.Reason == "" {
		r.Next = []plan.Next{{Who: "person", Why: "use a client that can ask a person (elicitation), or start the server with --approval auto"}}
	}
	r.Summary = strings.TrimSpace(cmp.Or(planned.Summary, planned.Nothing) + " " + t.why(planned.Plan, o) + " Nothing was changed.")
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
		b.WriteString(" Do not ask again unless the person wants that.")
		if !o.Until.IsZero() {
			fmt.Fprintf(&b, " Nobody is asked about the same plan before %s.", o.Until.UTC().Format(time.RFC3339))
		}
	case gate.NotConfirmed:
		if p.Irreversible() {
			fmt.Fprintf(&b, "The app's name was not typed correctly, twice: %s.", plan.Quote(o.Typed))
		} else {
			b.WriteString("The form was sent twice without the box ticked.")
		}
	case gate.NoAnswer:
		b.WriteString("The person did not decide; the plan can still be approved.")
	case gate.Unavailable:
		switch {
		case o.TooLong:
			fmt.Fprintf(&b, "The plan is too long for a form (%s): a person has to read it in a terminal.", p.TooLong())
		case o.TooFast:
			b.WriteString("The answer came faster than a person can read, so it was ignored: a program must have given it.")
		case o.Reason != "":
			fmt.Fprintf(&b, "Approval in a terminal is not possible: %s.", o.Reason)
		case o.Kind == gate.Refuse:
			b.WriteString("This client cannot ask a person, and this server accepts answers nowhere else.")
		default:
			b.WriteString("This client cannot ask a person: a person has to approve in a terminal.")
		}
	case gate.Expired:
		b.WriteString("The answer came too late and was not used; call again to ask again.")
	case gate.Replayed:
		b.WriteString("That approval was already used; each can be used once.")
	case gate.Stale:
		b.WriteString("The app changed after the approval, so it was not used.")
		if len(o.Changed) > 0 {
			fmt.Fprintf(&b, " Changed: %s.", plan.Line(strings.Join(o.Changed, "; ")))
		}
		if o.Reason != "" {
			fmt.Fprintf(&b, " (%s)", o.Reason)
		}
	case gate.Blocked:
		fmt.Fprintf(&b, "The operator's policy does not allow it: %s.", plan.Message(o.Reason))
	case gate.InvalidInput:
		fmt.Fprintf(&b, "The approval is not valid: %s.", o.Reason)
	case gate.Internal:
		b.WriteString("The approval could not be recorded or counted; the server's log has the reason.")
	case "":
		b.WriteString("A person has to approve it in a terminal.")
	}
	if o.NoKey {
		b.WriteString(" There is no approver's key yet: a person has to make one first.")
	}
	return b.String()
}

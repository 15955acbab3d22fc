package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// This file connects the gate to MCP in both eras: in multi round trip (2026-07-28) the
// answer comes with a retry of the call; with elicitation/create (the handshake eras) it
// comes while the call is open. Both end in a [gate.Reply].

// askID names the question among the inputs of a call.
const askID = "approval"

// Names of the form's one field.
const (
	fieldTyped  = "app"
	fieldTicked = "confirm"
)

// heartbeat is how often a waiting call shows that it is alive.
const heartbeat = 10 * time.Second

// approvalForm puts a question into a form. Nothing in the form (default, enumeration,
// pattern) is the answer.
func approvalForm(q plan.Question, outcome gate.Outcome) mcp.ElicitationParams {
	text := q.TextAgain(outcome.Changed)
	if outcome.Late {
		text = "YOUR EARLIER ANSWER CAME TOO LATE and was not used.\n" + text
	}
	if outcome.Code == gate.NotConfirmed {
		text = notConfirmed(q, outcome) + "\n" + text
	}
	properties := map[string]any{
		fieldTicked: map[string]any{"type": "boolean", "title": "Do this",
			"description": "Tick to approve exactly what is listed.", "default": false},
	}
	required := fieldTicked
	if q.TypeName {
		properties = map[string]any{
			fieldTyped: map[string]any{"type": "string", "title": "Name of the app",
				"description": "Type the app's name to approve what cannot be undone.", "maxLength": 63},
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
		return fmt.Sprintf("%s is not the app's name. Nothing was done. The question again:", plan.Quote(outcome.Typed))
	}
	return "The box was not ticked. Nothing was done. The question again:"
}

// inputRequired returns the question as the answer of a call. A person can read it only
// after the transport has sent it.
func (h *Handler) inputRequired(ctx context.Context, form mcp.ElicitationParams, state string) *mcp.CallToolResult {
	whenSent(ctx, func(at time.Time) { h.Gate.RecordSent(state, at) })
	return mcpserver.NewInputRequestBuilder(state).Elicit(askID, form).ToolResult()
}

// roundTripReply reads the person's answer that came with a retried call; reply is nil if
// there is none. retried reports whether the call carries a state, with or without an
// answer. A state from a client that was never sent one is a protocol error.
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
	answer := Answer{Arrived: Arrived(ctx)} // if it cannot be read, it is neither a yes nor a no
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

// askSession asks while the call is open, with the server's own time limit. It returns the
// answer, or the outcome if nobody answered in time.
func (h *Handler) askSession(
	ctx context.Context, progress *Progress, form mcp.ElicitationParams, outcome gate.Outcome, r gate.Request,
) (answer *gate.Answer, timedOut *gate.Outcome, err error) {
	ticks, stopTicks := h.ticks(ctx)
	stopHeartbeat := progress.Heartbeat(ticks, func() string { return "waiting for a person's answer" })
	defer stopHeartbeat()
	defer stopTicks()

	sent := func(at time.Time) { h.Gate.RecordSent(outcome.State, at) }
	late := func(a Answer) {
		if err := h.Gate.RecordLate(r, *replyOf(outcome.State, a)); err != nil {
			h.Log.Error("a late answer could not be recorded", "tool", r.Tool, "app", r.App, "err", err)
		}
	}
	reply, err := RequestElicitation(ctx, form,
		ElicitOptions{Within: h.AnswerWithin, After: h.Clock.After, Sent: sent, Late: late})
	var refused *ElicitationError
	switch {
	case errors.As(err, &refused):
		h.Log.Warn("client did not show the question", "code", refused.Code)
		reply.Action = mcp.ElicitationResponseActionCancel
	case err != nil:
		o := h.Gate.CloseUnanswered(r, outcome.State)
		return nil, &o, nil
	}
	answer, err = h.Gate.Receive(r.Tool, r.App, r.Caller, *replyOf(outcome.State, reply))
	return answer, nil, err
}

// ticks sends a tick every heartbeat, by the injected clock, until stopped.
func (h *Handler) ticks(ctx context.Context) (<-chan time.Time, func()) {
	out, quit := make(chan time.Time), make(chan struct{})
	go func() {
		for {
			select {
			case at := <-h.Clock.After(heartbeat):
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

package call

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// This file renders results. On success some clients show the model only the structured
// half, on an error only the text: each is complete on its own.

// SandboxMark begins every summary about the emulated platform.
const SandboxMark = "[sandbox] "

// isError reports whether the model or a person should treat a result as an error.
func isError(r *plan.Result) bool {
	switch r.Status {
	case plan.Failed, plan.Partial:
		return true
	case plan.Refused:
		switch r.Code {
		case gate.Declined, gate.Blocked, gate.NotConfirmed, gate.Unavailable, gate.NoAnswer, gate.Busy:
			return false
		}
		return true
	}
	return false
}

// newResult returns both halves of an answer. Outside text in it was escaped piece by
// piece, so that its quotes and lines end where they should; what is invisible in the whole
// is escaped here.
func newResult(structured any, text string, asError bool) *mcp.CallToolResult {
	r := mcp.NewToolResultStructured(structured, outside.Block(text))
	r.IsError = asError
	return r
}

// respond completes an output's envelope and returns it as a result.
func (t *changing) respond(out output) *mcp.CallToolResult {
	r := out.Envelope()
	if t.Sandbox && !strings.HasPrefix(r.Summary, SandboxMark) {
		r.Summary = SandboxMark + r.Summary
	}
	r.Summary = outside.Line(r.Summary, math.MaxInt)
	if len(r.Steps) > plan.MaxSteps {
		r.Omitted = len(r.Steps) - plan.MaxSteps
		r.Steps = r.Steps[:plan.MaxSteps]
	}
	if len(r.Next) > plan.MaxNext {
		r.Next = r.Next[:plan.MaxNext]
	}
	if r.Next == nil {
		r.Next = []plan.Next{}
	}
	return newResult(out, envelopeText(r, t.text(out)), isError(r))
}

// envelopeText renders an envelope, with the tool's own text in its place.
func envelopeText(r *plan.Result, extra string) string {
	var b strings.Builder
	b.WriteString(r.Summary + "\n")
	b.WriteString(ReasonText(r.Reason))
	if r.Run != "" {
		fmt.Fprintf(&b, "run: %s\n", r.Run)
	}
	for _, blocker := range r.Blockers {
		fmt.Fprintf(&b, "blocker %s: %s", blocker.ID, blocker.What)
		if blocker.Fix != "" {
			fmt.Fprintf(&b, " → %s", blocker.Fix)
		}
		b.WriteByte('\n')
	}
	if r.Plan != nil {
		fmt.Fprintf(&b, "plan %.12s: impact %s", r.Plan.Digest, r.Plan.Impact)
		if r.Plan.MonthlyUSDChange != 0 {
			fmt.Fprintf(&b, "; monthly bill %+g US dollars", r.Plan.MonthlyUSDChange)
		}
		b.WriteByte('\n')
		for _, h := range r.Plan.Hazards {
			fmt.Fprintf(&b, "hazard %s: %s\n", h, h.Sentence())
		}
	}
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "- %s: %s %s", s.State, s.Do, s.Target)
		if s.Note != "" {
			fmt.Fprintf(&b, " (%s)", s.Note)
		}
		if s.Undo == plan.UndoNo && s.State == plan.Planned {
			b.WriteString(" cannot be undone")
		}
		b.WriteByte('\n')
	}
	if r.Omitted > 0 {
		fmt.Fprintf(&b, "- %s\n", outside.More(r.Omitted))
	}
	if extra != "" {
		b.WriteString(strings.TrimSuffix(extra, "\n") + "\n")
	}
	if ap := r.Approval; ap != nil && ap.Ticket != "" {
		fmt.Fprintf(&b, "ticket %s, until %s: a person runs: %s\n", ap.Ticket, ap.ExpiresAt, ap.Command)
	} else if ap != nil && ap.Channel != "" && ap.Channel != gate.ChannelNone {
		fmt.Fprintf(&b, "approved by: %s %s\n", ap.Channel, ap.By)
	}
	for _, list := range []struct {
		name  string
		lines []string
	}{{"verified", r.Verified}, {"REFUTED", r.Refuted}, {"assumed", r.Assumed}, {"unknown", r.Unknown}, {"reach", r.Reach},
		{"undo", r.Undo}, {"left behind", r.Left}} {
		for _, line := range list.lines {
			fmt.Fprintf(&b, "%s: %s\n", list.name, line)
		}
	}
	b.WriteString(NextText(r.Next))
	return strings.TrimSuffix(b.String(), "\n")
}

// ReasonText renders why a call failed, a line each.
func ReasonText(r plan.Reason) string {
	var b strings.Builder
	if r.Code != "" {
		fmt.Fprintf(&b, "code: %s (retry: %s", r.Code, r.Retry)
		if r.RetryAfterS > 0 {
			fmt.Fprintf(&b, ", in %d s", r.RetryAfterS)
		}
		b.WriteString(")\n")
	}
	if r.RequestID != "" {
		fmt.Fprintf(&b, "fly-request-id: %s\n", r.RequestID)
	}
	return b.String()
}

// NextText renders what to do next, a line each.
func NextText(next []plan.Next) string {
	var b strings.Builder
	for _, n := range next {
		who := n.Who
		if n.Blocking {
			who += ", answer this before anything else"
		}
		what := n.Command
		if n.Tool != "" {
			what = n.Tool + argumentsText(n.Arguments)
		}
		fmt.Fprintf(&b, "next (%s): %s", who, what)
		if what != "" {
			b.WriteString(": ")
		}
		b.WriteString(n.Why + "\n")
	}
	return b.String()
}

func argumentsText(a *plan.Arguments) string {
	if a == nil {
		return ""
	}
	return " " + a.String()
}

// sentence returns a message with a full stop.
func sentence(message string) string {
	if message == "" || strings.HasSuffix(message, ".") || strings.HasSuffix(message, "?") {
		return message
	}
	return message + "."
}

// refuse answers a call that did not get as far as a plan, or not past one.
func (t *changing) refuse(p *plan.Problem) *mcp.CallToolResult {
	out := t.blank()
	r := out.Envelope()
	r.SetProblem(p)
	r.Status = plan.Refused
	if p.Code == gate.PlatformError || p.Code == gate.Internal || p.Code == gate.RateLimited {
		r.Status = plan.Failed
	}
	r.Summary = strings.TrimSpace(sentence(p.Message) + " Nothing was changed.")
	if p.Code == gate.Internal {
		r.Summary = sentence(p.Message)
	}
	return t.respond(out)
}

// reportFailure answers a call whose Apply ended in an error before it had a record.
func (t *changing) reportFailure(p *proposal, problem *plan.Problem) *mcp.CallToolResult {
	r := p.out.Envelope()
	r.SetProblem(problem)
	r.Status, r.App, r.Summary = plan.Failed, p.App, sentence(problem.Message)
	return t.respond(p.out)
}

// reportBlockers answers a call whose plan must not happen as things are.
func (t *changing) reportBlockers(p *proposal) *mcp.CallToolResult {
	r := p.out.Envelope()
	r.Set(plan.Refused, gate.Precondition)
	r.App, r.Blockers, r.Next = p.App, p.Blockers, p.next
	ids := make([]string, len(r.Blockers))
	for i, b := range r.Blockers {
		ids[i] = b.ID
	}
	r.Summary = fmt.Sprintf("%s is not ready: %s. Nothing was changed.", p.App, strings.Join(slices.Compact(ids), ", "))
	return t.respond(p.out)
}

// reportNothing answers a call for which there is nothing to do.
func (t *changing) reportNothing(p *proposal) *mcp.CallToolResult {
	r := p.out.Envelope()
	if r.Status == "" { // else what was to do was done by looking
		r.Status = plan.NothingToDo
	}
	r.App, r.Summary, r.Next = p.App, p.nothing, p.next
	return t.respond(p.out)
}

// reportDryRun answers a call that only wants the plan, with the call that carries it out.
func (c *invocation) reportDryRun(p *proposal) *mcp.CallToolResult {
	r := p.out.Envelope()
	r.Status, r.App = plan.WouldApply, p.App
	p.describe(r, plan.Planned)
	why := "carries out this plan; asks a person, unless a policy approves it"
	if !p.Gated && !c.spec.Effect.Gated() {
		why = "carries out this plan; asks nobody"
	}
	if c.omitsContent {
		why += "; with the same content"
	}
	r.Summary = strings.TrimSpace(p.summary + " Dry run: nothing was changed.")
	r.Next = []plan.Next{{Who: "agent", Tool: c.spec.Name, Arguments: &plan.Arguments{Same: c.same}, Why: why}}
	return c.respond(p.out)
}

// describe puts the plan into an envelope, with its steps in one state.
func (p *proposal) describe(r *plan.Result, state plan.State) {
	r.Plan, r.Steps = p.Summary(), p.Records(state)
	for _, u := range p.Unknown {
		r.Unknown = append(r.Unknown, u.Sentence())
	}
}

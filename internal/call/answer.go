package call

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// This file renders results. On success some clients show the model only the
// structured half, on an error only the text: each is complete alone.

// isError is the contract's split: what the model or a person should treat as
// an error, and what is an ordinary answer.
func isError(r plan.Result) bool {
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

// result is both halves of an answer. The texts in it were made safe one by one,
// where their lines and quotations begin and end; what still cannot be seen in
// the text is escaped here.
func (a *Handler) result(structured any, text string, isError bool) *mcp.CallToolResult {
	r := mcp.NewToolResultStructured(structured, outside.Block(text))
	r.IsError = isError
	return r
}

// finish makes an envelope conform: the sandbox's mark, the bounds, next never null.
func (a *Handler) finish(r *plan.Result) {
	if a.Sandbox && !strings.HasPrefix(r.Summary, SandboxMark) {
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
}

// sandboxMark begins every summary that tells of the emulated platform.
const SandboxMark = "[sandbox] "

// text is the whole answer for a person, and for models that get only the text.
func (t *changing[In, Work, Out, P]) text(r *plan.Result, out Out) string {
	extra := ""
	if t.Text != nil {
		extra = t.Text(out)
	}
	return envelopeText(*r, extra)
}

func envelopeText(r plan.Result, extra string) string {
	var b strings.Builder
	b.WriteString(r.Summary + "\n")
	if r.Code != "" {
		fmt.Fprintf(&b, "code: %s (retry: %s", r.Code, r.Retry)
		if r.RetryAfterS > 0 {
			fmt.Fprintf(&b, ", in %d s", r.RetryAfterS)
		}
		b.WriteString(")\n")
	}
	if r.Run != "" {
		fmt.Fprintf(&b, "run: %s\n", r.Run)
	}
	if r.RequestID != "" {
		fmt.Fprintf(&b, "fly-request-id: %s\n", r.RequestID)
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
		for i, h := range r.Plan.Hazards {
			fmt.Fprintf(&b, "%s%s", map[bool]string{true: "; hazards ", false: ", "}[i == 0], h)
		}
		if r.Plan.MonthlyUSDChange != 0 {
			fmt.Fprintf(&b, "; monthly bill %+g US dollars", r.Plan.MonthlyUSDChange)
		}
		b.WriteByte('\n')
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
		fmt.Fprintf(&b, "- and %d more\n", r.Omitted)
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
	}{{"verified", r.Verified}, {"assumed", r.Assumed}, {"unknown", r.Unknown}, {"reach", r.Reach}, {"undo", r.Undo}} {
		for _, line := range list.lines {
			fmt.Fprintf(&b, "%s: %s\n", list.name, line)
		}
	}
	b.WriteString(NextText(r.Next))
	return strings.TrimSuffix(b.String(), "\n")
}

func NextText(next []plan.Next) string {
	var b strings.Builder
	for _, n := range next {
		what := n.Command
		if n.Tool != "" {
			what = n.Tool + argumentsText(n.Arguments)
		}
		fmt.Fprintf(&b, "next (%s): %s", n.Who, what)
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

// sentence ends a message.
func sentence(message string) string {
	if message == "" || strings.HasSuffix(message, ".") || strings.HasSuffix(message, "?") {
		return message
	}
	return message + "."
}

// refuse answers a call that did not get as far as a plan, or not past one.
func (t *changing[In, Work, Out, P]) refuse(p *plan.Problem) *mcp.CallToolResult {
	var out Out
	r := P(&out).Envelope()
	t.Fill(r, p)
	r.Status = plan.Refused
	if p.Code == gate.PlatformError || p.Code == gate.Internal || p.Code == gate.RateLimited {
		r.Status = plan.Failed
	}
	r.Summary = strings.TrimSpace(sentence(p.Message) + " Nothing was changed.")
	if p.Code == gate.Internal {
		r.Summary = sentence(p.Message)
	}
	t.finish(r)
	return t.result(out, t.text(r, out), isError(*r))
}

// failed answers a call whose Apply ended in an error before it had a record.
func (t *changing[In, Work, Out, P]) failed(planned plan.Proposal[Work, Out], p *plan.Problem) *mcp.CallToolResult {
	r := P(&planned.Out).Envelope()
	t.Fill(r, p)
	r.Status, r.App = plan.Failed, planned.Plan.App
	r.Summary = sentence(p.Message)
	t.finish(r)
	return t.result(planned.Out, t.text(r, planned.Out), true)
}

func (a *Handler) Fill(r *plan.Result, p *plan.Problem) {
	r.Code, r.Retry, r.RequestID, r.Blockers, r.Next = p.Code, p.Code.Retry(), p.RequestID, p.Blockers, p.NextSteps()
	if p.RetryAfter > 0 {
		r.RetryAfterS = int(math.Ceil(p.RetryAfter.Seconds()))
	}
}

// blocked answers a call whose plan must not happen as things are.
func (t *changing[In, Work, Out, P]) blocked(planned plan.Proposal[Work, Out]) *mcp.CallToolResult {
	r := P(&planned.Out).Envelope()
	r.Status, r.App, r.Code, r.Retry = plan.Refused, planned.Plan.App, gate.Precondition, gate.Precondition.Retry()
	r.Blockers, r.Next = planned.Plan.Blockers, planned.Next
	ids := make([]string, len(r.Blockers))
	for i, b := range r.Blockers {
		ids[i] = b.ID
	}
	r.Summary = fmt.Sprintf("%s is not ready: %s. Nothing was changed.", planned.Plan.App, strings.Join(slices.Compact(ids), ", "))
	t.finish(r)
	return t.result(planned.Out, t.text(r, planned.Out), true)
}

// answer is a plan's outcome that needs no gate.
func (t *changing[In, Work, Out, P]) answer(planned plan.Proposal[Work, Out], status plan.Status, summary string, next []plan.Next) *mcp.CallToolResult {
	r := P(&planned.Out).Envelope()
	r.Status, r.App, r.Summary, r.Next = status, planned.Plan.App, summary, next
	t.finish(r)
	return t.result(planned.Out, t.text(r, planned.Out), false)
}

// dryRun shows the plan and stops.
func (t *changing[In, Work, Out, P]) dryRun(planned plan.Proposal[Work, Out]) *mcp.CallToolResult {
	r := P(&planned.Out).Envelope()
	r.Status, r.App = plan.NeedsApproval, planned.Plan.App
	r.Plan, r.Steps = planned.Plan.Summary(), planned.Plan.Records(plan.Planned)
	for _, u := range planned.Plan.Unknown {
		r.Unknown = append(r.Unknown, u.Sentence())
	}
	why := "the same call without dry_run asks a person, unless a policy approves it, and then does it"
	if !planned.Plan.Gated && !t.Spec().Effect.Gated() {
		why = "the same call without dry_run does it, without asking"
		r.Approval = &plan.ApprovalState{Channel: gate.ChannelNone}
	}
	r.Summary = strings.TrimSpace(planned.Summary + " Dry run: nothing was changed.")
	r.Next = []plan.Next{{Who: "agent", Tool: t.Spec().Name, Why: why}}
	t.finish(r)
	return t.result(planned.Out, t.text(r, planned.Out), false)
}

// named checks the app of a call: its form, and the server's allow-list.
func (a *Handler) named(arguments map[string]any) *plan.Problem {
	app, _ := arguments["app"].(string)
	if app == "" && arguments["app"] == nil {
		return nil
	}
	return a.Allowed(app)
}

// Allowed checks an app that a call or a file names. The transport of the client
// checks it again; but some calls send nothing to Fly (deploy_status, deploy_stop,
// an edit of a file), and no other call should ask a person, or read a file,
// before it is refused.
func (a *Handler) Allowed(app string) *plan.Problem {
	if err := fly.Apps(a.Apps).Check(app); err != nil {
		p, _ := ProblemOf(err)
		return p
	}
	return nil
}

package call

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// reportRefusal answers a call whose plan the gate did not approve.
func (t *changing) reportRefusal(p *proposal, o gate.Outcome) *mcp.CallToolResult {
	r := p.out.Envelope()
	r.Set(plan.Refused, o.Code)
	r.App = p.App
	if o.Kind == gate.NeedsTerminal {
		p.describe(r, plan.Planned)
		r.Status, r.Retry = plan.NeedsApproval, gate.RetryAfterPerson
		r.Approval = &plan.ApprovalState{
			Ticket: o.Ticket, Command: t.ApproveCommand(o.Ticket),
			ExpiresAt: o.Expires.UTC().Format(time.RFC3339), Channel: gate.ChannelTerminal,
		}
		if o.NoKey {
			r.Next = []plan.Next{{Who: "person", Command: t.ApproveCommand(""),
				Why: "first, once: make a signing key; the server accepts it at once"}}
		}
		r.Next = append(r.Next,
			plan.Next{Who: "person", Command: r.Approval.Command, Why: "read the plan in a terminal and approve or reject it"},
			plan.Next{Who: "agent", Tool: t.spec.Name, Why: "then repeat the identical call"})
	} else {
		p.describe(r, plan.NotStarted)
	}
	if o.Code == gate.Declined {
		r.Left = t.noteDeclined(t.spec.Name, p.App)
	}
	if o.Kind == gate.Refuse && o.Code == gate.Unavailable && o.Reason == "" {
		r.Next = []plan.Next{{Who: "person", Why: "use a client that can ask a person (elicitation), or start " +
			"the server with --approval auto"}}
	}
	r.Summary = strings.TrimSpace(cmp.Or(p.summary, p.nothing) + " " + refusalText(p.Plan, o) + " Nothing was changed.")
	return t.respond(p.out)
}

// reportUncommitted answers a call whose approval could not be used.
func (t *changing) reportUncommitted(p *proposal, err error) *mcp.CallToolResult {
	switch {
	case errors.Is(err, gate.ErrReplayed):
		return t.reportRefusal(p, gate.Outcome{Code: gate.Replayed})
	case errors.Is(err, gate.ErrWithdrawn):
		return t.reportRefusal(p, gate.Outcome{Code: gate.Declined})
	case errors.Is(err, gate.ErrExpired):
		return t.reportRefusal(p, gate.Outcome{Code: gate.Expired})
	case errors.Is(err, gate.ErrCapReached):
		return t.reportRefusal(p, gate.Outcome{Code: gate.Blocked, Reason: "the cap of its rule is reached"})
	}
	return t.refuse(t.journalProblem(err))
}

// refusalText says why the gate did not approve a plan.
func refusalText(p plan.Plan, o gate.Outcome) string {
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
		case o.TooLong != "":
			fmt.Fprintf(&b, "The plan is too long for a form (%s): a person has to read it in a terminal.", o.TooLong)
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

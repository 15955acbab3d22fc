package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const auditName = "audit"

type auditInput struct {
	App         string         `json:"app,omitempty" jsonschema:"name of the Fly app"`
	Org         string         `json:"org,omitempty" jsonschema:"slug: all its apps, instead of app"`
	MinSeverity audit.Severity `json:"min_severity,omitempty" jsonschema:"default warning"`
	Page        int            `json:"page,omitempty"`
}

// auditOutput is the answer of audit. Counts are of all findings, Findings those of a page.
type auditOutput struct {
	Status  string `json:"status" jsonschema:"ok, running or failed"`
	Summary string `json:"summary"`
	plan.Reason
	At       string                 `json:"at,omitempty" jsonschema:"when the apps were read"`
	Apps     int                    `json:"apps,omitempty" jsonschema:"audited"`
	Counts   map[audit.Severity]int `json:"counts,omitempty" jsonschema:"of all findings, whatever min_severity"`
	Exposed  []string               `json:"exposed,omitempty" jsonschema:"apps that answer the internet"`
	Findings []audit.Finding        `json:"findings,omitempty" jsonschema:"the worst first"`
	Page     int                    `json:"page,omitempty"`
	Pages    int                    `json:"pages,omitempty"`
	Unknown  []string               `json:"unknown,omitempty"`
	Next     []plan.Next            `json:"next"`
}

func (a *toolset) audit() call.Tool {
	return call.NewReading(a.Handler, call.Reading[auditInput, auditOutput]{
		Spec: call.Spec{
			Name: auditName, Title: "Audit an app or an organization", Effect: call.Reads,
			Description: "Checks an app, or every app of an organization, against a catalogue of rules: what is exposed to the " +
				"internet, what fails over Flycast, what never sleeps. Each finding has evidence and its remedy. " +
				"Changes nothing; a read-only token is enough. On running, repeat the identical call.",
		},
		Read: a.readAudit,
		Failed: func(summary string, p *plan.Problem) auditOutput {
			return auditOutput{Status: "failed", Summary: a.mark(summary), Reason: p.Reason(), Next: p.NextSteps()}
		},
		Text: auditText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		p["org"].Pattern = p["app"].Pattern
		for _, s := range audit.Severities() {
			p["min_severity"].Enum = append(p["min_severity"].Enum, string(s))
		}
		bound(p["page"], 1, 1000)
	})
}

// pageSize is the number of findings in one answer.
const pageSize = 20

func (a *toolset) readAudit(ctx context.Context, in auditInput) (auditOutput, error) {
	if in.App == "" && in.Org == "" {
		in.App = a.DefaultApp
	}
	if (in.App == "") == (in.Org == "") {
		return auditOutput{}, plan.Invalid("give app or org, one of them")
	}
	auditor := audit.Auditor{Fly: a.fly, Apps: a.fly, Now: a.Clock.Now, Catalogue: audit.Catalogue()}
	key := auditKey{call.CallerFrom(ctx).ID, in.App, in.Org}
	run := a.audits.find(key, in.Page > 1, func(own context.Context, step func(int, int)) (*audit.Report, error) {
		if in.Org != "" {
			return auditor.Organization(own, in.Org, step)
		}
		return auditor.App(own, in.App)
	})
	if !a.await(ctx, run) {
		if ctx.Err() != nil {
			return auditOutput{}, ctx.Err()
		}
		return a.auditRunning(in, run), nil
	}
	a.audits.deliver(run)
	if run.err != nil {
		return auditOutput{}, run.err
	}
	return a.auditReport(in, run.report), nil
}

// await waits for an audit, at most as long as a call is held, and tells the client how far it
// is. It reports whether the audit is done.
func (a *toolset) await(ctx context.Context, run *auditRun) bool {
	const tick = 5 * time.Second
	for left := a.Hold; ; left -= tick {
		select {
		case <-run.done:
			return true
		default:
		}
		if left <= 0 {
			return false
		}
		select {
		case <-run.done:
			return true
		case <-ctx.Done():
			return false
		case <-a.Clock.After(min(left, tick)):
		}
		if ready, of := run.progress(); of > 0 {
			call.ReportProgress(ctx, ready, of, "apps audited")
		}
	}
}

func (a *toolset) auditRunning(in auditInput, run *auditRun) auditOutput {
	ready, of := run.progress()
	return auditOutput{
		Status: "running", Summary: a.mark(fmt.Sprintf("The audit of %s is running: %d of %d apps. Nothing was reported yet.",
			cmp.Or(in.App, in.Org), ready, of)),
		Next: []plan.Next{{Who: "agent", Tool: auditName, Arguments: in.again(in.Page), Why: "waits for the result"}},
	}
}

// again returns the arguments of this call for a page.
func (in auditInput) again(page int) *plan.Arguments {
	in.Page = page
	same, err := json.Marshal(in)
	if err != nil {
		return &plan.Arguments{App: in.App} // it is made of strings and numbers
	}
	return &plan.Arguments{Same: same}
}

func (a *toolset) auditReport(in auditInput, report *audit.Report) auditOutput {
	least := cmp.Or(in.MinSeverity, audit.Warning)
	found := report.AtLeast(least)
	out := auditOutput{
		Status: "ok", Summary: a.mark(report.Summary()), At: report.At.UTC().Format(time.RFC3339), Apps: report.Apps,
		Counts: report.Counts, Exposed: plan.Shortened(report.Exposed), Page: max(in.Page, 1),
		Pages: max((len(found)+pageSize-1)/pageSize, 1),
	}
	from := min((out.Page-1)*pageSize, len(found))
	for _, f := range found[from:min(from+pageSize, len(found))] {
		f.Remedy = a.offered(f.Remedy)
		out.Findings = append(out.Findings, f)
	}
	for _, u := range report.Unchecked {
		out.Unknown = append(out.Unknown, u.Sentence())
	}
	for _, app := range report.NotRead {
		out.Unknown = append(out.Unknown, app+" could not be read")
	}
	out.Unknown = plan.Shortened(out.Unknown)
	var remedies []plan.Next
	for _, f := range out.Findings {
		if f.Severity.AtLeast(audit.Error) {
			remedies = append(remedies, f.Remedy)
		}
	}
	out.Next = firstSteps(remedies, plan.MaxNext-1)
	if out.Page < out.Pages {
		out.Next = append(out.Next, plan.Next{Who: "agent", Tool: auditName, Arguments: in.again(out.Page + 1),
			Why: fmt.Sprintf("page %d of %d, from the same audit", out.Page+1, out.Pages)})
	}
	return out
}

// offered is a remedy as this server can offer it. A read-only server has no tool that
// changes something.
func (a *toolset) offered(next plan.Next) plan.Next {
	if !a.ReadOnly || next.Tool == "" {
		return next
	}
	what := next.Tool
	if next.Arguments != nil {
		what += " " + next.Arguments.String()
	}
	return plan.Next{Who: "person", Why: "on a server without --read-only: " + what + ": " + next.Why}
}

// firstSteps returns the first steps that can be taken, each once: calls, commands and
// blocking questions.
func firstSteps(list []plan.Next, most int) []plan.Next {
	out := []plan.Next{}
	for _, next := range list {
		same := func(n plan.Next) bool {
			return n.Tool == next.Tool && n.Command == next.Command && (n.Why == next.Why || argumentsOf(n) == argumentsOf(next)) &&
				n.Who == next.Who
		}
		if len(out) < most && !slices.ContainsFunc(out, same) {
			out = append(out, next)
		}
	}
	return out
}

func argumentsOf(n plan.Next) string {
	if n.Arguments == nil {
		return n.Why
	}
	return n.Arguments.String()
}

func auditText(out auditOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	b.WriteString(call.ReasonText(out.Reason))
	if out.At != "" {
		fmt.Fprintf(&b, "read at %s; page %d of %d\n", out.At, out.Page, out.Pages)
	}
	for _, f := range out.Findings {
		fmt.Fprintf(&b, "%s %s %s: %s\n  %s\n  remedy %s  docs: %s\n", f.Severity, f.ID, f.App, f.Evidence, f.Why,
			strings.TrimPrefix(call.NextText([]plan.Next{f.Remedy}), "next "), f.Docs)
	}
	for _, u := range out.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", u)
	}
	b.WriteString(call.NextText(out.Next))
	return strings.TrimSuffix(b.String(), "\n")
}

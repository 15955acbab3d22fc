package audit

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// RemedyText returns the remedy as a person reads it.
func (f Finding) RemedyText() string { return RemedyText(f.Remedy) }

// RemedyText returns a remedy as a person reads it.
func RemedyText(n plan.Next) string {
	switch {
	case n.Tool != "" && n.Arguments != nil:
		return n.Tool + " " + n.Arguments.String() + ": " + n.Why
	case n.Tool != "":
		return n.Tool + ": " + n.Why
	case n.Command != "":
		return n.Command + ": " + n.Why
	}
	return n.Why
}

// Markdown returns the findings of a severity and worse, and what could not be checked, for
// the summary of a CI job.
func (r *Report) Markdown(least Severity) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Audit of %s\n\n%s\n", cell(r.Subject), cell(r.Summary()))
	if found := r.AtLeast(least); len(found) > 0 {
		b.WriteString("\n| severity | app | rule | evidence | remedy |\n|---|---|---|---|---|\n")
		for _, f := range found {
			fmt.Fprintf(&b, "| %s | %s | [%s](%s) | %s | %s |\n", f.Severity, cell(f.App), f.ID, f.Docs, cell(f.Evidence),
				cell(f.RemedyText()))
		}
	}
	if len(r.Unchecked)+len(r.NotRead) > 0 {
		b.WriteString("\nNot checked:\n\n")
		for _, u := range r.Unchecked {
			fmt.Fprintf(&b, "* %s\n", cell(u.Sentence()))
		}
		for _, app := range r.NotRead {
			fmt.Fprintf(&b, "* %s could not be read\n", cell(app))
		}
	}
	return b.String()
}

// cell returns text that Markdown shows as it is.
func cell(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]<>|#", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

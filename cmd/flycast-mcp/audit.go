package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Exit statuses of audit. A failure, such as a token that is not accepted, is 1.
const (
	exitFindings   = 2 // there is a finding at or above --fail-on
	exitNotPrivate = 3 // --assert private does not hold
	exitUnchecked  = 4 // neither, but something that matters could not be read
)

// auditSettings are the flags of audit.
type auditSettings struct {
	org           string
	format        string
	minSeverity   string
	failOn        string
	assert        string
	ignore        []string
	sarifFile     string
	allowLoopback bool
}

func auditCommand(p program) *cobra.Command {
	s := &auditSettings{}
	c := &cobra.Command{
		Use: "audit [APP...]", Short: "Check apps against the catalogue of rules; for CI too",
		Long: `Check apps against the catalogue of rules (docs/audit.md): what is exposed to the
internet, what fails over Flycast, and what never sleeps. Nothing is changed, and
a read-only token is enough: fly tokens create readonly ORG.

Without APP and --org, the app is FLY_APP, or else all apps of FLY_ORG are audited.

What could not be read is reported as not checked, never as fine. Exit status:
  0  nothing at or above --fail-on, and --assert holds
  1  the audit could not be made
  2  a finding at or above --fail-on
  3  --assert private: an app is not private
  4  neither 2 nor 3, but Fly did not give what a rule at or above --fail-on, or
     the assertion, needs`,
		Example: `  flycast-mcp audit shop-api
  flycast-mcp audit --org personal --fail-on error
  flycast-mcp audit --assert private shop-db shop-queue
  flycast-mcp audit --org personal --format sarif > audit.sarif`,
		RunE: func(c *cobra.Command, apps []string) error { return s.run(c.Context(), p, apps) },
	}
	f := c.Flags()
	f.StringVar(&s.org, "org", "", "audit all apps of this organization that the token can see")
	f.StringVar(&s.format, "format", "table", "table, json, sarif or markdown")
	f.StringVar(&s.minSeverity, "min-severity", string(audit.Warning),
		"report findings of this severity and worse: critical, blocker, error, warning or info")
	f.StringVar(&s.failOn, "fail-on", string(audit.Critical), "exit with 2 on a finding of this severity or worse, or none")
	f.StringVar(&s.assert, "assert", "", "private: exit with 3 unless every app has no public address")
	f.StringArrayVar(&s.ignore, "ignore", nil, "do not check this rule; repeatable")
	f.StringVar(&s.sarifFile, "sarif-file", "fly.toml", "with --format sarif, the file that findings are shown at")
	f.BoolVar(&s.allowLoopback, "allow-loopback-api", false, "allow a real token to be sent to an API on a loopback address")
	return c
}

// check refuses flags with other values, and returns the rules to check.
func (s *auditSettings) check(apps []string) ([]audit.Rule, error) {
	var problems []error
	if !slices.Contains([]string{"table", "json", "sarif", "markdown"}, s.format) {
		problems = append(problems, fmt.Errorf("--format %q is not one of table, json, sarif, markdown", s.format))
	}
	if !audit.Severity(s.minSeverity).Valid() {
		problems = append(problems, fmt.Errorf("--min-severity %q is not one of critical, blocker, error, warning, info",
			s.minSeverity))
	}
	if s.failOn != "none" && !audit.Severity(s.failOn).Valid() {
		problems = append(problems, fmt.Errorf("--fail-on %q is not one of critical, blocker, error, warning, info, none",
			s.failOn))
	}
	if s.assert != "" && s.assert != "private" {
		problems = append(problems, fmt.Errorf("--assert %q: the only assertion is private", s.assert))
	}
	if s.org != "" && len(apps) > 0 {
		problems = append(problems, errors.New("give APP or --org, not both"))
	}
	catalogue := audit.Catalogue()
	for _, id := range s.ignore {
		if !slices.ContainsFunc(catalogue, func(r audit.Rule) bool { return r.ID == id }) {
			problems = append(problems, fmt.Errorf("--ignore %q: there is no such rule; docs/audit.md lists them", id))
		}
	}
	catalogue = slices.DeleteFunc(catalogue, func(r audit.Rule) bool { return slices.Contains(s.ignore, r.ID) })
	return catalogue, errors.Join(problems...)
}

func (s *auditSettings) run(ctx context.Context, p program, apps []string) error {
	catalogue, err := s.check(apps)
	if err != nil {
		return err
	}
	org := s.org
	if len(apps) == 0 && org == "" {
		if app := p.setting("FLY_APP"); app != "" {
			apps = []string{app}
		} else if org = p.setting("FLY_ORG"); org == "" {
			return errors.New("which apps? Give APP or --org, or set FLY_APP or FLY_ORG")
		}
	}
	client, err := p.client(s.allowLoopback)
	if err != nil {
		return err
	}
	auditor := audit.Auditor{Fly: client, Apps: client, Now: p.clock.Now, Catalogue: catalogue}
	progress := p.auditProgress()
	var report *audit.Report
	switch {
	case org != "":
		report, err = auditor.Organization(ctx, org, progress)
	case len(apps) == 1:
		report, err = auditor.App(ctx, apps[0])
	default:
		report, err = auditor.List(ctx, apps, progress)
	}
	if err != nil {
		return withHint(err)
	}
	if err := s.print(p.stdout, report, catalogue); err != nil {
		return err
	}
	return s.verdict(report, catalogue)
}

// auditProgress returns a function that shows on a terminal how far an audit is.
func (p program) auditProgress() func(done, of int) {
	if _, ok := cli.Terminal(p.stderr); !ok {
		return func(int, int) {}
	}
	return func(done, of int) {
		end := "\r"
		if done == of {
			end = "\n"
		}
		fmt.Fprintf(p.stderr, "%d of %d apps audited%s", done, of, end)
	}
}

// print writes the report.
func (s *auditSettings) print(w io.Writer, report *audit.Report, catalogue []audit.Rule) error {
	least := audit.Severity(s.minSeverity)
	var text string
	switch s.format {
	case "json":
		shown := *report
		shown.Findings = report.AtLeast(least)
		body, err := json.MarshalIndent(shown, "", "  ")
		if err != nil {
			return err
		}
		text = string(body) + "\n"
	case "sarif":
		body, err := report.SARIF(cli.Version(), s.sarifFile, catalogue, least)
		if err != nil {
			return err
		}
		text = string(body) + "\n"
	case "markdown":
		text = report.Markdown(least)
	default:
		text = auditTable(report, least)
	}
	_, err := io.WriteString(w, cli.Shown(w, text))
	return err
}

// auditTable returns the report for a terminal: the findings of each app, the worst first.
func auditTable(report *audit.Report, least audit.Severity) string {
	var b strings.Builder
	var apps []string
	byApp := make(map[string][]audit.Finding)
	for _, f := range report.AtLeast(least) {
		if byApp[f.App] == nil {
			apps = append(apps, f.App)
		}
		byApp[f.App] = append(byApp[f.App], f)
	}
	for _, app := range apps {
		b.WriteString(app + "\n")
		for _, f := range byApp[app] {
			fmt.Fprintf(&b, "  %-8s  %s: %s\n            %s\n            fix: %s\n", f.Severity, f.ID, f.Evidence, f.Why,
				f.RemedyText())
		}
		b.WriteString("\n")
	}
	b.WriteString(report.Summary() + "\n")
	for _, u := range report.Unchecked {
		b.WriteString("not checked: " + u.Sentence() + "\n")
	}
	for _, app := range report.NotRead {
		b.WriteString("not read: " + app + "\n")
	}
	return b.String()
}

// verdict returns the error with the exit status of the report; nil for 0.
func (s *auditSettings) verdict(report *audit.Report, catalogue []audit.Rule) error {
	var unchecked []string
	if s.assert != "" {
		wrong, unproven := report.NotPrivate()
		if len(wrong) > 0 {
			return cli.Exit{Status: exitNotPrivate, Cause: errors.New("not private: " + strings.Join(wrong, "; "))}
		}
		unchecked = unproven
	}
	if s.failOn != "none" {
		least := audit.Severity(s.failOn)
		if n := len(report.AtLeast(least)); n > 0 {
			return cli.Exit{Status: exitFindings,
				Cause: fmt.Errorf("%s of severity %s or worse", count(n, "finding"), least)}
		}
		unchecked = append(unchecked, report.Unread(least, catalogue)...)
	}
	if len(unchecked) > 0 {
		return cli.Exit{Status: exitUnchecked, Cause: errors.New("not proved: " + strings.Join(unchecked, "; "))}
	}
	return nil
}

// withHint adds to an error what to do about it.
func withHint(err error) error {
	var problem *plan.Problem
	if errors.As(err, &problem) && problem.Hint != "" {
		return fmt.Errorf("%w; %s", err, problem.Hint)
	}
	return err
}

// client returns a client of the platform that the environment names.
func (p program) client(allowLoopback bool) (*fly.Client, error) {
	endpoints, token, err := fly.ParseEnvironment(p.lookup, allowLoopback)
	if err != nil {
		return nil, err
	}
	options := fly.Options{UserAgent: "flycast-mcp/" + cli.Version(), AllowLoopback: allowLoopback,
		Endpoints: endpoints, Token: token}
	if p.tune != nil {
		p.tune(&options)
	}
	return fly.New(options)
}

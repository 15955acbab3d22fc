package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// lintRun is one run of toml lint.
type lintRun struct {
	program
	json   bool
	strict bool
	fix    bool
	writeFlags
	private bool // whether the apps should be private

	files, errors, warnings, infos int // so far; a file that cannot be read is an error
}

func tomlLintCommand(p program) *cobra.Command {
	var stdin stdinName
	l := lintRun{program: p}
	c := &cobra.Command{
		Use: "lint FILE...", Short: "Find what flyctl refuses or ignores in a fly.toml", Args: cobra.MinimumNArgs(1),
		Long: `Find what flyctl refuses in a fly.toml, what it accepts but ignores, and what
does not work over Flycast.

Each finding is a line FILE:ROW:COLUMN: SEVERITY: WHAT [CODE], with the reason
and the fix below it. If flyctl cannot read a value, only keys and types are
checked; fix that first to see the rest. The exit status is 1 if there is an
error, or a warning with --strict. With --private, what Flycast callers cannot
reach is a warning too: a service with TLS only, UDP, a redirect to HTTPS.

With --json each FILE gives one line:
  {"file", "findings": [{"code", "severity", "path", "row", "column", "what",
   "why", "fix", "edit"}], "errors", "warnings"}
or {"file", "load_error"} if it cannot be read. At most a thousand
findings are listed, errors first; a finding with the code "more" stands for the
rest of a severity, with their number in "count". "errors" and "warnings" count
all of them.

With --fix, errors and warnings whose fix is unambiguous are fixed, unless flyctl
would then refuse more than before. The change is printed as a diff; --write
saves it. FILE - is a filter, as for toml patch. Standard error lists the
remaining findings, with the rows of the fixed file; the exit status depends on
them. With --json, the line has the remaining findings and, as toml patch has,
"changed", "written", "diff", "changes", "sha256_before" and "sha256_after"; or
{"file", "edit_error"} if the file cannot be fixed.`,
		Example: `  flycast-mcp toml lint fly.toml
  flycast-mcp toml lint --strict */fly.toml
  flycast-mcp toml lint --fix --write fly.toml
  git show HEAD:fly.toml | flycast-mcp toml lint - --json`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := stdin.arguments(c, args)
			if err != nil {
				return err
			}
			if err := l.complete(args); err != nil {
				return err
			}
			for _, file := range files {
				if err := l.lint(c.Context(), file); err != nil {
					return err
				}
			}
			return l.verdict()
		},
	}
	f := c.Flags()
	f.BoolVar(&l.json, "json", false, "print one JSON object per file")
	f.BoolVar(&l.strict, "strict", false, "fail on warnings too")
	f.BoolVar(&l.private, "private", false,
		"for a private app: what Flycast callers cannot reach is a warning, not a note")
	f.BoolVar(&l.fix, "fix", false, "apply fixes that are unambiguous, and print the diff")
	l.writeFlags.flags(c, "with --fix, write the fixed files")
	stdin.flag(c)
	return c
}

// complete refuses flags that do not go together.
func (l *lintRun) complete(paths []string) error {
	stdin := slices.Contains(paths, stdinPath)
	switch {
	case l.write && !l.fix:
		return errors.New("--write works only with --fix")
	case l.write && stdin:
		return errors.New("--write needs files: with -, the fixed file goes to standard output")
	case l.fix && stdin && !l.json && len(paths) > 1:
		return errors.New("--fix prints the fixed standard input: give - alone")
	}
	return l.writeFlags.complete()
}

// lintOutput is what --json prints of a file.
type lintOutput struct {
	File           string         `json:"file"`
	Findings       []lint.Finding `json:"findings"`
	Errors         int            `json:"errors"`
	Warnings       int            `json:"warnings"`
	*rewriteOutput                // by --fix
}

// lint reads one file and prints its findings. It returns an error only if it
// cannot print, or if the run was interrupted.
func (l *lintRun) lint(ctx context.Context, file tomlArgument) error {
	l.files++
	parsed, err := l.readToml(ctx, file)
	switch {
	case errors.Is(err, cli.ErrInterrupted):
		return err
	case err != nil:
		l.errors++
		if l.json {
			return l.printJSON(loadFailure{file.title, loadError(err)})
		}
		return l.say(unreadable(file.title, err))
	}
	findings := l.findings(parsed)
	if l.fix {
		return l.fixFile(file, parsed, slices.DeleteFunc(findings, func(f lint.Finding) bool { return !isFixable(f) }))
	}
	if l.json {
		return l.printJSON(l.counted(file, findings, nil))
	}
	l.counted(file, findings, nil)
	return l.say(findingText(file.title, findings))
}

// findings lints a file, as one for a private app with --private.
func (l *lintRun) findings(file *flytoml.File) []lint.Finding {
	if l.private {
		return lint.LintPrivate(file)
	}
	return lint.Lint(file)
}

// isFixable reports whether --fix applies to a finding. It leaves notes alone:
// what they are about works.
func isFixable(f lint.Finding) bool { return f.Edit != nil && f.Severity != lint.SeverityInfo }

// fixFile fixes one file, and prints the findings that remain.
func (l *lintRun) fixFile(file tomlArgument, parsed *flytoml.File, findings []lint.Finding) error {
	edited, err := lint.Fix(parsed, findings)
	if err == nil {
		parsed, err = flytoml.Parse(parsed.Name(), edited.After)
	}
	if err != nil {
		l.errors++
		err = file.withName(err)
		if l.json {
			return l.printJSON(editFailure{file.title, err.Error()})
		}
		return l.say(fmt.Sprintf("%s: error: cannot be fixed: %s [edit_error]\n", cli.Line(file.title),
			cli.Line(err.Error())))
	}
	out, err := rewrite(file, &edited.Result, l.writeFlags)
	if err != nil {
		return err
	}
	left := l.counted(file, remainingFindings(l.findings(parsed), edited.Left), &out)
	if l.json {
		return l.printJSON(left)
	}
	if err := l.printRewritten(file, out, edited.After, false); err != nil {
		return err
	}
	if out.Changed {
		l.tellRewritten(file, out)
	}
	text := findingText(file.title, left.Findings)
	if slices.ContainsFunc(left.Findings, isFixable) {
		text += fmt.Sprintf("%s: --fix can fix more findings now: run it again on the fixed file\n", cli.Line(file.title))
	}
	return l.say(text)
}

// remainingFindings returns the findings about a fixed file. Those whose edit was left
// out say so, and have no edit.
func remainingFindings(findings, left []lint.Finding) []lint.Finding {
	type cause struct{ code, path string }
	skipped := make(map[cause]bool, len(left))
	for _, finding := range left {
		skipped[cause{finding.Code, finding.Path}] = true
	}
	for i, finding := range findings {
		if finding.Edit != nil && skipped[cause{finding.Code, finding.Path}] {
			findings[i].Edit = nil
			findings[i].Fix += "; --fix does not change it, because flyctl would then refuse the file"
		}
	}
	return findings
}

// counted makes what --json prints for a file, and adds its counts to the totals.
func (l *lintRun) counted(file tomlArgument, findings []lint.Finding, fixed *rewriteOutput) lintOutput {
	out := lintOutput{File: file.title, Findings: findings, rewriteOutput: fixed}
	for _, finding := range findings {
		n := max(finding.Count, 1)
		switch finding.Severity {
		case lint.SeverityError:
			out.Errors += n
		case lint.SeverityWarning:
			out.Warnings += n
		default:
			l.infos += n
		}
	}
	l.errors += out.Errors
	l.warnings += out.Warnings
	if out.Findings == nil {
		out.Findings = []lint.Finding{}
	}
	return out
}

// findingText formats findings for people: what is wrong, why, and the fix.
func findingText(title string, findings []lint.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", place(title, f.Row, f.Column), f.Severity, cli.Line(f.What), f.Code)
		if f.Why != "" {
			fmt.Fprintf(&b, "    %s\n", cli.Line(f.Why))
		}
		if f.Fix != "" {
			fmt.Fprintf(&b, "    fix: %s\n", cli.Line(f.Fix))
		}
	}
	return b.String()
}

// say prints findings: on standard error if standard output has the fixed file
// or the diff.
func (l *lintRun) say(text string) error {
	w := l.stdout
	if l.fix {
		w = l.stderr
	}
	_, err := io.WriteString(w, text)
	return err
}

// unreadable formats the error of a file that cannot be read, with the line that
// it is about.
func unreadable(title string, err error) string {
	var syntaxErr *syntax.Error
	if !errors.As(err, &syntaxErr) {
		reason := strings.TrimPrefix(err.Error(), cli.Line(title)+": ")
		return fmt.Sprintf("%s: error: cannot be read: %s [load_error]\n", cli.Line(title), cli.Line(reason))
	}
	line := fmt.Sprintf("%s: error: cannot be read: %s [load_error]\n", place(title, syntaxErr.Row,
		syntaxErr.Column), cli.Line(syntaxErr.Reason))
	if syntaxErr.Row > 0 {
		line += fmt.Sprintf("    %s\n    %s\n", cli.Line(syntaxErr.Line), syntaxErr.Caret)
	}
	return line
}

// place returns FILE:ROW:COLUMN, as far as it is known.
func place(title string, row, column int) string {
	at := cli.Line(title)
	if row > 0 {
		at += fmt.Sprintf(":%d", row)
		if column > 0 {
			at += fmt.Sprintf(":%d", column)
		}
	}
	return at
}

// verdict prints the counts, and returns them as an error if the files fail.
func (l *lintRun) verdict() error {
	var found []string
	for _, kind := range []struct {
		n    int
		what string
	}{{l.errors, "error"}, {l.warnings, "warning"}, {l.infos, "note"}} {
		if kind.n > 0 {
			found = append(found, count(kind.n, kind.what))
		}
	}
	if len(found) == 0 {
		found = append(found, "no findings")
	}
	summary := count(l.files, "file") + ": " + strings.Join(found, ", ")
	if l.errors > 0 || l.strict && l.warnings > 0 {
		return errors.New(summary)
	}
	if !l.json {
		fmt.Fprintln(l.stderr, summary)
	}
	return nil
}

// count returns a number of things: 1 file, 2 files.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
)

// linting is one run of toml lint.
type linting struct {
	program
	json   bool
	strict bool

	files, errors, warnings, infos int // so far; a file that cannot be read is an error
}

func tomlLintCommand(p program) *cobra.Command {
	var stdin stdinName
	l := linting{program: p}
	c := &cobra.Command{
		Use: "lint FILE...", Short: "Say what flyctl refuses in a fly.toml, or accepts and does not do", Args: cobra.MinimumNArgs(1),
		Long: `Say what flyctl refuses in a fly.toml, what it accepts although it does not do
what it says, and what stands in the way of Flycast.

Each finding is a line FILE:ROW:COLUMN: SEVERITY: WHAT [CODE], with the reason
and the cure below it. The exit status is 1 if there is an error, or a warning
with --strict.

With --json each FILE gives one line:
  {"file", "findings": [{"code", "severity", "path", "row", "column", "what",
   "why", "fix", "edit"}], "errors", "warnings"}
or {"file", "load_error"} if it cannot be read.`,
		Example: `  flycast-mcp toml lint fly.toml
  flycast-mcp toml lint --strict */fly.toml
  git show HEAD:fly.toml | flycast-mcp toml lint - --json`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := stdin.arguments(c, args)
			if err != nil {
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
	f.BoolVar(&l.json, "json", false, "print one JSON object a file")
	f.BoolVar(&l.strict, "strict", false, "fail on warnings too")
	stdin.flag(c)
	return c
}

// linted is what --json prints of a file.
type linted struct {
	File     string            `json:"file"`
	Findings []flytoml.Finding `json:"findings"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
}

// lint reads one file and prints what there is to say. Its error is one of the
// output, or the end of the run.
func (l *linting) lint(ctx context.Context, file tomlArgument) error {
	l.files++
	parsed, err := l.readToml(ctx, file)
	switch {
	case errors.Is(err, errInterrupted):
		return err
	case err != nil:
		l.errors++
		if l.json {
			return l.printJSON(unread{file.title, loadError(err)})
		}
		return l.print(unreadable(file.title, err))
	}
	out := linted{File: file.title, Findings: parsed.Lint()}
	for _, finding := range out.Findings {
		switch finding.Severity {
		case flytoml.SeverityError:
			out.Errors++
		case flytoml.SeverityWarning:
			out.Warnings++
		default:
			l.infos++
		}
	}
	l.errors += out.Errors
	l.warnings += out.Warnings
	if l.json {
		if out.Findings == nil {
			out.Findings = []flytoml.Finding{}
		}
		return l.printJSON(out)
	}
	var b strings.Builder
	for _, f := range out.Findings {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", place(file.title, f.Row, f.Column), f.Severity, oneLine(f.What), f.Code)
		if f.Why != "" {
			fmt.Fprintf(&b, "    %s\n", oneLine(f.Why))
		}
		if f.Fix != "" {
			fmt.Fprintf(&b, "    fix: %s\n", oneLine(f.Fix))
		}
	}
	return l.print(b.String())
}

func (l *linting) print(lines string) error {
	_, err := io.WriteString(l.stdout, lines)
	return err
}

// unreadable is the line of a file that cannot be read, and what it holds at
// the place.
func unreadable(title string, err error) string {
	var syntax *flytoml.SyntaxError
	if !errors.As(err, &syntax) {
		reason := strings.TrimPrefix(err.Error(), title+": ")
		return fmt.Sprintf("%s: error: cannot be read: %s [load_error]\n", oneLine(title), oneLine(reason))
	}
	line := fmt.Sprintf("%s: error: cannot be read: %s [load_error]\n", place(title, syntax.Row, syntax.Column), oneLine(syntax.Reason))
	if syntax.Row > 0 {
		line += fmt.Sprintf("    %s\n    %s\n", oneLine(syntax.Line), syntax.Caret)
	}
	return line
}

// place is FILE:ROW:COLUMN, as far as it is known.
func place(title string, row, column int) string {
	at := oneLine(title)
	if row > 0 {
		at += fmt.Sprintf(":%d", row)
		if column > 0 {
			at += fmt.Sprintf(":%d", column)
		}
	}
	return at
}

// verdict counts at the end, and is an error if the files do not pass.
func (l *linting) verdict() error {
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
		found = append(found, "nothing found")
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

// count is a number of things: 1 file, 2 files.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// patchRun is one run of toml patch.
type patchRun struct {
	program
	path         string
	edit         edit.Request
	autostop     string
	softLimit    int
	create       string
	internalPort int

	writeFlags
	check bool
	json  bool
}

func tomlPatchCommand(p program) *cobra.Command {
	var stdin stdinName
	a := patchRun{program: p, edit: edit.Blueprint()}
	c := &cobra.Command{
		Use: "patch FILE", Short: "Edit the services of a fly.toml for Flycast", Args: a.arguments,
		Long: `Edit the services of a fly.toml for Flycast, as in Fly's blueprint for private
apps: force_https off, Machines stopped when idle and started on request, none
kept running. Nothing else in the file changes.

A process group that no request can wake (no service with a port, or UDP only)
keeps its autostop and its minimum. So does a group that seems to run a database,
a queue or a log shipper, judging by its image, ports and volumes, unless both
--group and --autostop are given. Standard error lists these groups.

It prints the change as a unified diff, and saves it only with --write, as one
atomic write. FILE - is a filter: it reads standard input and prints the whole
file, changed or not.

With --json, it prints one object instead of the diff or the file:
  {"changed", "written", "diff", "changes": [{"path", "before", "after", "row",
   "groups", "comment"}], "remarks": [{"code", "groups", "what", "fix"}],
   "sha256_before", "sha256_after", "invalid_reason"}
or {"load_error"} if the file cannot be read, {"edit_error"} if it cannot be
edited.`,
		Example: `  flycast-mcp toml patch fly.toml
  flycast-mcp toml patch fly.toml --group web --autostop suspend --write
  flycast-mcp toml patch fly.toml --create http --internal-port 8080 --write
  flycast-mcp toml patch fly.toml --create tcp --internal-port 6379 --write
  flycast-mcp toml patch fly.toml --check        # in CI: fails if there is something to change`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.complete(c); err != nil {
				return err
			}
			files, err := stdin.arguments(c, []string{a.path})
			if err != nil {
				return err
			}
			return a.run(c.Context(), files[0])
		},
	}
	f := c.Flags()
	f.StringArrayVar(&a.edit.Groups, "group", nil, "only services of this process `GROUP`; repeatable")
	f.StringVar(&a.autostop, "autostop", a.edit.Autostop.String(),
		"what to do with idle Machines: stop, suspend or off; without this flag, suspend is kept")
	f.BoolVar(a.edit.Autostart, "autostart", *a.edit.Autostart, "start Machines on request")
	f.IntVar(a.edit.MinMachines, "min-machines", *a.edit.MinMachines, "Machines to keep running in the primary region")
	f.IntVar(&a.softLimit, "soft-limit", 0, "load of a Machine before another one is started")
	f.IntSliceVar(&a.edit.PlainPorts, "plain-port", nil,
		"add this `PORT` without TLS to a service whose ports all have TLS, which no private caller can use; "+
			"repeatable, one for each such service")
	f.StringVar(&a.edit.ConcurrencyType, "concurrency", "",
		"unit of the limits: requests or connections (requests with --soft-limit)")
	f.BoolVar(a.edit.ForceHTTPS, "force-https", *a.edit.ForceHTTPS,
		"redirect plain HTTP to HTTPS, which Flycast clients cannot follow")
	f.StringVar(&a.create, "create", "", "add a service to a file without one that Fly Proxy reaches: `http|tcp`")
	f.Lookup("create").NoOptDefVal = plan.CreateHTTP
	f.IntVar(&a.internalPort, "internal-port", 0, "port the app listens on, for --create")
	a.writeFlags.flags(c, "write the file")
	f.BoolVar(&a.check, "check", false, "write nothing, and fail if there is something to change")
	f.BoolVar(&a.json, "json", false, "print a JSON object")
	stdin.flag(c)
	c.MarkFlagsMutuallyExclusive("write", "check")
	return c
}

// arguments takes the one file. A word behind --create, which may stand alone,
// comes here as another argument.
func (a *patchRun) arguments(c *cobra.Command, args []string) error {
	i := slices.IndexFunc(args, func(arg string) bool { return arg == plan.CreateHTTP || arg == plan.CreateTCP })
	if len(args) == 2 && i >= 0 && c.Flags().Changed("create") && a.create == plan.CreateHTTP {
		a.create = args[i]
		args = slices.Delete(slices.Clone(args), i, i+1)
	}
	if err := cobra.ExactArgs(1)(c, args); err != nil {
		return err
	}
	a.path = args[0]
	return nil
}

// complete builds the edit from the flags.
func (a *patchRun) complete(c *cobra.Command) error {
	autostop, err := machine.ParseAutostop(a.autostop)
	if err != nil {
		return fmt.Errorf("--autostop %q must be one of stop, suspend, off", a.autostop)
	}
	a.edit.Autostop = &autostop
	a.edit.Engines = c.Flags().Changed("autostop") && len(a.edit.Groups) > 0
	if c.Flags().Changed("autostop") {
		a.edit.KeepSuspend = false
	}
	if c.Flags().Changed("soft-limit") {
		a.edit.SoftLimit = &a.softLimit
		if a.edit.ConcurrencyType == "" {
			a.edit.ConcurrencyType = "requests"
		}
	}
	create := c.Flags().Changed("create") && a.create != "false"
	if a.create == "true" {
		a.create = plan.CreateHTTP
	}
	switch given := c.Flags().Changed("internal-port"); {
	case create && a.create != plan.CreateHTTP && a.create != plan.CreateTCP:
		return fmt.Errorf("--create %q must be http or tcp", a.create)
	case create && !given:
		return errors.New("--create needs --internal-port: it is never guessed")
	case given && !create:
		return errors.New("--internal-port works only with --create: the port of an existing service is not changed")
	case create:
		a.edit.Create = &edit.Create{InternalPort: a.internalPort, TCP: a.create == plan.CreateTCP}
	}
	if a.write && a.path == stdinPath {
		return errors.New("--write needs a file: with -, the edited file goes to standard output")
	}
	return a.writeFlags.complete()
}

func (a *patchRun) run(ctx context.Context, file tomlArgument) error {
	parsed, err := a.readToml(ctx, file)
	if err != nil {
		return a.refuse(loadFailure{LoadError: loadError(err)}, err)
	}
	edited, err := edit.Apply(parsed, a.edit)
	if err != nil {
		err = file.withName(err)
		if refused := (*edit.NotHTTPError)(nil); errors.As(err, &refused) {
			err = fmt.Errorf("%w: --create tcp --internal-port %d", err, refused.Port)
		}
		if unnamed := (*edit.UnnamedGroupsError)(nil); errors.As(err, &unnamed) {
			err = fmt.Errorf("%w: --group NAME", err)
		}
		return a.refuse(editFailure{EditError: err.Error()}, err)
	}
	result, err := flytoml.Parse(parsed.Name(), edited.After)
	if err != nil {
		return err
	}
	out, err := rewrite(file, edited, a.writeFlags)
	if err != nil {
		return err
	}
	var invalid *flytoml.InvalidError
	if errors.As(result.Validate(), &invalid) {
		out.InvalidReason, out.invalid = invalid.Text, invalid
	}
	if err := a.print(file, out, edited.After); err != nil {
		return err
	}
	switch {
	case a.check && out.Changed:
		return fmt.Errorf("%s: %s to make", cli.Line(file.title), count(len(out.Changes), "change"))
	case !a.json:
		a.tell(file, parsed, result, out)
	}
	return nil
}

// refuse returns err, and with --json also prints object.
func (a *patchRun) refuse(object any, err error) error {
	if a.json && !errors.Is(err, cli.ErrInterrupted) {
		return errors.Join(a.printJSON(object), err)
	}
	return err
}

// print prints the result: the object, the diff, or the edited standard input.
func (a *patchRun) print(file tomlArgument, out rewriteOutput, after []byte) error {
	if a.json {
		return a.printJSON(out)
	}
	return a.printRewritten(file, out, after, a.check)
}

// tell prints on standard error what was done, and what was not.
func (a *patchRun) tell(file tomlArgument, parsed, result *flytoml.File, out rewriteOutput) {
	title := cli.Line(file.title)
	if out.InvalidReason != "" {
		fmt.Fprintf(a.stderr, "%s: flyctl refuses this file: %s; `flycast-mcp toml lint` says where\n", title,
			cli.Line(refusal(out.invalid.Error())))
	}
	if file.path != stdinPath { // a filter reports only what it did not do
		a.tellComments(file, out)
	}
	switch {
	case out.Changed:
		a.tellRewritten(file, out)
	case out.InvalidReason != "":
		fmt.Fprintf(a.stderr, "%s: nothing to do: the services need no change\n", title)
	case !parsed.HasService():
		fmt.Fprintf(a.stderr,
			"%s: nothing to do: the file has no service; --create http --internal-port PORT adds one\n", title)
	case !parsed.HasService(a.edit.Groups...):
		fmt.Fprintf(a.stderr, "%s: nothing to do: no service is for the process group %s\n", title,
			cli.Line(strings.Join(a.edit.Groups, ", ")))
	case len(out.Remarks) > 0 || len(tlsOnlyFindings(result)) > 0:
		fmt.Fprintf(a.stderr, "%s: nothing to do\n", title)
	default:
		fmt.Fprintf(a.stderr, "%s: nothing to do: the services are already set up\n", title)
	}
	for _, r := range out.Remarks {
		follows := r.Code == edit.RemarkInternalCallers || r.Code == edit.RemarkUDPBeside
		if follows && file.path == stdinPath {
			continue // a filter says only what it did not do
		}
		text := r.What
		if r.Fix != "" {
			text += "; " + r.Fix
		}
		fmt.Fprintf(a.stderr, "%s: note: %s\n", title, text)
	}
	for _, f := range tlsOnlyFindings(result) {
		fmt.Fprintf(a.stderr, "%s:%d: note: %s; --plain-port N adds a port without TLS\n", title, f.Row, f.What)
	}
}

// tlsOnlyFindings returns the findings about services that private callers cannot reach
// because every port requires TLS. Only --plain-port changes that.
func tlsOnlyFindings(file *flytoml.File) []lint.Finding {
	return slices.DeleteFunc(lint.LintPrivate(file), func(f lint.Finding) bool { return f.Code != lint.FindingTLSOnly })
}

// refusal returns the first line of flyctl's text that says why it refuses a file.
func refusal(text string) string {
	_, text, _ = strings.Cut(text, "\n") // behind "Validating fly.toml"
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "✘")
		if line != "" && !strings.HasPrefix(line, "WARN") {
			return line
		}
	}
	return "invalid app configuration"
}

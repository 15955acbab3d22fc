package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// patching is one run of toml patch.
type patching struct {
	program
	edit         flytoml.Edit
	autostop     string
	softLimit    int
	plainPort    int
	create       bool
	internalPort int

	write bool
	check bool
	json  bool
}

func tomlPatchCommand(p program) *cobra.Command {
	var stdin stdinName
	a := patching{program: p, edit: flytoml.Blueprint()}
	c := &cobra.Command{
		Use: "patch FILE", Short: "Make the services of a fly.toml fit for Flycast", Args: cobra.ExactArgs(1),
		Long: `Make the services of a fly.toml fit for Flycast, as Fly's blueprint for private
apps has it: force_https off, Machines stopped when idle and started on request,
none kept running. Nothing else in the file changes, not a byte.

It prints the change as a unified diff, and writes it with --write only: at once
and whole, or not at all. FILE - is a filter: it reads standard input and prints
the file as it is to be, changed or not.

With --json it prints one object in place of the diff or the file:
  {"changed", "written", "diff", "changes": [{"path", "before", "after", "row",
   "groups"}], "sha256_before", "sha256_after"}
or {"load_error"} if the file cannot be read, {"edit_error"} if it cannot be
edited.`,
		Example: `  flycast-mcp toml patch fly.toml
  flycast-mcp toml patch fly.toml --group web --autostop suspend --write
  flycast-mcp toml patch fly.toml --create --internal-port 8080 --write
  flycast-mcp toml patch fly.toml --check        # in CI: fails if there is something to change`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := stdin.arguments(c, args)
			if err != nil {
				return err
			}
			if err := a.complete(c); err != nil {
				return err
			}
			return a.run(c.Context(), files[0])
		},
	}
	f := c.Flags()
	f.StringArrayVar(&a.edit.Groups, "group", nil, "only services of this process `GROUP`; repeatable")
	f.StringVar(&a.autostop, "autostop", a.edit.Autostop.String(), "what becomes of idle Machines: stop, suspend or off")
	f.BoolVar(a.edit.Autostart, "autostart", *a.edit.Autostart, "start Machines on request")
	f.IntVar(a.edit.MinMachines, "min-machines", *a.edit.MinMachines, "Machines that are kept running in the primary region")
	f.IntVar(&a.softLimit, "soft-limit", 0, "load that a Machine takes before another is started")
	f.IntVar(&a.plainPort, "plain-port", 0, "add this `PORT` for plain HTTP to HTTP services whose ports all have TLS, which no private caller can use")
	f.StringVar(&a.edit.ConcurrencyType, "concurrency", "", "what limits count: requests or connections (requests with --soft-limit)")
	f.BoolVar(a.edit.ForceHTTPS, "force-https", *a.edit.ForceHTTPS, "redirect plain HTTP, which Flycast clients speak")
	f.BoolVar(&a.create, "create", false, "add an http_service to a file without a service")
	f.IntVar(&a.internalPort, "internal-port", 0, "where the app listens, for --create")
	f.BoolVar(&a.write, "write", false, "write the file")
	f.BoolVar(&a.check, "check", false, "write nothing, and fail if there is something to change")
	f.BoolVar(&a.json, "json", false, "print a JSON object")
	stdin.flag(c)
	c.MarkFlagsMutuallyExclusive("write", "check")
	return c
}

// complete makes the edit out of the flags.
func (a *patching) complete(c *cobra.Command) error {
	autostop, err := machine.ParseAutostop(a.autostop)
	if err != nil {
		return fmt.Errorf("--autostop %q is none of stop, suspend, off", a.autostop)
	}
	a.edit.Autostop = &autostop
	if c.Flags().Changed("plain-port") {
		a.edit.PlainPort = &a.plainPort
	}
	if c.Flags().Changed("soft-limit") {
		a.edit.SoftLimit = &a.softLimit
		if a.edit.ConcurrencyType == "" {
			a.edit.ConcurrencyType = "requests"
		}
	}
	switch given := c.Flags().Changed("internal-port"); {
	case a.create && !given:
		return errors.New("--create needs --internal-port: it is never guessed")
	case given && !a.create:
		return errors.New("--internal-port is for --create: the port of an existing service is not changed")
	case a.create:
		a.edit.Create = &flytoml.Create{InternalPort: a.internalPort}
	}
	if a.write && c.Flags().Arg(0) == stdinPath {
		return errors.New("--write needs a file: what is read from standard input is printed")
	}
	return nil
}

func (a *patching) run(ctx context.Context, file tomlArgument) error {
	parsed, err := a.readToml(ctx, file)
	if err != nil {
		return a.refuse(unread{LoadError: loadError(err)}, err)
	}
	edited, err := parsed.Edit(a.edit)
	if err != nil {
		err = file.named(err)
		return a.refuse(notEdited{EditError: err.Error()}, err)
	}
	out, err := rewrite(file, edited, a.write)
	if err != nil {
		return err
	}
	if err := a.print(file, out, edited.After); err != nil {
		return err
	}
	switch {
	case a.check && out.Changed:
		return fmt.Errorf("%s: %s to make", file.title, count(len(out.Changes), "change"))
	case !a.json:
		a.tell(file, parsed, out)
	}
	return nil
}

// refuse gives err, and prints it as an object too for --json.
func (a *patching) refuse(object any, err error) error {
	if a.json && !errors.Is(err, errInterrupted) {
		return errors.Join(a.printJSON(object), err)
	}
	return err
}

// print prints what the command was run for: the object, the diff, or standard
// input as it is to be.
func (a *patching) print(file tomlArgument, out rewritten, after []byte) error {
	if a.json {
		return a.printJSON(out)
	}
	return a.printRewritten(file, out, after, a.check)
}

// tell says on standard error what was done, and what was not.
func (a *patching) tell(file tomlArgument, parsed *flytoml.File, out rewritten) {
	title := oneLine(file.title)
	switch {
	case out.Changed:
		a.tellRewritten(file, out)
	case !parsed.HasService():
		fmt.Fprintf(a.stderr, "%s: there is no service, so nothing to do; --create --internal-port PORT adds one\n", title)
	case !parsed.HasService(a.edit.Groups...):
		fmt.Fprintf(a.stderr, "%s: no service is of the process group %s, so nothing to do\n", title, oneLine(strings.Join(a.edit.Groups, ", ")))
	default:
		fmt.Fprintf(a.stderr, "%s: the services are already so, nothing to do\n", title)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// undoRun is one run of the command.
type undoRun struct {
	program
	settings         serverSettings
	dryRun           bool
	allowUnreachable bool
}

func undoCommand(p program) *cobra.Command {
	u := undoRun{program: p}
	c := &cobra.Command{
		Use: "undo [RUN]", Short: "Take back what a run changed, in a terminal", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Take back what a run changed, in a terminal.

Without a run, it lists the runs that can be undone. With one, it reads the app
as it is now, shows what can be undone and what cannot, and asks for the app's
name and the passphrase of the approver's key. It then

  restores the fly.toml, if it still has what the run wrote;
  puts the earlier services and checks back on the Machines;
  releases a Flycast address that the run allocated.

A step after which nothing would reach the app is left out, unless you add
--allow-unreachable. A public address that was released is gone for good. Image, environment and
other settings are not put back.`,
		Example: `  flycast-mcp undo
  flycast-mcp undo run_2fdkq7 --dry-run`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return u.list()
			}
			return orElse(u.undo(c.Context(), args[0]), "See above for what was done")
		},
	}
	f := c.Flags()
	stateDirFlag(c, &u.settings.stateDir)
	f.BoolVar(&u.dryRun, "dry-run", false, "show what would be undone, and change nothing")
	f.BoolVar(&u.allowUnreachable, "allow-unreachable", false,
		"also do what leaves the app without any way to reach it")
	f.StringArrayVar(&u.settings.approverKeys, "approver-key", nil,
		"file with a public key whose signatures are accepted; default: the key made by approve --init")
	f.BoolVar(&u.settings.allowLoopback, "allow-loopback-api", false,
		"allow a real token to be sent to an API on a loopback address")
	return c
}

// runs returns the runs in the journal of a state folder.
func (u undoRun) runs() ([]undo.Run, string, error) {
	path, err := u.journalPath(u.settings.stateDir)
	if err != nil {
		return nil, "", err
	}
	entries, err := journal.All(path)
	return undo.Runs(entries), filepath.Dir(path), err
}

// list prints the runs that can be undone.
func (u undoRun) list() error {
	runs, state, err := u.runs()
	if err != nil {
		return err
	}
	store := undo.Store{Dir: filepath.Join(state, statedir.Undo), Now: u.clock.Now}
	now := u.clock.Now()
	t := columns.New("RUN", "TOOL", "APP", "AGE", "ENDED", "CAN BE UNDONE")
	for _, r := range slices.Backward(runs) {
		t.Append(r.ID, plan.Clean(r.Tool), plan.Clean(r.App), strings.ToLower(units.HumanDuration(now.Sub(r.Began))),
			plan.Clean(r.Status), undoable(store, r))
	}
	if t.Len() == 0 {
		fmt.Fprintf(u.stderr, "no run that could be undone is in %s\n", state)
		return nil
	}
	_, err = fmt.Fprintln(u.stdout, t)
	return err
}

// undoable says what of a run can be undone, as far as the state folder shows.
func undoable(store undo.Store, r undo.Run) string {
	if !r.Undone.IsZero() && !r.Partly {
		return "undone at " + clockTime(r.Undone)
	}
	saved, err := store.Get(r.Snapshot)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no longer kept"
	case err != nil:
		return "no: " + plan.Line(err.Error())
	}
	var parts []string
	if saved.File != nil {
		parts = append(parts, plan.Line(saved.File.Path))
	}
	if r.Deployed && len(saved.Config) > 0 {
		parts = append(parts, "services")
	}
	for _, ip := range r.Allocated {
		parts = append(parts, ip.String())
	}
	if len(r.Released) > 0 {
		parts = append(parts, plan.Count(len(r.Released), "public address is", "public addresses are")+" gone")
	}
	if r.Partly {
		parts = append(parts, "undone in part at "+clockTime(r.Undone))
	}
	return strings.Join(parts, ", ")
}

// undo shows the plan, asks the person as approve does, and carries it out.
func (u undoRun) undo(ctx context.Context, id string) error {
	runs, state, err := u.runs()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r undo.Run) bool { return r.ID == id })
	if i < 0 {
		return fmt.Errorf("the journal has no run %s that can be undone: flycast-mcp undo lists them. Nothing was changed",
			plan.Quote(id))
	}
	chosen := runs[i]
	s := u.settings
	s.approval, s.hold, s.answerWithin, s.logLevel = "terminal", 24*time.Hour, 5*time.Minute, "warn"
	s.verify = string(verify.Never)
	s.stateDir, s.apps = state, []string{chosen.App}
	if saved, err := (undo.Store{Dir: filepath.Join(state, statedir.Undo), Now: u.clock.Now}).Get(chosen.Snapshot); err == nil &&
		saved.File != nil {
		s.roots = []string{filepath.Dir(saved.File.Path)}
	}
	if !fly.ValidAppName(chosen.App) {
		return fmt.Errorf("the run's app %s is not a valid Fly app name. Nothing was changed", plan.Quote(chosen.App))
	}
	app, err := s.build(ctx, u.program, len(s.roots) == 0)
	if err != nil {
		return err
	}
	err = u.carryOut(ctx, app, chosen)
	return errors.Join(err, app.Close())
}

// carryOut calls the tool twice: the first call files a request, which the person answers here;
// the second one applies what was approved.
func (u undoRun) carryOut(ctx context.Context, app *application, chosen undo.Run) error {
	app.tools.From = "flycast-mcp undo in this terminal"
	tool := tools.Undo(app.tools)
	arguments := map[string]any{"app": chosen.App, "run": chosen.ID, "allow_unreachable": u.allowUnreachable, "dry_run": u.dryRun}
	result, text, err := invoke(ctx, tool, arguments)
	if err != nil {
		return err
	}
	if result.Status == plan.NeedsApproval && result.Approval != nil && result.Approval.Ticket != "" {
		answering := approveRun{program: u.program, stateDir: app.state, follow: "It is carried out now."}
		if err := answering.answerTicket(ctx, result.Approval.Ticket); err != nil {
			return err
		}
		if result, text, err = invoke(ctx, tool, arguments); err != nil {
			return err
		}
	}
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if !strings.HasPrefix(line, "next (agent): "+undo.Tool+" ") { // there is no agent
			fmt.Fprint(u.stdout, line)
		}
	}
	switch result.Status {
	case plan.Applied, plan.NothingToDo, plan.WouldApply:
		return nil
	}
	return fmt.Errorf("the undo ended as %s", result.Status)
}

// invoke calls a tool in this process.
func invoke(ctx context.Context, tool call.Tool, arguments map[string]any) (plan.Result, string, error) {
	var out plan.Result
	answer, err := tool.Call(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool.Spec().Name, Arguments: arguments}})
	if err != nil {
		return out, "", err
	}
	var text strings.Builder
	for _, content := range answer.Content {
		if t, ok := content.(mcp.TextContent); ok {
			text.WriteString(t.Text + "\n")
		}
	}
	body, err := json.Marshal(answer.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	return out, text.String(), err
}

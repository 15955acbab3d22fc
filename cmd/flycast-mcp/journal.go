package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

func journalCommand(p program) *cobra.Command {
	c := &cobra.Command{
		Use: "journal", Short: "Check, show, rotate or repair the record of what was approved and done", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(journalVerifyCommand(p), journalShowCommand(p), journalRotateCommand(p), journalRecoverCommand(p))
	return c
}

func journalRecoverCommand(p program) *cobra.Command {
	var stateDir string
	c := &cobra.Command{
		Use: "recover", Short: "Replace a lost or damaged journal with a new one, in a terminal",
		Args: cobra.NoArgs,
		Long: `Replace a lost or damaged journal with a new one, in a terminal.

If its journal was deleted, truncated, changed or replaced, a server does
nothing that needs an approval. Find out first how that happened. This command
renames what is left of the old journal and starts a new one. Running servers
have to be restarted.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return orElse(p.recoverJournal(c.Context(), stateDir), "No journal was started.")
		},
	}
	stateDirFlag(c, &stateDir)
	return c
}

// recoverWord is what a person types to confirm.
const recoverWord = "recover"

func (p program) recoverJournal(ctx context.Context, stateDir string) error {
	state, err := p.folders().State(stateDir)
	if err != nil {
		return err
	}
	if err := statedir.CheckTrusted(state); err != nil {
		return err
	}
	path := filepath.Join(state, statedir.Journal)
	if _, err := os.Stat(state); err != nil {
		return statedir.Unused(state)
	}
	old, err := journal.Open(path, p.clock.Now)
	if err != nil {
		return err
	}
	damage := old.Check()
	if err := old.Close(); err != nil {
		return err
	}
	switch {
	case damage == nil:
		return fmt.Errorf("%s: %w", path, journal.ErrInOrder)
	case !errors.Is(damage, journal.ErrLost):
		return damage
	}
	return cli.WithDialog(p.stdin, p.stderr, func(d *cli.Dialog) error {
		d.Say("%s\n\n", damage)
		d.Say("The new journal does not contain:\n")
		d.Say("  which approvals were used: every approval given until now counts as used,\n" +
			"  and waiting requests are withdrawn;\n")
		d.Say("  what policy rules approved in the last hour: their limits start from zero;\n")
		d.Say("  which plans a person has just declined;\n")
		d.Say("  which deploys were interrupted, and which addresses this server released.\n\n")
		typed, err := d.Ask(ctx, fmt.Sprintf("Type %q to start a new journal: ", recoverWord))
		if err != nil {
			return err
		}
		if strings.TrimSpace(typed) != recoverWord {
			return errors.New("it was not confirmed")
		}
		kept, err := journal.Recover(path, p.clock.Now)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(state, statedir.Requests)); err != nil {
			return fmt.Errorf("a new journal was started, but the waiting requests could not be withdrawn: %w",
				err)
		}
		d.Say("\nA new journal was started: %s\n", path)
		if kept != "" {
			d.Say("The old one is kept: %s\n", kept)
		}
		d.Say("Restart the servers that use this state folder.\n")
		return nil
	})
}

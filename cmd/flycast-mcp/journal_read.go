package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

// journalPath returns the path of the journal in a state folder that a server has used.
func (p program) journalPath(stateDir string) (string, error) {
	state, err := p.folders().State(stateDir)
	if err != nil {
		return "", err
	}
	if err := statedir.CheckTrusted(state); err != nil {
		return "", err
	}
	path := filepath.Join(state, statedir.Journal)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", statedir.Unused(state)
	}
	return path, nil
}

func journalVerifyCommand(p program) *cobra.Command {
	var stateDir string
	var asJSON bool
	c := &cobra.Command{
		Use: "verify", Short: "Check that nobody changed the journal", Args: cobra.NoArgs,
		Long: `Check that nobody changed the journal.

Each line has the hash of everything before it, and the head file that of the
end. This reads the journal and its archives, changes nothing, and names the
first line that is not as it was written. Servers may run meanwhile. It does
not show a change by somebody who computed all hashes again.`,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := p.journalPath(stateDir)
			if err != nil {
				return err
			}
			v, err := journal.Verify(path)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(p.stdout).Encode(v); err != nil {
					return err
				}
			}
			if v.Bad != nil {
				return fmt.Errorf("%s is not as it was written. The first bad line is line %d of %s: %s. "+
					"Nothing was changed; find out how that happened before you run flycast-mcp journal recover",
					path, v.Bad.Line, v.Bad.File, v.Bad.What)
			}
			if asJSON {
				return nil
			}
			fmt.Fprintf(p.stdout, "%s is as it was written: %s in %s.\n", path,
				plan.Count(v.Entries, "entry", "entries"), plan.Count(v.Files, "file", "files"))
			if v.Unchained > 0 {
				fmt.Fprintf(p.stdout, "%s an earlier version wrote without hashes: only what follows proves them.\n",
					plan.Count(v.Unchained, "entry", "entries"))
			}
			if v.Unreadable > 0 {
				fmt.Fprintf(p.stdout, "%s cut off by a crash.\n", plan.Count(v.Unreadable, "line was", "lines were"))
			}
			return nil
		},
	}
	stateDirFlag(c, &stateDir)
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}

// journalFilter says which entries are shown.
type journalFilter struct {
	stateDir, app, since string
	asJSON               bool
	limit                int
}

func journalShowCommand(p program) *cobra.Command {
	var f journalFilter
	c := &cobra.Command{
		Use: "show", Short: "Show what was asked, approved and done", Args: cobra.NoArgs,
		Long: `Show what was asked, approved and done, oldest first, from the journal and its
archives.`,
		Example: `  flycast-mcp journal show --app shop-api --since 24h
  flycast-mcp journal show --json | jq 'select(.event == "finished")'`,
		RunE: func(c *cobra.Command, _ []string) error { return p.showJournal(f) },
	}
	stateDirFlag(c, &f.stateDir)
	flags := c.Flags()
	flags.StringVar(&f.app, "app", "", "only entries about this app")
	flags.StringVar(&f.since, "since", "", "only entries since then: a duration such as 24h, or a time such as 2026-12-01T08:00:00Z")
	flags.IntVar(&f.limit, "limit", 200, "at most this many entries, the newest; 0: all")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object per line, as the journal has them")
	return c
}

func (p program) showJournal(f journalFilter) error {
	since, err := sinceTime(f.since, p.clock.Now())
	if err != nil {
		return err
	}
	if f.app != "" && !fly.ValidAppName(f.app) {
		return fmt.Errorf("--app %s is not a valid Fly app name", plan.Quote(f.app))
	}
	path, err := p.journalPath(f.stateDir)
	if err != nil {
		return err
	}
	all, err := journal.All(path)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(e journal.Entry) bool {
		return e.Time.Before(since) || f.app != "" && e.App != f.app
	})
	left := 0
	if f.limit > 0 && len(all) > f.limit {
		left = len(all) - f.limit
		all = all[left:]
	}
	if f.asJSON {
		encoder := json.NewEncoder(p.stdout)
		for _, e := range all {
			if err := encoder.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintf(p.stderr, "no such entry in %s\n", path)
		return nil
	}
	t := columns.New("TIME", "EVENT", "TOOL", "APP", "WHAT", "BY", "RUN")
	t.Limit(60, "WHAT")
	for _, e := range all {
		t.Append(e.Time.Local().Format("2006-01-02 15:04:05"), plan.Clean(string(e.Event)), plan.Clean(e.Tool),
			plan.Clean(e.App), entryWhat(e), plan.Clean(strings.TrimPrefix(e.Channel+": "+e.By, ": ")), plan.Clean(e.Run))
	}
	if _, err := fmt.Fprintln(p.stdout, t); err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(p.stderr, "%d older entries are not shown: --limit 0 shows all\n", left)
	}
	return nil
}

// entryWhat returns what an entry is about, in one line.
func entryWhat(e journal.Entry) string {
	var parts []string
	for _, part := range []string{e.Verb, e.Target, e.Group, e.Status, e.Code, strings.Join(e.Hazards, ", "), e.Archive} {
		if part != "" {
			parts = append(parts, plan.Clean(part))
		}
	}
	if e.Reason != "" {
		parts = append(parts, plan.Quote(e.Reason))
	}
	return strings.Join(parts, " ")
}

// sinceTime reads --since; the zero time if it is empty.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago.Abs()), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--since %q is neither a duration such as 24h nor a time such as 2026-12-01T08:00:00Z", text)
	}
	return at, nil
}

func journalRotateCommand(p program) *cobra.Command {
	var stateDir string
	c := &cobra.Command{
		Use: "rotate", Short: "Continue the journal in a new file", Args: cobra.NoArgs,
		Long: `Continue the journal in a new file.

The old file stays beside it. The new one begins with the hash of the old one,
and has what is still needed: used approvals, recent declines, open runs,
released addresses and what can be undone. Waiting requests stay valid, and
servers that run go on with the new file.`,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := p.journalPath(stateDir)
			if err != nil {
				return err
			}
			j, err := journal.Open(path, p.clock.Now)
			if err != nil {
				return err
			}
			archive, err := j.Rotate()
			if err := errors.Join(err, j.Close()); err != nil {
				return orElse(err, "The journal was not rotated")
			}
			fmt.Fprintf(p.stdout, "The journal goes on in a new file: %s\nThe old one is kept: %s\n", path, archive)
			return nil
		},
	}
	stateDirFlag(c, &stateDir)
	return c
}

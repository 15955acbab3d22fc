package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// approveRun is one run of the command.
type approveRun struct {
	program
	makeKey  bool
	stateDir string
	key      string
	request  string
	follow   string // what happens after an approval; empty: the agent repeats its call
}

func approveCommand(p program) *cobra.Command {
	a := approveRun{program: p}
	c := &cobra.Command{
		Use: "approve [TICKET]", Short: "Approve or reject what an agent wants to do, in a terminal",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Approve or reject what an agent wants to do, in a terminal.

Without a ticket, it lists the waiting requests. With a ticket, it shows the
plan, asks for the app's name, and signs the plan with a key that is protected
by a passphrase. The signature is valid only for the plan that was shown: if
anything has changed when the agent calls again, nothing is done.

Create a key once with --init. Running servers accept it at once.`,
		Example: `  flycast-mcp approve --init
  flycast-mcp approve RK4M-7Q2P
  flycast-mcp approve --request RK4M-7Q2P.json   # copied from a server elsewhere`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && (a.makeKey || a.request != ""):
				return errors.New("a ticket goes with neither --init nor --request")
			case a.makeKey:
				return orElse(a.initialize(c.Context()), "No key was created.")
			case a.request != "":
				return orElse(a.answerFile(c.Context()), "Nothing was approved.")
			case len(args) == 1:
				return orElse(a.answerTicket(c.Context(), args[0]), "Nothing was approved.")
			}
			return a.list()
		},
	}
	f := c.Flags()
	f.BoolVar(&a.makeKey, "init", false, "create a key for approvals, protected by a passphrase")
	stateDirFlag(c, &a.stateDir)
	f.StringVar(&a.key, "key", "", "the key file (default: the one created by --init)")
	f.StringVar(&a.request, "request", "",
		"a request file copied from another machine: prints a code for the tool's argument \"approval\"")
	c.MarkFlagsMutuallyExclusive("init", "key")
	c.MarkFlagsMutuallyExclusive("init", "request", "state-dir")
	return c
}

// orElse adds to an error what did not happen.
func orElse(err error, consequence string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w. %s", err, consequence)
}

// requests returns the requests in the state folder, and their folder. Only servers
// create it: a mistyped name must not look like a folder without requests.
func (a approveRun) requests() (*gate.Requests, string, error) {
	state, err := a.folders().State(a.stateDir)
	if err != nil {
		return nil, "", err
	}
	if err := statedir.CheckTrusted(state); err != nil {
		return nil, "", err
	}
	dir := filepath.Join(state, statedir.Requests)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, dir, statedir.Unused(state)
	}
	requests, err := gate.NewRequests(dir, a.clock.Now)
	return requests, dir, err
}

// list prints the requests that wait for an answer.
func (a approveRun) list() error {
	requests, dir, err := a.requests()
	if err != nil {
		return err
	}
	waiting, err := requests.ListWaiting()
	if err != nil {
		return err
	}
	if len(waiting) == 0 {
		fmt.Fprintf(a.stderr, "no request waits for an approval in %s\n", dir)
		return nil
	}
	now := a.clock.Now()
	t := columns.New("TICKET", "TOOL", "APP", "ASKED BY", "AGE", "ENDS IN")
	for _, r := range waiting {
		t.Append(r.Ticket, plan.Clean(r.Tool), plan.Clean(r.App), plan.Clean(r.Asker),
			units.HumanDuration(now.Sub(r.Created)), units.HumanDuration(r.Expires.Sub(now)))
	}
	_, err = fmt.Fprintln(a.stdout, t)
	return err
}

// answerTicket asks the person about a request in the state folder, and writes the
// answer beside it.
func (a approveRun) answerTicket(ctx context.Context, typed string) error {
	ticket, err := gate.ParseTicket(typed)
	if err != nil {
		return err
	}
	requests, dir, err := a.requests()
	if err != nil {
		return err
	}
	gone := fmt.Errorf("no request %s waits in %s: it has expired, was used or rejected, "+
		"or belongs to a server with another --state-dir", ticket, dir)
	req, err := requests.Load(ticket)
	if errors.Is(err, fs.ErrNotExist) {
		return gone
	}
	if err != nil {
		return err
	}
	p, err := a.read(req)
	if err != nil {
		return err
	}
	return cli.WithDialog(a.stdin, a.stderr, func(d *cli.Dialog) error {
		a.show(d, req, p)
		yes, err := choose(ctx, d, p.App)
		if err != nil {
			return err
		}
		answer, by := gate.ApprovalAnswer{Approved: yes}, ""
		if yes {
			answer.Code, by, err = a.sign(ctx, d, req, p)
		} else {
			answer.Reason, err = askReason(ctx, d)
		}
		if err != nil {
			return err
		}
		answer.At = a.clock.Now()
		switch err := requests.Answer(ticket, answer); {
		case errors.Is(err, fs.ErrNotExist):
			return gone
		case errors.Is(err, gate.ErrRejected):
			return errors.New("a person has rejected this plan, which is final; " +
				"the agent can ask again in ten minutes, with a new ticket")
		case err != nil:
			return err
		}
		if !yes {
			if err := a.recordNo(filepath.Dir(dir), req, answer.Reason); err != nil {
				d.Say("\nThe journal could not be written (%v). The server will record the rejection.\n", err)
			}
			if a.follow != "" {
				d.Say("\nRejected.\n")
				return nil
			}
			d.Say("\nRejected. The agent gets your reason when it repeats its call.\n")
			return nil
		}
		d.Say("\nApproved with key %s, for one use until %s.\n%s\n", by, clockTime(req.Expires),
			cmp.Or(a.follow, "Now tell the agent to repeat the identical call."))
		return nil
	})
}

// recordNo writes a rejection to the journal, so that it applies at once to every
// server that uses the state folder.
func (a approveRun) recordNo(state string, req gate.ApprovalRequest, reason string) error {
	path := filepath.Join(state, statedir.Journal)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil // no server has one
	}
	j, err := journal.Open(path, a.clock.Now)
	if err != nil {
		return err
	}
	no := gate.Denial{
		Tool: req.Tool, App: req.App, Digest: req.Digest, Caller: req.Caller, Reason: reason,
	}
	return errors.Join(j.Append(call.Declined(no)), j.Close())
}

// answerFile asks the person about a request file copied from another machine, and
// prints the approval as a code. It writes no file.
func (a approveRun) answerFile(ctx context.Context) error {
	if a.request == "-" {
		return errors.New("--request needs a file: stdin is for the person")
	}
	req, err := gate.ReadRequest(a.request)
	if err != nil {
		return err
	}
	p, err := a.read(req)
	if err != nil {
		return err
	}
	var code string
	err = cli.WithDialog(a.stdin, a.stderr, func(d *cli.Dialog) error {
		a.show(d, req, p)
		yes, err := choose(ctx, d, p.App)
		if err != nil {
			return err
		}
		if !yes {
			return errors.New("rejected: the server does not learn of this, so tell the agent")
		}
		var by string
		if code, by, err = a.sign(ctx, d, req, p); err != nil {
			return err
		}
		d.Say("\nApproved with key %s, for one use until %s.\n", by, clockTime(req.Expires))
		d.Say("Now tell the agent to repeat the identical call with this as its argument \"approval\":\n")
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, code)
	return err
}

// read returns the plan of a request that can be answered. The digest that is
// signed is computed here, from the plan that is shown. If the file has another
// one, it was changed, and a signature would not be valid.
func (a approveRun) read(req gate.ApprovalRequest) (plan.Plan, error) {
	if err := req.Check(a.clock.Now()); err != nil {
		return plan.Plan{}, err
	}
	p, err := plan.Parse(req.Plan, tools.Wordings())
	if err != nil {
		return plan.Plan{}, fmt.Errorf("this version of the program cannot show the request: %w", err)
	}
	switch {
	case !fly.ValidAppName(p.App):
		return plan.Plan{}, fmt.Errorf("the request's app %s is not a valid Fly app name",
			plan.Quote(p.App))
	case req.App != p.App, req.Tool != p.Tool:
		return plan.Plan{}, fmt.Errorf("the request is for %s of %s, but its plan is for %s of %s: the file was changed",
			plan.Quote(req.Tool), plan.Quote(req.App), plan.Quote(p.Tool), plan.Quote(p.App))
	case req.Digest != p.Digest():
		return plan.Plan{}, errors.New("the plan in the request does not match its digest: the file was changed " +
			"or written by another version, and a signature would not be valid")
	}
	return p, nil
}

// show shows who asks, and the whole question.
func (a approveRun) show(d *cli.Dialog, req gate.ApprovalRequest, p plan.Plan) {
	now := a.clock.Now()
	line := func(name, format string, args ...any) {
		d.Say("%-12s%s\n", name, fmt.Sprintf(format, args...))
	}
	duration := func(d time.Duration) string { return strings.ToLower(units.HumanDuration(d)) }
	line("REQUEST", "%s", req.Ticket)
	line("ASKED BY", "%s, known to the server as %s", plan.Quote(req.Asker), plan.Quote(req.Caller))
	line("FROM", "\"%s\"", plan.Line(req.From))
	line("ASKED", "%s, %s ago", clockTime(req.Created), duration(now.Sub(req.Created)))
	line("ENDS", "%s, in %s", clockTime(req.Expires), duration(req.Expires.Sub(now)))
	line("TOOL", "%s", plan.Quote(p.Tool))
	line("PLAN", "%s", p.Digest())
	d.Say("\n%s\n\n", p.FullQuestion().Text())
}

// choose reads the app's name, which approves, or a no. After anything else it asks
// once more. "no" always rejects: an app of that name cannot be approved here.
func choose(ctx context.Context, d *cli.Dialog, app string) (yes bool, err error) {
	for range 2 {
		typed, err := d.Ask(ctx, `Type the app's name to approve, or "no" to reject: `)
		if err != nil {
			return false, err
		}
		switch typed = strings.TrimSpace(typed); {
		case strings.EqualFold(typed, "no"), strings.EqualFold(typed, "reject"):
			return false, nil
		case typed == app:
			return true, nil
		}
		d.Say("That is neither the app's name nor \"no\".\n")
	}
	return false, errors.New("the app's name was not typed")
}

// reasonLimit is how many characters of the reason the agent gets.
const reasonLimit = 200

func askReason(ctx context.Context, d *cli.Dialog) (string, error) {
	typed, err := d.Ask(ctx, "Why? One line, which the agent gets (Enter for none): ")
	if err != nil {
		return "", err
	}
	typed = strings.TrimSpace(typed)
	if runes := []rune(typed); len(runes) > reasonLimit {
		typed = string(runes[:reasonLimit])
		d.Say("The agent gets the first %d characters.\n", reasonLimit)
	}
	return typed, nil
}

// passphraseTries is how many times the passphrase is asked for.
const passphraseTries = 3

// sign approves the plan that was shown, and returns the name of the key.
func (a approveRun) sign(
	ctx context.Context, d *cli.Dialog, req gate.ApprovalRequest, p plan.Plan,
) (code, by string, err error) {
	path, sealed, err := a.sealedKey()
	if err != nil {
		return "", "", err
	}
	for range passphraseTries {
		passphrase, err := d.AskSecret(ctx, fmt.Sprintf("Passphrase of %s: ", path))
		if err != nil {
			return "", "", err
		}
		var key gate.SigningKey
		if passphrase == "" {
			err = gate.ErrWrongPassphrase
		} else {
			key, err = gate.OpenSigningKey(sealed, passphrase)
		}
		if errors.Is(err, gate.ErrWrongPassphrase) {
			d.Say("Wrong passphrase.\n")
			continue
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", path, err)
		}
		if err := req.Check(a.clock.Now()); err != nil { // typing takes time
			return "", "", err
		}
		code, err = key.Sign(req.Statement(p.Digest())).Code()
		return code, key.Public().ID(), err
	}
	return "", "", fmt.Errorf("%w, %d times", gate.ErrWrongPassphrase, passphraseTries)
}

// maxKeySize is far more than a key file needs.
const maxKeySize = 64 << 10

// sealedKey reads the key file, which is encrypted.
func (a approveRun) sealedKey() (path string, sealed []byte, err error) {
	if path = a.key; path == "" {
		dir, err := a.folders().Config()
		if err != nil {
			return "", nil, err
		}
		path = filepath.Join(dir, statedir.SigningKey)
	}
	if err := disk.CheckTrusted(filepath.Dir(path)); err != nil {
		return "", nil, fmt.Errorf("approver's key: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("there is no key %s: create one with flycast-mcp approve --init", path)
	case err != nil:
		return "", nil, err
	case !info.Mode().IsRegular() || info.Size() > maxKeySize:
		return "", nil, fmt.Errorf("%s: not an approver's key", path)
	}
	if sealed, err = disk.Read(path, maxKeySize); err != nil {
		return "", nil, err
	}
	if err := gate.Protected(sealed); err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return path, sealed, nil
}

// clockTime returns a time as a person reads it.
func clockTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// Exit statuses of verify.
const (
	exitRefuted     = 1 // a claim is refuted
	exitNotVerified = 2 // no claim is refuted, but one is not verified; also every failure
)

// verifyRun is one run of the command.
type verifyRun struct {
	program
	settings serverSettings
	path     string
	json     bool
}

func verifyCommand(p program) *cobra.Command {
	v := &verifyRun{program: p}
	failed := func(err error) error {
		if err == nil {
			return nil
		}
		return cli.Exit{Status: exitNotVerified, Cause: err}
	}
	c := &cobra.Command{
		Use: "verify APP", Short: "Prove that an app is private and answers over Flycast",
		Args: func(c *cobra.Command, args []string) error { return failed(cobra.ExactArgs(1)(c, args)) },
		Long: `Prove by observation that an app is private and answers over Flycast, as the tool
verify_private does: its addresses, services, listening sockets, DNS and requests
from inside its private network.

Requests from inside need a temporary WireGuard peer. You are asked before it is
added, and it is removed after the check. If you say no, or without a terminal, no
peer is added, and what needs one is reported as not verified. Nothing of the app
changes, but a request may start its Machines.

Exit status:
  0  all claims are verified
  1  a claim is refuted
  2  no claim is refuted, but one is not verified; or the check could not be made`,
		Example: `  flycast-mcp verify shop-api
  flycast-mcp verify shop-api --path fly.toml --json`,
		RunE: func(c *cobra.Command, args []string) error {
			err := v.run(c.Context(), args[0])
			var exit cli.Exit
			if errors.As(err, &exit) {
				return err
			}
			return failed(err)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return failed(err) })
	f := c.Flags()
	f.StringVar(&v.path, "path", "", "the app's fly.toml, which its services are compared with; default: the deployed configuration")
	f.BoolVar(&v.json, "json", false, "print the tool's structured result")
	stateDirFlag(c, &v.settings.stateDir)
	f.BoolVar(&v.settings.allowLoopback, "allow-loopback-api", false,
		"allow a real token to be sent to an API on a loopback address")
	return c
}

func (v *verifyRun) run(ctx context.Context, name string) error {
	if !fly.ValidAppName(name) {
		return fmt.Errorf("%s is not a valid Fly app name", plan.Quote(name))
	}
	s := v.settings
	s.approval, s.hold, s.answerWithin, s.logLevel = string(gate.ModeElicit), 24*time.Hour, 5*time.Minute, "warn"
	s.verify, s.apps = string(verify.Ask), []string{name}
	arguments := map[string]any{"app": name}
	if v.path != "" {
		path, err := filepath.Abs(v.path)
		if err != nil {
			return err
		}
		s.roots, arguments["path"] = []string{filepath.Dir(path)}, path
	}
	app, err := s.build(ctx, v.program, len(s.roots) == 0)
	if err != nil {
		return err
	}
	app.tools.From = "flycast-mcp verify in this terminal"
	out, err := v.check(ctx, app, arguments)
	if err = errors.Join(err, app.Close()); err != nil {
		return err
	}
	if err := v.print(out); err != nil {
		return err
	}
	return verifyStatus(out)
}

// errNotApproved means that the person said no, or that nobody could be asked.
var errNotApproved = errors.New("no person approved a WireGuard peer")

// check calls the tool, and asks the person what it asks. Without a yes it reports what needs no peer.
func (v *verifyRun) check(ctx context.Context, app *application, arguments map[string]any) (verify.Result, error) {
	out, err := v.ask(ctx, app, arguments)
	if errors.Is(err, errNotApproved) {
		app.tools.Verify = verify.Unapproved
		result, err := callVerify(ctx, app, mcp.CallToolParams{Arguments: arguments})
		if err != nil {
			return verify.Result{}, err
		}
		return verifyResult(result)
	}
	return out, err
}

// verifyTries is how often the question is put: the app may change while the person reads.
const verifyTries = 2

// ask calls the tool as a client that can ask its user.
func (v *verifyRun) ask(ctx context.Context, app *application, arguments map[string]any) (out verify.Result, err error) {
	client := mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{}}
	ctx = mcpserver.WithRequestProtocolInfo(ctx, &mcpserver.RequestProtocolInfo{
		Modern: true, ProtocolVersion: mcp.ProtocolVersion20260728, ClientCapabilities: &client})
	for range verifyTries {
		first, exchange := call.WithExchange(ctx, v.clock.Now())
		question, err := callVerify(first, app, mcp.CallToolParams{Arguments: arguments})
		if err != nil {
			return out, err
		}
		if question.ResultType != mcp.ResultTypeInputRequired {
			return verifyResult(question)
		}
		retry := mcp.CallToolParams{Arguments: arguments}
		retry.RequestState, retry.InputResponses = question.RequestState, mcp.InputResponses{}
		for id, request := range question.InputRequests {
			if request.Elicitation == nil {
				return out, fmt.Errorf("the check asks for %s, which cannot be answered here", request.Method)
			}
			if err := v.confirm(ctx, request.Elicitation.Message, exchange); err != nil {
				return out, err
			}
			retry.InputResponses[id] = mcp.NewElicitationInputResponse(mcp.ElicitationResult{
				ElicitationResponse: mcp.ElicitationResponse{
					Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"confirm": true}}})
		}
		second, _ := call.WithExchange(ctx, v.clock.Now())
		answer, err := callVerify(second, app, retry)
		if err != nil {
			return out, err
		}
		if answer.ResultType == mcp.ResultTypeInputRequired {
			fmt.Fprintln(v.stderr, "The app changed while you read. No peer was added. The question as it is now:")
			continue
		}
		if out, err = verifyResult(answer); err != nil || out.Code != gate.Unavailable {
			return out, err
		}
		fmt.Fprintln(v.stderr, "That answer came faster than a person can read, and does not count. No peer was added. "+
			"To be asked again, run this again.")
		return out, errNotApproved
	}
	return out, errNotApproved
}

// confirm puts a question to the person at the terminal. Everything but a yes is a no.
func (v *verifyRun) confirm(ctx context.Context, question string, exchange *call.Exchange) error {
	err := cli.WithDialog(v.stdin, v.stderr, func(d *cli.Dialog) error {
		d.Say("%s\n\n", question)
		exchange.Sent(v.clock.Now())
		typed, err := d.Ask(ctx, "Do this? [y/N] ")
		if err != nil {
			return err
		}
		switch strings.ToLower(strings.TrimSpace(typed)) {
		case "y", "yes":
			return nil
		}
		return errNotApproved
	})
	if errors.Is(err, cli.ErrNoTerminal) {
		fmt.Fprintln(v.stderr, "There is no terminal, so nobody can be asked, and no WireGuard peer is added. "+
			"To check from inside the private network too, run this in a terminal.")
		return errNotApproved
	}
	return err
}

// callVerify calls the tool in this process.
func callVerify(ctx context.Context, app *application, params mcp.CallToolParams) (*mcp.CallToolResult, error) {
	all := tools.All(app.tools)
	i := slices.IndexFunc(all, func(t call.Tool) bool { return t.Spec().Name == verify.Tool })
	if i < 0 {
		return nil, fmt.Errorf("there is no tool %s", verify.Tool)
	}
	params.Name = verify.Tool
	return all[i].Call(ctx, mcp.CallToolRequest{Params: params})
}

// verifyResult returns the tool's structured result.
func verifyResult(r *mcp.CallToolResult) (out verify.Result, err error) {
	body, err := json.Marshal(r.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	return out, err
}

// print writes the result to stdout: as JSON, or a line for each claim and then what is left to do.
func (v *verifyRun) print(out verify.Result) error {
	text := verifyText(out)
	if v.json {
		body, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			return err
		}
		text = string(body) + "\n"
	}
	_, err := fmt.Fprint(v.stdout, cli.Shown(v.stdout, text))
	return err
}

func verifyText(out verify.Result) string {
	var b strings.Builder
	t := columns.New("CLAIM", "VERDICT", "EVIDENCE")
	for _, c := range out.Claims {
		t.Append(string(c.Claim), verdictWord(c.Verdict), plan.Message(c.Evidence))
	}
	if t.Len() > 0 {
		for line := range strings.Lines(t.String() + "\n") {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	for _, left := range out.Left {
		fmt.Fprintf(&b, "left behind: %s\n", left)
	}
	for _, n := range out.Next {
		if n.Command != "" { // there is no agent for the others
			fmt.Fprintf(&b, "next: %s  # %s\n", n.Command, n.Why)
		}
	}
	return b.String()
}

// verifyStatus returns the error with the exit status of a result; nil for 0.
func verifyStatus(out verify.Result) error {
	names := make(map[verify.Verdict][]string)
	for _, c := range out.Claims {
		names[c.Verdict] = append(names[c.Verdict], string(c.Claim))
	}
	switch {
	case len(names[verify.Refuted]) > 0:
		return cli.Exit{Status: exitRefuted, Cause: fmt.Errorf("refuted: %s", strings.Join(names[verify.Refuted], ", "))}
	case len(out.Claims) == 0:
		return cli.Exit{Status: exitNotVerified, Cause: errors.New(strings.TrimSuffix(out.Summary, "."))}
	case len(names[verify.NotVerified]) > 0:
		return cli.Exit{Status: exitNotVerified,
			Cause: fmt.Errorf("not verified: %s", strings.Join(names[verify.NotVerified], ", "))}
	}
	return nil
}

// verdictWord returns a verdict as a person reads it. A refutation stands out.
func verdictWord(v verify.Verdict) string {
	switch v {
	case verify.Refuted:
		return "REFUTED"
	case verify.NotVerified:
		return "not verified"
	}
	return string(v)
}

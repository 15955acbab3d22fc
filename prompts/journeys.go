package prompts

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// states of an app that a text fits.
const (
	isPrivate = "private" // no public address, and nothing in the way
	isUnknown = "unknown" // the Machines or their configuration could not be read
	isEmpty   = "empty"   // no Machines
	isOther   = "other"
)

// stateOf returns the state of an app.
func stateOf(s rules.Snapshot) string {
	switch {
	case !s.MachinesKnown, s.Exposed() == rules.Unclear:
		return isUnknown
	case len(s.Machines) == 0:
		return isEmpty
	case rules.Judge(s.Addresses.List) == rules.Private && len(s.Blockers()) == 0:
		return isPrivate
	}
	return isOther
}

// journeys returns the prompts that lead to a change.
func (p Prompts) journeys() []mcpserver.ServerPrompt {
	app := mcp.WithArgument("app", mcp.ArgumentDescription("name of the Fly app"), mcp.RequiredArgument())
	private := []mcp.PromptOption{
		mcp.WithPromptTitle("Make an app private"),
		mcp.WithPromptDescription("Takes an app off the public internet and puts it behind Flycast, " +
			"step by step, with a person's approval."), app,
	}
	closing := []mcp.PromptOption{
		mcp.WithPromptTitle("Close an app now"),
		mcp.WithPromptDescription("Releases the public addresses first, with a person's approval. Nothing reaches " +
			"the app until it is deployed."), app,
	}
	if p.Paths {
		path := mcp.WithArgument("path", mcp.ArgumentDescription("its fly.toml, if there is one here"))
		private, closing = append(private, path), append(closing, path)
	}
	return []mcpserver.ServerPrompt{
		{Prompt: mcp.NewPrompt("make_private", private...), Handler: p.makePrivate},
		{Prompt: mcp.NewPrompt("close_now", closing...), Handler: p.closeNow},
		{Prompt: mcp.NewPrompt("new_private_app", mcp.WithPromptTitle("Create a private app"),
			mcp.WithPromptDescription("Creates an app that is never public, from an image."), app), Handler: p.newApp},
		{Prompt: mcp.NewPrompt("undo", mcp.WithPromptTitle("Undo a change"),
			mcp.WithPromptDescription("Explains what of an earlier change can be taken back; a person does it in a terminal."), app,
			mcp.WithArgument("run", mcp.ArgumentDescription("id of the run, as in its result"))), Handler: p.undo},
	}
}

func (p Prompts) makePrivate(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	return p.closing(ctx, request, "make_private.md", "Make %s private")
}

func (p Prompts) closeNow(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	return p.closing(ctx, request, "close_now.md", "Close %s now")
}

// closing renders a prompt that ends in make_private.
func (p Prompts) closing(ctx context.Context, request mcp.GetPromptRequest, text, title string) (*mcp.GetPromptResult, error) {
	path := request.Params.Arguments["path"]
	f, s, err := p.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	if path != "" && !p.Paths {
		return nil, errors.New("path: this server reads no files; send the file as content")
	}
	if len(path) > 200 || path != plan.Line(path) && path != "" {
		return nil, errors.New("path must be on one line of at most 100 visible characters")
	}
	named, order := fmt.Sprintf(`{"app": %q`, f.App), `, "order": "release_first"`
	if path != "" {
		named += fmt.Sprintf(`, "path": %q`, path)
	}
	f.Patch, f.Close = named+"}", named+order+"}"
	if path == "" {
		f.Patch += `, with "path" or "content" if the user has the fly.toml,`
	}
	f.NeedsPort = s.MachinesKnown && len(s.Machines) > 0 && !s.HasRouted() && len(s.UDPServices()) == 0 &&
		s.Exposed() != rules.Unclear
	return render(text, fmt.Sprintf(title, f.App), f)
}

// newApp needs no app: it does not exist yet.
func (p Prompts) newApp(_ context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	app := request.Params.Arguments["app"]
	if err := p.checkName(app); err != nil {
		return nil, err
	}
	return render("new_private_app.md", "Create "+app, facts{App: app})
}

// checkName refuses a name that no tool would take.
func (p Prompts) checkName(app string) error {
	switch {
	case app == "":
		return errors.New("argument app is missing")
	case !fly.ValidAppName(app):
		return fmt.Errorf("%s is not a valid Fly app name", plan.Quote(app))
	}
	return p.Apps.Check(app)
}

// runID matches the ids of runs.
var runID = regexp.MustCompile(`^run_[a-z0-9]{1,40}$`)

func (p Prompts) undo(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	f, _, err := p.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	f.Run = "RUN"
	if run := request.Params.Arguments["run"]; run != "" {
		if f.Run = run; !runID.MatchString(run) {
			return nil, errors.New("run must be the id of a run, such as run_2fdkq7")
		}
	}
	return render("undo.md", "Undo a change of "+f.App, f)
}

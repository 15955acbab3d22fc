// Package prompts serves guided workflows. Each has the facts read for it, with their
// time, the questions to ask the user first, the calls with their arguments, and when
// to stop. The texts are the embedded .md files.
package prompts

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

//go:embed *.md
var texts embed.FS

// Reader reads the facts that the prompts carry.
type Reader interface {
	rules.Reader
	Release(ctx context.Context, app string) (fly.Release, error)
}

// Prompts serves the prompts.
type Prompts struct {
	Fly Reader
	Now func() time.Time
	// Paths says that the server reads files here; otherwise no prompt offers a path.
	Paths bool
	Apps  fly.Apps // if not empty: the only apps that may be named
}

// All returns the prompts with their handlers; in a read-only server, only those that change
// nothing.
func (p Prompts) All(readOnly bool) []mcpserver.ServerPrompt {
	app := mcp.WithArgument("app", mcp.ArgumentDescription("name of the Fly app"), mcp.RequiredArgument())
	all := []mcpserver.ServerPrompt{{
		Prompt: mcp.NewPrompt("audit_exposure", mcp.WithPromptTitle("Audit exposure"),
			mcp.WithPromptDescription("Reports how exposed an app is and what prevents it from working privately. "+
				"Changes nothing."), app),
		Handler: p.audit,
	}}
	all = append(all, p.audits()...)
	if readOnly {
		return all
	}
	return append(all, p.journeys()...)
}

// facts are the values in the texts.
type facts struct {
	App, Org, Time, Facts string
	State                 string // one of those of stateOf
	Network               string // the app's own, if only the user knows where the callers are
	Patch, Close          string // arguments of calls
	Run                   string
	NeedsPort             bool
}

func (p Prompts) audit(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	f, s, err := p.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	changed, err := p.describeDrift(ctx, s, f.App)
	if err != nil {
		return nil, err
	}
	f.Facts += "\n" + fenced(changed)
	return render("audit_exposure.md", "How exposed "+f.App+" is", f)
}

// fetch reads the app that a prompt is for.
func (p Prompts) fetch(ctx context.Context, request mcp.GetPromptRequest) (facts, rules.Snapshot, error) {
	app := request.Params.Arguments["app"]
	if app == "" {
		return facts{}, rules.Snapshot{}, errors.New("argument app is missing")
	}
	s, err := rules.Read(ctx, p.Fly, app)
	if err != nil {
		return facts{}, rules.Snapshot{}, err
	}
	f := facts{App: app, Time: p.Now().UTC().Format(time.RFC3339), Facts: summary(s), State: stateOf(s)}
	if s.AsksCallers() {
		f.Network = plan.Quote(s.OwnNetwork())
	}
	return f, s, nil
}

// maxFacts limits the lines about addresses and about Machines; the rest is counted.
const maxFacts = 8

func summary(s rules.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "addresses: %s; exposed to the internet: %s\n", rules.Judge(s.Addresses.List), s.Exposed())
	for i, a := range s.Addresses.List {
		if i == maxFacts {
			fmt.Fprintf(&b, "  %s\n", outside.More(len(s.Addresses.List)-maxFacts))
			break
		}
		fmt.Fprintf(&b, "  %s  %s\n", a.IP, a.Kind)
	}
	if !s.MachinesKnown {
		b.WriteString("Machines: could not be read\n")
	} else {
		fmt.Fprintf(&b, "Machines: %d\n", len(s.Machines))
	}
	for i, m := range s.Machines {
		if i == maxFacts {
			break
		}
		group := plan.Quote(m.Config.ProcessGroup())
		fmt.Fprintf(&b, "  %s  %s  group %s  %s\n", m.ID, plan.Clean(m.State), group, plan.Clean(m.Region))
	}
	for _, blocker := range s.Blockers() {
		fmt.Fprintf(&b, "blocker %s: %s\n", blocker.ID, plan.Message(blocker.What))
	}
	return fenced(strings.TrimSuffix(b.String(), "\n"))
}

// fenced returns text that cannot end the code fence around it.
func fenced(text string) string { return strings.ReplaceAll(text, "`", "'") }

func render(name, description string, f facts) (*mcp.GetPromptResult, error) {
	t, err := template.ParseFS(texts, name, "make_private.md") // the latter has what texts share
	if err == nil {
		t = t.Lookup(name)
	}
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, f); err != nil {
		return nil, fmt.Errorf("prompt %s: %w", name, err)
	}
	return mcp.NewGetPromptResult(description, []mcp.PromptMessage{
		mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(outside.Block(b.String()))),
	}), nil
}

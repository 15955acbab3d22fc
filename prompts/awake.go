package prompts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// audits returns the prompts that only read: why an app is awake, and what an organization
// exposes.
func (p Prompts) audits() []mcpserver.ServerPrompt {
	return []mcpserver.ServerPrompt{
		{
			Prompt: mcp.NewPrompt("audit_organization", mcp.WithPromptTitle("Audit an organization"),
				mcp.WithPromptDescription("Finds what the apps of an organization expose to the internet, and what keeps them from "+
					"being private. Changes nothing."),
				mcp.WithArgument("org", mcp.ArgumentDescription("slug of the organization"), mcp.RequiredArgument())),
			Handler: p.auditOrganization,
		},
		{
			Prompt: mcp.NewPrompt("why_awake", mcp.WithPromptTitle("Why an app never sleeps"),
				mcp.WithPromptDescription("Explains what keeps an app's Machines awake, and what would let them sleep. Changes nothing."),
				mcp.WithArgument("app", mcp.ArgumentDescription("name of the Fly app"), mcp.RequiredArgument())),
			Handler: p.whyAwake,
		},
	}
}

func (p Prompts) auditOrganization(_ context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	org := request.Params.Arguments["org"]
	if org == "" {
		return nil, errors.New("argument org is missing")
	}
	if !fly.ValidAppName(org) {
		return nil, plan.Invalid("%s is not the slug of an organization", plan.Quote(org))
	}
	f := facts{Org: org, Time: p.Now().UTC().Format(time.RFC3339)}
	return render("audit_organization.md", "What "+org+" exposes", f)
}

func (p Prompts) whyAwake(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	f, s, err := p.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	f.Facts = "Machines: could not be read"
	if s.MachinesKnown {
		f.Facts = fenced(awakeFacts(f.App, audit.Explain(f.App, s, "", p.Now())))
	}
	return render("why_awake.md", "Why "+f.App+" is awake", f)
}

// awakeFacts are the facts about Machines that are awake.
func awakeFacts(app string, e audit.Explanation) string {
	var lines []string
	for _, a := range e.Awake {
		certain := "perhaps"
		if a.Certain {
			certain = "certain"
		}
		lines = append(lines, fmt.Sprintf("awake, %s, %s: %s in %s: %s", a.Cause, certain, plan.Machines(a.Number), a.Region, a.Why))
	}
	for _, o := range e.Obstacles {
		lines = append(lines, "not woken by a request: "+o.Why)
	}
	return e.Summary(app) + "\n" + strings.Join(outside.First(lines, maxFacts), "\n")
}

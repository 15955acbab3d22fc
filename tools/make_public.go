package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
)

type makePublicInput struct {
	App         string `json:"app" jsonschema:"name of the Fly app"`
	Path        string `json:"path,omitempty" jsonschema:"its fly.toml; default: the deployed configuration"`
	Content     string `json:"content,omitempty" jsonschema:"text of its fly.toml, instead of path"`
	DedicatedV4 bool   `json:"dedicated_v4,omitempty" jsonschema:"an IPv4 address of its own, $2 a month"`
	Approval    string `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun      bool   `json:"dry_run,omitempty"`
}

func (a *toolset) makePublic() call.Tool {
	maker := a.maker()
	publisher := &address.Publisher{Fly: a.fly, Clock: a.Clock, Record: a.Record}
	return call.NewChanging(a.Handler, call.Changing[makePublicInput, private.PublicWork, private.PublicResult]{
		Spec: call.Spec{
			Name: private.PublicTool, Title: "Make public", Effect: call.Exposes, Follow: deployStatusName,
			Description: "Puts an app on the internet, only if the user asked for exactly that: allocates a shared IPv4 and an " +
				"IPv6 address, turns force_https on again and deploys. Asks a person each time. Released addresses do " +
				"not come back. Flycast stays. On running, repeat the call.",
		},
		Plan: func(ctx context.Context, in makePublicInput) (private.PublicProposal, error) {
			return maker.PlanPublic(ctx, private.PublicInput{App: in.App, Path: in.Path, Content: in.Content,
				DedicatedV4: in.DedicatedV4})
		},
		Apply: func(ctx context.Context, w private.PublicWork, grant *gate.Grant, report plan.Report) (private.PublicResult, error) {
			return maker.ApplyPublic(ctx, w, publisher, call.CallerFrom(ctx).ID, grant, report)
		},
		Text: makePublicText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

func makePublicText(out private.PublicResult) string {
	var b strings.Builder
	if len(out.Allocated) > 0 {
		fmt.Fprintf(&b, "allocated: %s\n", strings.Join(out.Allocated, ", "))
	}
	if out.Verdict != "" {
		fmt.Fprintf(&b, "verdict, by its addresses: %s\n", out.Verdict)
	}
	if out.Diff != "" {
		b.WriteString("diff:\n" + out.Diff)
	}
	if out.Content != "" {
		b.WriteString("content:\n" + out.Content + "\n")
	}
	return b.String()
}

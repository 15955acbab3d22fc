package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
)

type makePrivateInput struct {
	App      string `json:"app" jsonschema:"name of the Fly app"`
	Path     string `json:"path,omitempty" jsonschema:"its fly.toml; default: the deployed configuration"`
	Content  string `json:"content,omitempty" jsonschema:"text of its fly.toml, instead of path"`
	Network  string `json:"network,omitempty" jsonschema:"of the callers; default: the app's own"`
	Order    string `json:"order,omitempty" jsonschema:"release_first closes the app now and deploys afterwards"`
	Sleep    string `json:"sleep,omitempty" jsonschema:"idle Machines; default keep: what the file sets, else stop. Ask the user"`
	Approval string `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

func (a *toolset) makePrivate() call.Tool {
	maker := a.maker()
	return call.NewChanging(a.Handler, call.Changing[makePrivateInput, private.Work, private.Result]{
		Spec: call.Spec{
			Name: private.MakeTool, Title: "Make private", Effect: call.Irreversible, Follow: deployStatusName,
			Description: "The whole job as one plan with one question: allocates a Flycast address, fixes the services of " +
				"fly.toml, deploys, then releases the public addresses for good. Stops at the first failure; the same " +
				"call does what is left. dry_run shows the plan. On running, repeat the call.",
		},
		Plan: func(ctx context.Context, in makePrivateInput) (private.Proposal, error) {
			return maker.Plan(ctx, private.Input{App: in.App, Path: in.Path, Content: in.Content, Network: in.Network,
				Order: in.Order, Sleep: in.Sleep})
		},
		Apply: func(ctx context.Context, w private.Work, grant *gate.Grant, report plan.Report) (private.Result, error) {
			return maker.Apply(ctx, w, call.CallerFrom(ctx).ID, grant, report)
		},
		Text: makePrivateText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		p["order"].Enum = []any{private.SafeOrder, private.ReleaseFirst}
		p["sleep"].Enum = []any{private.SleepKeep, private.SleepStop, private.SleepSuspend, private.SleepNever}
	})
}

func (a *toolset) maker() *private.Maker {
	return &private.Maker{
		Client: a.fly, Allocator: a.allocator, Editor: a.editor(), Deployer: a.deployer(), Releaser: a.releaser(),
		Verifier: a.verifier(), Runs: a.Runs, Callers: &private.Callers{Clock: a.Clock},
	}
}

func makePrivateText(out private.Result) string {
	var b strings.Builder
	list := func(name string, lines []string) {
		for _, line := range lines {
			fmt.Fprintf(&b, "%s: %s\n", name, line)
		}
	}
	if out.Address != "" {
		fmt.Fprintf(&b, "Flycast address: %s\n", out.Address)
	}
	for i, s := range out.Order {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	if out.Expected != "" {
		fmt.Fprintf(&b, "expected: %s\n", out.Expected)
	}
	list("change", out.Changes)
	list("remark", out.Remarks)
	list("caller", out.Callers)
	if len(out.Released) > 0 {
		fmt.Fprintf(&b, "released: %s\n", strings.Join(out.Released, ", "))
	}
	if len(out.Remaining) > 0 {
		fmt.Fprintf(&b, "still public: %s\n", strings.Join(out.Remaining, ", "))
	}
	if out.Verdict != "" {
		fmt.Fprintf(&b, "verdict, by its addresses: %s\n", out.Verdict)
	}
	b.WriteString(claimsText(out.Claims, out.Vantage))
	if out.Diff != "" {
		b.WriteString("diff:\n" + out.Diff)
	}
	if out.Content != "" {
		b.WriteString("content:\n" + out.Content + "\n")
	}
	return b.String()
}

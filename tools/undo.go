package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
)

type undoInput struct {
	App              string `json:"app"`
	Run              string `json:"run"`
	AllowUnreachable bool   `json:"allow_unreachable,omitempty"`
	Approval         string `json:"approval,omitempty"`
	DryRun           bool   `json:"dry_run,omitempty"`
}

// Undo returns the tool behind flycast-mcp undo. Agents do not get it: it goes through the same
// stages, and a person approves it in the terminal that ran the command.
func Undo(d Deps) call.Tool {
	return newToolset(d).undo(d.Saved)
}

func (a *toolset) undo(saved undo.Store) call.Tool {
	deps := a.Deps
	deps.Schemas = nil // no client lists the tool
	undoer := &undo.Undoer{Client: a.fly, Deployer: a.deployer(), Roots: a.roots, Journal: a.Journal, Store: saved,
		Record: a.Record}
	return call.NewChanging(call.NewHandler(deps), call.Changing[undoInput, undo.Work, undo.Result]{
		Spec: call.Spec{Name: undo.Tool, Title: "Undo", Effect: call.Irreversible},
		Plan: func(ctx context.Context, in undoInput) (undo.Proposal, error) {
			return undoer.Plan(ctx, undo.Input{App: in.App, Run: in.Run, AllowUnreachable: in.AllowUnreachable})
		},
		Apply: func(ctx context.Context, w undo.Work, grant *gate.Grant, report plan.Report) (undo.Result, error) {
			return undoer.Apply(ctx, w, grant, report)
		},
		Text: func(out undo.Result) string {
			var b strings.Builder
			for _, change := range out.Changes {
				fmt.Fprintf(&b, "change: %s\n", change)
			}
			return b.String()
		},
	}, nil)
}

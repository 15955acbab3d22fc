package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

type releaseInput struct {
	App              string   `json:"app" jsonschema:"name of the Fly app"`
	IPs              []string `json:"ips,omitempty" jsonschema:"default: all public addresses"`
	AllowUnreachable bool     `json:"allow_unreachable,omitempty" jsonschema:"only if the user asked for exactly that"`
	Approval         string   `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun           bool     `json:"dry_run,omitempty"`
}

func (a *toolset) releasePublicIPs() call.Tool {
	releaser := a.releaser()
	return call.NewChanging(a.Handler, call.Changing[releaseInput, address.ReleaseWork, address.ReleaseResult]{
		Spec: call.Spec{
			Name: address.ReleaseTool, Title: "Release public IPs", Effect: call.Irreversible,
			Description: "Releases the app's public addresses for good: dedicated ones never come back. " +
				"Asks a person each time. " +
				"Last step: refuses while the live Machines are not ready for Flycast. Never touches egress, " +
				"Flycast or unknown addresses, " +
				"certificates or DNS. A repeated call releases the rest. On running, repeat the call.",
		},
		Plan: func(ctx context.Context, in releaseInput) (address.ReleaseProposal, error) {
			return releaser.Plan(ctx, address.ReleaseInput{App: in.App, IPs: in.IPs,
				AllowUnreachable: in.AllowUnreachable})
		},
		Apply: releaser.Apply,
		Text:  releaseText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		most := plan.MaxItems
		p["ips"].MaxItems = &most
	})
}

func (a *toolset) releaser() *address.Releaser {
	return &address.Releaser{Fly: a.fly, Journal: a.Journal, Record: a.Record, Clock: a.Clock, Explain: a.Explain}
}

func releaseText(out address.ReleaseResult) string {
	var b strings.Builder
	if len(out.Released) > 0 {
		fmt.Fprintf(&b, "released: %s\n", strings.Join(out.Released, ", "))
	}
	if len(out.Remaining) > 0 {
		fmt.Fprintf(&b, "still public: %s\n", strings.Join(out.Remaining, ", "))
	}
	if out.Verdict != "" {
		fmt.Fprintf(&b, "verdict, by its addresses: %s\n", out.Verdict)
	}
	return b.String()
}

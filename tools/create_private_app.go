package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
)

type createInput struct {
	App          string `json:"app" jsonschema:"name of the new app"`
	Image        string `json:"image" jsonschema:"with a tag or digest"`
	InternalPort int    `json:"internal_port" jsonschema:"port the program listens on"`
	Org          string `json:"org,omitempty" jsonschema:"default personal"`
	Network      string `json:"network,omitempty" jsonschema:"default: the organization's default one"`
	Region       string `json:"region,omitempty" jsonschema:"default iad"`
	Protocol     string `json:"protocol,omitempty" jsonschema:"default http"`
	Path         string `json:"path,omitempty" jsonschema:"new fly.toml to write; default: the result has its text"`
	Approval     string `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun       bool   `json:"dry_run,omitempty"`
}

func (a *toolset) createPrivateApp() call.Tool {
	creator := &private.Creator{Maker: a.maker(), Fly: a.fly, Roots: a.roots, Record: a.Record}
	return call.NewChanging(a.Handler, call.Changing[createInput, private.CreateWork, private.CreateResult]{
		Spec: call.Spec{
			Name: private.CreateTool, Title: "Create a private app", Effect: call.Creates, Follow: deployStatusName,
			Description: "Creates an app from an image that is private from the start: the app, its Flycast address, a fly.toml " +
				"and one Machine, then checks it from inside. Never allocates a public address. Asks a person. " +
				"Never guesses internal_port. The same call does what is left after a failure.",
		},
		Plan: func(ctx context.Context, in createInput) (private.CreateProposal, error) {
			return creator.PlanCreate(ctx, private.CreateInput{App: in.App, Image: in.Image, InternalPort: in.InternalPort,
				Org: in.Org, Network: in.Network, Region: in.Region, Protocol: in.Protocol, Path: in.Path})
		},
		Apply: creator.ApplyCreate,
		Text:  createText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		bound(p["internal_port"], 1, 65535)
		p["protocol"].Enum = []any{plan.CreateHTTP, plan.CreateTCP}
	})
}

func createText(out private.CreateResult) string {
	var b strings.Builder
	if out.Address != "" {
		fmt.Fprintf(&b, "Flycast address: %s\n", out.Address)
	}
	b.WriteString(claimsText(out.Claims, out.Vantage))
	if out.Content != "" {
		b.WriteString("fly.toml:\n" + out.Content)
	}
	return b.String()
}

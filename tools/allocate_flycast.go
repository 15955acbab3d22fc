package tools

import (
	"context"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

type allocateInput struct {
	App      string `json:"app" jsonschema:"name of the Fly app"`
	Network  string `json:"network,omitempty" jsonschema:"a network other than the app's own; asks a person"`
	Org      string `json:"org,omitempty" jsonschema:"slug of another organization; asks a person"`
	Approval string `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

func (a *toolset) allocateFlycast() call.Tool {
	return call.NewChanging(a.Handler, call.Changing[allocateInput, address.AllocateWork, address.AllocateResult]{
		Spec: call.Spec{
			Name: address.AllocateTool, Title: "Allocate a Flycast address", Effect: call.Additive,
			Description: "Allocates a private Flycast address on the app's own network, or returns the " +
				"existing one. Free, can be undone. " +
				"Asks a person only for another network or org. First step, before any deploy or release. Releases nothing. " +
				"On running, repeat the identical call.",
		},
		Plan: func(ctx context.Context, in allocateInput) (address.AllocateProposal, error) {
			return a.allocator.Plan(ctx, address.AllocateInput{App: in.App, Network: in.Network, Org: in.Org})
		},
		Apply: a.allocator.Apply,
		Text:  allocateText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

func allocateText(out address.AllocateResult) string {
	if out.Address == "" {
		return ""
	}
	return fmt.Sprintf("address: %s (network from: %s)", out.Address, out.NetworkSource)
}

// Package tools holds the MCP tools: one file per tool, each a declaration with
// its name, texts, schemas, effect, plan and apply. The read-only filter, the
// gate's policy, the README's table and the golden schemas derive from it.
package tools

import (
	"embed"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/peer"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

//go:embed schemas/*.json
var schemas embed.FS

// Deps are what tools are made of.
type Deps struct {
	call.Deps
	Fly   Client
	Look  Looker       // for tools that only look: its answers may be a second old; nil: Fly
	Roots *roots.Roots // nil: no paths
	Saved undo.Store   // what runs found before their changes, for [Undo]

	Verify   verify.Mode     // when a temporary WireGuard peer may be added; empty: after asking
	Internet verify.Internet // where public names are asked from; nil: nowhere
}

// toolset is what all tools of a server share.
type toolset struct {
	*call.Handler
	fly    Client
	look   Looker
	roots  *roots.Roots
	drafts *source.Drafts
	audits *audits

	allocator  *address.Allocator // one: it remembers allocations whose outcome is unknown
	peers      *peer.Joiner       // one: it adds one peer at a time
	verifyMode verify.Mode
	internet   verify.Internet
}

func newToolset(d Deps) *toolset {
	d.Schemas = schemas
	handler := call.NewHandler(d.Deps)
	return &toolset{Handler: handler, fly: d.Fly, look: d.Look, roots: d.Roots, drafts: source.NewDrafts(d.Clock),
		audits: newAudits(d.Clock), allocator: address.NewAllocator(d.Fly, d.Clock, handler.Record),
		peers: newJoiner(handler, d.Fly), verifyMode: d.Verify, internet: d.Internet}
}

// All returns the tools, in the order in which a person would use them.
func All(d Deps) []call.Tool { return newToolset(d).all() }

func (a *toolset) all() []call.Tool {
	return []call.Tool{
		a.listIPs(),
		a.audit(),
		a.whyAwake(),
		a.makePrivate(),
		a.allocateFlycast(),
		a.patchServices(),
		a.deploy(),
		a.deployStatus(),
		a.deployStop(),
		a.releasePublicIPs(),
		a.verifyPrivate(),
		a.createPrivateApp(),
		a.makePublic(),
	}
}

// Wordings says what a person is told about the plans of each tool, in a form and by
// flycast-mcp approve.
func Wordings() plan.Wordings {
	return plan.Wordings{
		address.AllocateTool: address.AllocateWording{},
		address.ReleaseTool:  address.ReleaseWording{},
		deploy.Tool:          deploy.Wording{},
		private.MakeTool:     private.Wording{},
		undo.Tool:            undo.Wording{},
		verify.Tool:          verify.Wording{},
		private.PublicTool:   private.PublicWording{},
		private.CreateTool:   private.CreateWording{},
	}
}

// ReadOnly keeps the tools that change nothing, and need none that does.
func ReadOnly(all []call.Tool) []call.Tool {
	return slices.DeleteFunc(slices.Clone(all),
		func(t call.Tool) bool { return !t.Spec().Effect.ReadOnly() || t.Spec().Needs != "" })
}

// Changers returns the names that a policy may use: of the tools whose plans the gate
// decides on.
func Changers(all []call.Tool) []string {
	var out []string
	for _, t := range all {
		if e := t.Spec().Effect; !e.ReadOnly() && e != call.Halts {
			out = append(out, t.Spec().Name)
		}
	}
	return out
}

package tools

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// ToolDeps are what tools are made of.
type ToolDeps struct {
	Deps
	Fly   fly.Client
	Look  fly.Client   // for tools that only look: its answers may be a second old; nil: Fly
	Roots *roots.Roots // nil: no paths
}

// toolset is what all tools of a server share.
type toolset struct {
	*adapter
	fly    fly.Client
	look   fly.Client
	roots  *roots.Roots
	drafts *drafts
}

func newToolset(d ToolDeps) *toolset {
	return &toolset{adapter: newAdapter(d.Deps), fly: d.Fly, look: d.Look, roots: d.Roots, drafts: newDrafts(d.Clock)}
}

// All are the tools, in the order in which a person would use them.
func All(d ToolDeps) []Tool { return newToolset(d).all() }

func (a *toolset) all() []Tool {
	return []Tool{
		a.listIPs(),
		a.allocateFlycast(),
		a.patchServices(),
		a.deploy(),
		a.deployStatus(),
		a.deployStop(),
		a.releasePublicIPs(),
	}
}

// ReadOnly keeps the tools that change nothing, and need none that does.
func ReadOnly(all []Tool) []Tool {
	return slices.DeleteFunc(slices.Clone(all), func(t Tool) bool { return !t.Spec().Effect.ReadOnly() || t.Spec().Needs != "" })
}

// Changers are the names that a policy may use: of the tools whose plans the gate
// decides on.
func Changers(all []Tool) []string {
	var out []string
	for _, t := range all {
		if e := t.Spec().Effect; !e.ReadOnly() && e != Halts {
			out = append(out, t.Spec().Name)
		}
	}
	return out
}

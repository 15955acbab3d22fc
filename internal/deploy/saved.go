package deploy

import (
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Saved returns the addresses and the configuration of the Machines before the deploy, for undo.
// Secrets are masked. An app without Machines has no configuration.
func (w Work) Saved() plan.Snapshot {
	out := w.judged.Before.Saved()
	config, err := deployed.FromMachines(w.Rollout.App, w.judged.Before.Machines)
	if err != nil {
		return out
	}
	if text, err := config(render.Masked); err == nil {
		out.Config = text
	}
	return out
}

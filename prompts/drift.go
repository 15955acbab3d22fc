package prompts

import (
	"context"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// maxDrift bounds the lines about what was changed on the Machines.
const maxDrift = 5

// drifted tells how the live Machines differ from what the last release made of
// them, as the next deploy of its file would undo that. Not to know is an
// answer too.
func (p Prompts) drifted(ctx context.Context, s rules.Snapshot, app string) (string, error) {
	const unknown = "changed since the last release: not known, as "
	if !s.MachinesKnown {
		return unknown + "the Machines could not be read", nil
	}
	release, err := p.Fly.Release(ctx, app)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf(unknown+"no stored configuration could be read (%s)", fly.CodeOf(err)), nil
	}
	released, err := flytoml.FromDefinition("last release", release.Definition)
	if err != nil {
		return unknown + "what it stores is no configuration", nil
	}
	in := drift.Input{File: released, Release: released, Version: release.Version}
	partial := 0
	for _, m := range s.Machines {
		if !m.Whole() {
			partial++
			continue
		}
		in.Machines = append(in.Machines, drift.Machine{ID: m.ID, Config: m.Config})
	}
	report, err := drift.Compare(in)
	if err != nil {
		return plan.Message(unknown + err.Error()), nil
	}
	lines := report.Lines(maxDrift)
	if len(report.Unmanaged) > 0 {
		lines = append(lines, fmt.Sprintf("%d not made by fly deploy", len(report.Unmanaged)))
	}
	if partial > 0 {
		lines = append(lines, fmt.Sprintf("%d could not be read whole", partial))
	}
	if len(lines) == 0 {
		return "changed since the last release: nothing", nil
	}
	return "changed since the last release (file: as released):\n  " + strings.Join(lines, "\n  "), nil
}

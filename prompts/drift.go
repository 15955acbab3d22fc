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

// maxDrift limits the lines about changes on the Machines.
const maxDrift = 5

// describeDrift returns how the live Machines differ from the last release: the next
// deploy of its file would undo that. If it is unknown, the text says why.
func (p Prompts) describeDrift(ctx context.Context, s rules.Snapshot, app string) (string, error) {
	const unknown = "changed since the last release: unknown, because "
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
		return unknown + "its stored configuration could not be understood", nil
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
		lines = append(lines, fmt.Sprintf("%d Machines not made by fly deploy", len(report.Unmanaged)))
	}
	if partial > 0 {
		lines = append(lines, fmt.Sprintf("%d Machines could not be read completely", partial))
	}
	if len(lines) == 0 {
		return "changed since the last release: nothing", nil
	}
	return "changed since the last release (file: as released):\n  " + strings.Join(lines, "\n  "), nil
}

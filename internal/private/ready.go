package private

import (
	"context"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// readyToRelease plans the release again, from what Fly says after the deploy. It fails if the app
// is not ready, or if the release would do more than was approved.
func (m *Maker) readyToRelease(ctx context.Context, w Work) (address.ReleaseWork, error) {
	now, err := m.Releaser.Plan(ctx, w.release)
	if err != nil {
		return address.ReleaseWork{}, err
	}
	if len(now.Plan.Blockers) > 0 {
		return address.ReleaseWork{}, &plan.Problem{
			Code: gate.Precondition, Message: "the app is not ready: " + now.Plan.Blockers[0].What,
			Blockers: now.Plan.Blockers, Next: now.Next,
		}
	}
	approved := w.parts.plan()
	for _, h := range now.Plan.Hazards {
		if !approved.Has(h) {
			return address.ReleaseWork{}, &plan.Problem{
				Code:    gate.Stale,
				Message: "the release would now do more than was approved: " + h.Sentence(),
			}
		}
	}
	return now.Work, nil
}

// neverSleeps reports whether the file keeps idle Machines running on purpose, and the call did
// not ask for that.
func (w Work) neverSleeps() bool {
	return w.in.Sleep != SleepNever && slices.ContainsFunc(w.edit.Out.Remarks, func(r patch.Remark) bool {
		return r.Code == edit.RemarkAutostopKept || r.Code == edit.RemarkMinimumKept
	})
}

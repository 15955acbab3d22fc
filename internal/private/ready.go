package private

import (
	"context"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// readyToRelease plans the release again, from what the check read after the deploy, or else from
// what Fly says now. It fails if the app is not ready, or if the release would do more than was
// approved. The release itself reads the addresses again before each, and the Machines before the
// last.
func (m *Maker) readyToRelease(ctx context.Context, w Work, proved *rules.Snapshot) (address.ReleaseWork, error) {
	release := func() (address.ReleaseProposal, error) { return m.Releaser.Plan(ctx, w.release) }
	if proved != nil {
		release = func() (address.ReleaseProposal, error) { return m.Releaser.PlanFrom(ctx, *proved, w.release) }
	}
	now, err := release()
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

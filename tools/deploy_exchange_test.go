package tools

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// TestDeployLeftOver: the strategies get the Machines that an earlier deploy with
// them left behind, and no other that has its configuration already.
func TestDeployLeftOver(t *testing.T) {
	tests := []struct {
		strategy string
		labels   map[string]string
		want     int // Machines of the work
	}{
		{"canary", map[string]string{machine.MetadataCanary: "true"}, 1},
		{"rolling", map[string]string{machine.MetadataCanary: "true"}, 0},
		{"bluegreen", map[string]string{machine.MetadataBlueGreenTag: machine.SafeToDestroy}, 2},
		{"bluegreen", map[string]string{rollout.ReplacesKey: "6e82de91c43987"}, 2},
		{"bluegreen", map[string]string{rollout.ReplacesKey: "0000000000000a", machine.MetadataBlueGreenTag: "1"}, 0},
		{"rolling", map[string]string{machine.MetadataBlueGreenTag: machine.SafeToDestroy}, 0},
	}
	for _, test := range tests {
		deploys(t, "inner-circle", sandbox.Options{}, func(b *deployBench) {
			config := b.MachineConfig(b.app, "d891275f6e3d38")
			for key, value := range test.labels {
				config = oracleMerge(b.t, config, "metadata", key, value)
			}
			b.SetMachineConfig(b.app, "d891275f6e3d38", config)
			planned, err := b.adapter.planDeploy(b.t.Context(), deployInput{App: b.app, Content: b.file("", ""), Strategy: test.strategy})
			if err != nil || len(planned.Work.changes) != test.want || planned.Plan.Has(plan.MachinesReplaced) != (test.want > 0) {
				b.t.Errorf("%s %v: %d Machines, want %d, %v", test.strategy, test.labels, len(planned.Work.changes), test.want, err)
			}
		})
	}
}

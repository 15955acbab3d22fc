package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func (b *deployedApp) write(entries ...journal.Entry) {
	b.t.Helper()
	for _, e := range entries {
		e.Tool, e.App = Tool, b.app
		if err := b.deployer.Journal.Append(e); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestDeployUnfinished: what a deploy that was cut short had done is found, and
// what it had not proved is proved.
func TestDeployUnfinished(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		ids := b.MachineIDs(b.app)
		content := b.file("", "") // both have it
		b.write(
			journal.Entry{Event: journal.Started},
			journal.Entry{Event: journal.Step, Verb: string(gate.UpdateMachine), Target: ids[0], Status: "begun"},
			journal.Entry{Event: journal.Step, Verb: string(gate.UpdateMachine), Target: ids[0], Status: "healthy"},
			journal.Entry{Event: journal.Step, Verb: string(gate.UpdateMachine), Target: ids[1], Status: "begun"},
		)
		planned := b.plan(content)
		if !flytest.Mentions(planned.Out.Remarks, "has no end in the journal") ||
			!flytest.Mentions(planned.Out.Remarks, "already have the configuration of this plan: "+strings.Join(ids, ", ")) {
			t.Errorf("remarks %q", planned.Out.Remarks)
		}
		if got := stepLines(planned.Plan); !slices.Equal(got, []string{"lease_machine app"}) ||
			len(planned.Plan.Hazards) > 0 || planned.Plan.Impact != plan.ImpactNone {
			t.Errorf("steps %q, hazards %q, impact %s", got, planned.Plan.Hazards, planned.Plan.Impact)
		}
		question := planned.Plan.Question().Text()
		if !strings.HasPrefix(question, "Test 1 Machine of inner-circle?") ||
			!strings.Contains(question, "Machine "+ids[1]+" of group \"app\" already has its configuration") {
			t.Errorf("question %s", question)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || out.Machines.Updated != 0 || out.Machines.Healthy != 1 {
			t.Errorf("got %s %q %+v, %v", out.Status, out.Summary, out.Machines, err)
		}
		for _, call := range b.Writes() {
			if call.Operation == "machine.update" {
				t.Errorf("a Machine was updated: %s", call.Path)
			}
		}
		b.write(journal.Entry{Event: journal.Finished})
		if again := b.plan(content); !again.Plan.Empty() || len(again.Out.Remarks) > 0 {
			t.Errorf("afterwards: %q", again.Out.Remarks)
		}
	})
}

// TestDeployUnfinishedOther: a Machine that the earlier deploy had begun with and
// that has not this configuration is updated, and named.
func TestDeployUnfinishedOther(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		id := b.MachineIDs(b.app)[0]
		b.write(journal.Entry{Event: journal.Started}, journal.Entry{Event: journal.Step, Target: id, Status: "begun"})
		planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
		if !flytest.Mentions(planned.Out.Remarks, "these do not: "+id) || len(planned.Work.Rollout.Updates) != 2 {
			b.t.Errorf("remarks %q", planned.Out.Remarks)
		}
	})
}

// TestDeployCounts: the Machines that had the configuration already are of those
// that have it, and one whose turn did not come is counted.
func TestDeployCounts(t *testing.T) {
	for name, test := range map[string]struct {
		faults  []flysim.Fault
		want    Counts
		summary string
	}{
		"applied": {nil, Counts{Total: 2, Updated: 1, Unchanged: 1, Healthy: 1},
			"2 of 2 Machines of inner-circle have the new configuration: 1 tested now, 1 already had it."},
		"refused": {[]flysim.Fault{{Operation: "machine.update", Status: 422}}, Counts{Total: 2, Unchanged: 1,
			NotStarted: 1}, "0 of 1 updated, 1 as before."},
	} {
		t.Run(name, func(t *testing.T) {
			withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
				content := b.file("min_machines_running = 0", "min_machines_running = 1")
				planned := b.plan(content)
				if got, want := *planned.Out.Machines, (Counts{Total: 2, NotStarted: 2}); got != want {
					t.Errorf("planned %+v, want %+v", got, want)
				}
				first := planned.Work.Rollout.Updates[0]
				b.SetMachineConfig(b.app, first.Before.ID, first.After)
				time.Sleep(10 * time.Minute)
				for _, fault := range test.faults {
					b.Inject(fault)
				}
				out := b.deploy(content)
				if got := *out.Machines; got != test.want || !strings.Contains(out.Summary, test.summary) {
					t.Errorf("got %+v, %q; want %+v", got, out.Summary, test.want)
				}
			})
		})
	}
}

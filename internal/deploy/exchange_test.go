package deploy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployDestroysLeftOver: a canary that an earlier deploy left behind is
// shown as what goes for good, and is told of when it has gone.
func TestDeployDestroysLeftOver(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		const left = "d891275f6e3d38"
		b.SetMachineConfig(b.app, left, oracleMerge(t, b.MachineConfig(b.app, left), "metadata",
			machine.MetadataCanary, "true"))
		planned := b.planOf(input{Content: b.file("", ""), Strategy: "canary"})
		question := planned.Plan.Question()
		if want := `group "app": d891275f6e3d38 ("ord"): DESTROYED FOR GOOD, left over from an earlier ` +
			`deploy`; !question.TypeName ||
			question.Title != "Destroy 1 Machine of inner-circle?" || !slices.Equal(question.What, []string{want}) {
			t.Errorf("got\n%s", question.Text())
		}
		if want := "1. group app: d891275f6e3d38, left over from an earlier deploy, destroyed"; !slices.Equal(
			planned.Out.Order, []string{want}) {
			t.Errorf("order %q", planned.Out.Order)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || *out.Machines != (Counts{Total: 1, Unchanged: 1}) ||
			len(out.Steps) != 1 ||
			!strings.HasPrefix(out.Summary, "No Machine of inner-circle needed an update. 1 destroyed as planned.") {
			t.Fatalf("got %s %q %+v %+v, %v", out.Status, out.Summary, out.Machines, out.Steps, err)
		}
		if got := out.Steps[0]; got.Do != gate.DestroyMachine || got.Target != left || got.State != plan.Done ||
			got.Undo != plan.UndoNo || !strings.Contains(got.Note, "left over") {
			t.Errorf("told: %+v", got)
		}
		if got := b.MachineIDs(b.app); slices.Contains(got, left) || len(got) != 1 {
			t.Errorf("there are %v", got)
		}
	})
}

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
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			config := b.MachineConfig(b.app, "d891275f6e3d38")
			for key, value := range test.labels {
				config = oracleMerge(b.t, config, "metadata", key, value)
			}
			b.SetMachineConfig(b.app, "d891275f6e3d38", config)
			planned, err := b.planDeploy(input{App: b.app, Content: b.file("", ""), Strategy: test.strategy})
			if err != nil || len(planned.Work.Rollout.Updates) != test.want ||
				planned.Plan.Has(plan.MachinesReplaced) != (test.want > 0) {
				b.t.Errorf("%s %v: %d Machines, want %d, %v", test.strategy, test.labels,
					len(planned.Work.Rollout.Updates), test.want, err)
			}
			named := test.strategy == "rolling" && test.labels[machine.MetadataBlueGreenTag] == machine.SafeToDestroy
			if flytest.Mentions(planned.Out.Remarks, "strategy bluegreen finishes it") != named {
				b.t.Errorf("%s %v: remarks %q", test.strategy, test.labels, planned.Out.Remarks)
			}
		})
	}
}

// TestDeployLeftOverShown: one that an earlier bluegreen deploy left behind has
// the old configuration; what a person reads is its end, not an update. Of one
// that is replaced, it is the new one.
func TestDeployLeftOverShown(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		const leftover, stays = "d891275f6e3d38", "6e82de91c43987"
		b.SetMachineConfig(b.app, leftover, oracleMerge(t, b.MachineConfig(b.app, leftover), "metadata",
			machine.MetadataBlueGreenTag, machine.SafeToDestroy))
		planned := b.planOf(input{Content: b.file("min_machines_running = 0", "min_machines_running = 1"),
			Strategy: "bluegreen"})
		if got := stepLines(planned.Plan); !slices.Equal(got, []string{"create_machine app",
			"destroy_machine app", "destroy_machine app"}) || !planned.Plan.Irreversible() {
			t.Errorf("steps %q, irreversible %v", got, planned.Plan.Irreversible())
		}
		question := planned.Plan.Question().Text()
		for _, want := range []string{
			"Replace 1 Machine of inner-circle, and destroy 1 left over?",
			`group "app": a NEW Machine in place of ` + stays + ` ("ord")` + "\n              services[0].min_machines_running",
			`group "app": ` + leftover + ` ("ord"): DESTROYED FOR GOOD, left over from an earlier deploy`,
		} {
			if !strings.Contains(question, want) {
				t.Errorf("no %q in\n%s", want, question)
			}
		}
	})
}

// TestDeployCanaryOfMixed: the canary is the same one whatever Machines run; its
// making is a step of the plan, whichever state the group's first Machine is in.
func TestDeployCanaryOfMixed(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		first := b.MachineIDs(b.app)[0]
		for _, id := range b.MachineIDs(b.app)[1:] {
			b.DestroyMachine(b.app, id)
		}
		config := b.MachineConfig(b.app, first)
		for _, region := range []string{"ams", "fra"} {
			b.AddMachine(b.app, region, config)
		}
		b.StopMachine(b.app, slices.Min(b.MachineIDs(b.app)))
		in := input{Content: b.file("min_machines_running = 0", "min_machines_running = 1"), Strategy: "canary"}
		planned := b.planOf(in)
		for _, id := range b.MachineIDs(b.app) {
			b.StartMachine(b.app, id)
		}
		if again := b.planOf(in); again.Plan.Digest() != planned.Plan.Digest() {
			t.Error("a Machine that was woken makes another plan")
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Errorf("got %s %q, %v", out.Status, out.Summary, err)
		}
	})
}

// TestDeployExchangeTurnedBack: of a Machine whose place the new one did not take
// it is not said that it did not run.
func TestDeployExchangeTurnedBack(t *testing.T) {
	withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		had := b.MachineIDs(b.app)
		planned := b.planOf(input{Content: b.file("soft_limit = 200", "soft_limit = 20"), Strategy: "bluegreen"})
		b.Inject(flysim.Fault{Operation: "machine.stop", Status: http.StatusUnprocessableEntity, Times: 2})
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Failed || strings.Contains(out.Summary, "not running") ||
			!strings.Contains(out.Summary, "It was not changed and still serves") {
			t.Errorf("got %s %q, %v", out.Status, out.Summary, err)
		}
		for _, record := range out.Steps {
			if strings.Contains(record.Note, "already had it") {
				t.Errorf("%s: %q", record.Target, record.Note)
			}
		}
		if got := b.MachineIDs(b.app); !slices.Equal(got, had) {
			t.Errorf("Machines %q, want %q", got, had)
		}
	})
}

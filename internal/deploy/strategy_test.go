package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployCanary: the question tells of the extra Machine, the result that it
// went as planned, and a second deploy finds nothing to do.
func TestDeployCanary(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		in := input{Content: b.file("min_machines_running = 0", "min_machines_running = 1"), Strategy: "canary"}
		there := b.MachineIDs(b.app)
		planned := b.planOf(in)
		question := planned.Plan.Question()
		for _, want := range []string{"Deploy configuration onto 2 Machines of inner-circle?",
			"one extra Machine of each group is tested first, then destroyed"} {
			if !strings.Contains(question.Text(), want) {
				t.Errorf("no %q in\n%s", want, question.Text())
			}
		}
		if planned.Plan.Has(plan.MachinesReplaced) || question.TypeName ||
			planned.Summary != "Would update 2 of 2 Machines of inner-circle, canary." {
			t.Errorf("got %q of\n%s", planned.Summary, question.Text())
		}
		if order := planned.Out.Order; order[0] != "1. group app: a canary, destroyed after its test" {
			t.Errorf("order %q", order)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || *out.Machines != (Counts{Total: 2, Updated: 2, Healthy: 2}) ||
			!strings.Contains(out.Summary, "Tested first on 1 extra, since destroyed.") {
			t.Fatalf("got %s %q %+v, %v", out.Status, out.Summary, out.Machines, err)
		}
		canary := out.Steps[0]
		if canary.Do != gate.CreateMachine || canary.State != plan.Done ||
			!strings.Contains(canary.Note, "a canary: tested and destroyed, as planned") ||
			slices.Contains(there, canary.Target) {
			t.Errorf("the canary is told as %+v", canary)
		}
		if got := b.MachineIDs(b.app); !slices.Equal(got, there) {
			t.Errorf("Machines %v, want %v", got, there)
		}
		for _, id := range there {
			if got := b.MachineConfig(b.app, id).Label(machine.MetadataFlyctlVersion); got != "" {
				t.Errorf("Machine %s claims flyctl %s", id, got)
			}
		}
		if again := b.planOf(in); !again.Plan.Empty() || again.Nothing == "" {
			t.Errorf("the second deploy: %+v", again.Plan.Steps)
		}
	})
}

// TestDeployCanaryFails: then the canary is no success, and no other is touched.
func TestDeployCanaryFails(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.planOf(input{Content: b.file("min_machines_running = 0", "min_machines_running = 1"),
			Strategy: "canary"})
		b.Inject(flysim.Fault{Operation: "machine.create", Status: 422})
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Failed || out.Machines.Updated != 0 ||
			out.Steps[0].State == plan.Done || strings.Contains(out.Summary, "Tried on") {
			t.Errorf("got %s %q %+v, %v", out.Status, out.Summary, out.Steps, err)
		}
	})
}

// TestDeployBlueGreen: the question lists each Machine that goes for good, the
// result names the one in its place, and a second deploy finds nothing to do.
func TestDeployBlueGreen(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		in := input{Content: b.file("min_machines_running = 0", "min_machines_running = 1"), Strategy: "bluegreen"}
		blues := b.MachineIDs(b.app)
		slices.Sort(blues)
		planned := b.planOf(in)
		question := planned.Plan.Question()
		const want = `Replace 2 Machines of inner-circle?
WHAT        group "app": a NEW Machine in place of 6e82de91c43987 ("ord"), a NEW Machine in place of d891275f6e3d38 ("ord")
              services[0].min_machines_running: 0 → 1
            group "app": 6e82de91c43987 ("ord"), d891275f6e3d38 ("ord"): DESTROYED FOR GOOD, once the new one serves
EFFECT      Machines are DESTROYED; everything on them outside volumes is lost
            a second set of Machines is started beside the first; requests move to it when it is healthy
            stopped Machines are started once to test them
            settings: strategy bluegreen, max_unavailable 0.33, on_failure put_back, wake true, wait_timeout 5m0s, scope all
NOT CHECKED whether the app answers over Flycast
NOT DONE    no build; no address is allocated; no release_command is run
UNDO        Machines that are destroyed do NOT come back; if a new Machine fails before it gets requests, all new ones are destroyed and the old ones stay; so too later, until the first old one is destroyed; after that, deploy the earlier file`
		if got := question.Text(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if !question.TypeName || !question.Fits() || !planned.Plan.Has(plan.MachinesReplaced) ||
			planned.Summary != "Would replace 2 of 2 Machines of inner-circle, bluegreen." {
			t.Errorf("got %q, hazards %v", planned.Summary, planned.Plan.Hazards)
		}
		var ends []string
		for _, r := range planned.Plan.Records(plan.Planned) {
			if r.Do == gate.DestroyMachine && r.Undo == plan.UndoNo {
				ends = append(ends, r.Target)
			}
		}
		if !slices.Equal(ends, blues) {
			t.Errorf("irreversible: %v, want %v", ends, blues)
		}
		order := []string{
			"1. all groups: 2 new beside the old ones, 1 at once",
			"2. all groups: 6e82de91c43987, d891275f6e3d38 removed from routing, stopped and destroyed",
		}
		if !slices.Equal(planned.Out.Order, order) {
			t.Errorf("order %q, expected %q", planned.Out.Order, planned.Out.Expected)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || *out.Machines != (Counts{Total: 2, Created: 2, Healthy: 2}) ||
			!strings.Contains(out.Summary, "2 created. 2 destroyed as planned.") ||
			!flytest.Mentions(out.Undo, "2 Machines destroyed") {
			t.Fatalf("got %s %q %+v, undo %q, %v", out.Status, out.Summary, out.Machines, out.Undo, err)
		}
		greens := b.MachineIDs(b.app)
		for _, blue := range blues {
			i := slices.IndexFunc(out.Steps, func(r plan.Record) bool { return r.Target == blue })
			j := slices.IndexFunc(out.Steps, func(r plan.Record) bool { return strings.Contains(r.Note, "in place of "+blue) })
			if i < 0 || j < 0 {
				t.Fatalf("Machine %s is not told of in %+v", blue, out.Steps)
			}
			gone, green := out.Steps[i], out.Steps[j]
			if gone.Do != gate.DestroyMachine || gone.State != plan.Done || gone.Undo != plan.UndoNo ||
				!strings.Contains(gone.Note, "destroyed: "+green.Target+" is in its place") {
				t.Errorf("told: %+v", gone)
			}
			if green.Do != gate.CreateMachine || green.State != plan.Done ||
				!slices.Contains(greens, green.Target) || slices.Contains(greens, blue) {
				t.Errorf("told: %+v, there: %v", green, greens)
			}
		}
		for _, again := range []input{in, {Content: in.Content}} {
			if planned := b.planOf(again); !planned.Plan.Empty() || planned.Nothing == "" {
				t.Errorf("the second deploy: %+v", planned.Plan.Steps)
			}
		}
	})
}

// TestDeployNotPossible: what a strategy cannot do is refused before anybody is
// asked, in flyctl's words, and nothing is written.
func TestDeployNotPossible(t *testing.T) {
	tests := []struct {
		name, app, strategy string
		before              func(b *deployedApp)
		content             func(b *deployedApp) string
		want                string
	}{
		{"no room", "inner-circle", "bluegreen", func(b *deployedApp) { b.ForbidBlueGreen(b.app) }, nil,
			"app can't undergo bluegreen deployment due to org limits"},
		{"no checks", "inner-circle", "bluegreen", nil, func(b *deployedApp) string {
			return b.FileWithoutChecks(
				b.app)
		}, "you need to define at least 1 check in order to use blue-green deployments"},
		{"a volume", "inner-circle", "bluegreen", mountAll, mounting, "mounts a volume"},
		{"a volume", "inner-circle", "canary", mountAll, mounting,
			"error canary deployment strategy is not supported when using mounted volumes"},
	}
	for _, test := range tests {
		withApp(t, test.app, flysim.Options{}, func(b *deployedApp) {
			content := b.file("min_machines_running = 0", "min_machines_running = 1")
			if test.content != nil {
				content = test.content(b)
			}
			if test.before != nil {
				test.before(b)
			}
			b.ResetCalls()
			planned, err := b.planDeploy(input{App: b.app, Content: content, Strategy: test.strategy})
			if err != nil {
				b.t.Fatalf("%s, %s: %v", test.name, test.strategy, err)
			}
			blockers := planned.Plan.Blockers
			if len(blockers) != 1 || blockers[0].ID != target.StrategyNotPossible ||
				!strings.Contains(blockers[0].What, test.want) || len(b.Writes()) != 0 {
				b.t.Errorf("%s, %s: blockers %+v, %d writes", test.name, test.strategy, blockers, len(b.Writes()))
			}
		})
	}
}

// mountAll gives every Machine a volume.
func mountAll(b *deployedApp) {
	for _, id := range b.MachineIDs(b.app) {
		volume := b.AddVolume(b.app, "data", b.Machine(b.app, id).Region, 1)
		config, err := b.MachineConfig(b.app, id).With("mounts", []map[string]string{
			{"volume": volume, "name": "data", "path": "/data"}})
		if err != nil {
			b.t.Fatal(err)
		}
		b.SetMachineConfig(b.app, id, config)
	}
}

func mounting(b *deployedApp) string {
	return b.file("min_machines_running = 0", "min_machines_running = 1") +
		"\n[mounts]\nsource = 'data'\ndestination = '/data'\n"
}

// TestDeployOtherFiles: what a file takes from other files is refused by its
// key, with the way out.
func TestDeployOtherFiles(t *testing.T) {
	for more, want := range map[string][]string{
		"[[files]]\nguest_path = '/f'\nlocal_path = 'f.conf'\n": {"local_path", "fly deploy", "raw_value"},
		"[experimental]\nmachine_config = 'x.json'\n":           {"machine_config", "fly deploy"},
		"[experimental]\nmachine_config = " +
			"'''{\"containers\":[{\"name\":\"app\",\"files\":[{\"guest_path\":\"/f\",\"local_path\":\"f\"}]}]}'''\n": {
			"machine_config", "local_path", "fly deploy", "raw_value",
		},
	} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			b.ResetCalls()
			_, err := b.planDeploy(input{App: b.app, Content: b.file("", "") + "\n" + more})
			for _, word := range want {
				if !strings.Contains(fmt.Sprint(err), word) {
					b.t.Errorf("%s: no %q in %v", more, word, err)
				}
			}
			if len(b.Writes()) != 0 {
				b.t.Errorf("%s: %d writes", more, len(b.Writes()))
			}
		})
	}
}

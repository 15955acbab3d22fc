package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// cordon takes a Machine out of routing, as somebody with flyctl does.
func (b *deployedApp) cordon(id string) {
	b.t.Helper()
	grant := b.Grant(call.Ledger{Journal: b.deployer.Journal}, gate.Request{Tool: "fly", App: b.app,
		Steps: []gate.Step{{Verb: gate.CordonMachine, App: b.app, Target: id}}})
	if err := b.deployer.Client.CordonMachine(b.t.Context(), grant, b.app, id, nil); err != nil {
		b.t.Fatal(err)
	}
}

// TestDeployWithoutHelp: where the other Machine of the group gets no requests, or
// is on a host that is down, the restart of this one is an outage, and the plan
// says so. A cordoned Machine stays cordoned, and is named.
func TestDeployWithoutHelp(t *testing.T) {
	for name, spoil := range map[string]func(b *deployedApp, id string){
		"cordoned": func(b *deployedApp, id string) { b.cordon(id) },
		"host":     func(b *deployedApp, id string) { b.SetHost(b.app, id, "unreachable") },
		"nothing":  func(*deployedApp, string) {},
	} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			id := b.MachineIDs(b.app)[0]
			spoil(b, id)
			planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
			if got, want := planned.Plan.Has(plan.BriefOutage), name != "nothing"; got != want {
				t.Errorf("%s: brief outage %v, want %v", name, got, want)
			}
			if got, want := flytest.Mentions(planned.Out.Remarks, "Machine "+id+": cordoned"), name == "cordoned"; got != want {
				t.Errorf("%s: remarks %q", name, planned.Out.Remarks)
			}
			if out, err := b.apply(planned); err != nil || out.Status != plan.Applied {
				t.Errorf("%s: got %s %q, %v", name, out.Status, out.Summary, err)
			}
			if got, want := b.Machine(b.app, id).Cordoned, name == "cordoned"; got != want {
				t.Errorf("%s: cordoned %v afterwards", name, got)
			}
		})
	}
}

// TestDeployNewGroupOnPublicApp: a group that serves is refused while the app has
// public addresses; one that serves nobody is created.
func TestDeployNewGroupOnPublicApp(t *testing.T) {
	withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		groups := b.file("[http_service]",
			"[processes]\n  app = \"\"\n  jobs = \"bin/jobs\"\n[http_service]\n  processes = [\"app\"]")
		planned := b.plan(groups)
		if !planned.Plan.Has(plan.MachineCreated) || planned.Summary != "Would create 1 Machine of shop-api, rolling." {
			t.Errorf("%q, hazards %q", planned.Summary, planned.Plan.Hazards)
		}
		serving := groups +
			"\n[[services]]\n  processes = [\"jobs\"]\n  internal_port = 9000\n  protocol = \"tcp\"\n  " +
			"[[services.ports]]\n    port = 9000\n"
		if blocker, planned := b.blockedBy(input{Content: serving}); blocker.ID != string(
			plan.NewPublicService) || planned.Next[1].Tool != "release_public_ips" {
			t.Errorf("blocked by %+v, next %+v", blocker, planned.Next)
		}
	})
}

// TestDeployAddressless: the first Machine of an app without any address is
// created, and both plan and result say what comes first.
func TestDeployAddressless(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		content := strings.Replace(b.file("", ""), `"inner-circle"`, `"fresh"`, 1)
		b.AddApp("fresh", "personal", "")
		b.app = "fresh"
		planned := b.planOf(input{Content: content, Image: "registry.fly.io/fresh:deployment-1"})
		if !flytest.Mentions(planned.Out.Remarks, "allocate_flycast first") {
			t.Errorf("remarks %q", planned.Out.Remarks)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || len(out.Next) != 2 || out.Next[0].Tool != "allocate_flycast" {
			t.Errorf("got %s %q, next %+v, %v", out.Status, out.Summary, out.Next, err)
		}
		if len(b.Addresses("fresh")) != 0 {
			t.Errorf("addresses %+v", b.Addresses("fresh"))
		}
	})
}

// TestDeployFaceless checks that no Machine is created for a group while the group of an
// existing Machine is unknown: it might be the second one.
func TestDeployFaceless(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.plan(b.newGroup())
		if !planned.Plan.Has(plan.MachineCreated) {
			t.Fatalf("hazards %q", planned.Plan.Hazards)
		}
		s := b.stages(b.newGroup())
		machines := append(slices.Clone(s.snapshot.Machines), fly.Machine{ID: "148e1", HostStatus: "unreachable",
			Incomplete: true, Unreadable: true, Config: machine.Config{}})
		got, err := target.Compute(t.Context(), s.source, b.deployer.state(b.app, machines, s.past))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Creates) > 0 || !got.Blocked(target.HostDown) || !strings.Contains(got.Blockers[0].What, "148e1") {
			t.Errorf("creates %d, blockers %+v", len(got.Creates), got.Blockers)
		}
	})
}

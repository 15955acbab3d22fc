package deploy

import (
	"fmt"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// leave records a release over the API and gives it a status, as a deploy that is
// then killed does.
func (b *deployedApp) leave(entries ...journal.Entry) string {
	b.t.Helper()
	planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
	grant := b.Grant(call.Ledger{Journal: b.deployer.Journal}, gate.Request{Tool: Tool, App: b.app,
		Steps: planned.Plan.Grants()})
	release, err := b.deployer.Client.CreateRelease(b.t.Context(), grant, b.app, *planned.Work.Rollout.Release)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(append([]journal.Entry{{Event: journal.Started},
		{Event: journal.Step, Verb: string(gate.CreateRelease), Status: "begun"}}, entries...)...)
	return release.ID
}

func (b *deployedApp) releaseStatus(id string) string {
	b.t.Helper()
	for _, r := range b.Releases(b.app) {
		if r.ID == id {
			return r.Status
		}
	}
	b.t.Fatalf("there is no release %s", id)
	return ""
}

// TestDeployAbandoned: the release of a deploy that was killed is named by the
// next plan, and closed by the next deploy; one that somebody else left is not.
func TestDeployAbandoned(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		foreign := b.leave()
		b.write(journal.Entry{Event: journal.Finished})
		id := b.leave()
		b.write(journal.Entry{Event: journal.Step, Verb: string(gate.CreateRelease), Target: id, Status: "pending"})
		same := b.plan(b.file("", ""))
		if !same.Plan.Empty() || !flytest.Mentions(same.Out.Remarks, "the next deploy that has something to do closes it") {
			t.Errorf("nothing to do: remarks %q", same.Out.Remarks)
		}
		planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
		if !flytest.Mentions(planned.Out.Remarks, "this deploy closes it as interrupted") {
			t.Errorf("remarks %q", planned.Out.Remarks)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Fatalf("got %s %q, %v", out.Status, out.Summary, err)
		}
		if got := b.releaseStatus(id); got != "interrupted" {
			t.Errorf("it is %s", got)
		}
		if got := b.releaseStatus(foreign); got != "pending" {
			t.Errorf("somebody else's is %s", got)
		}
		b.write(journal.Entry{Event: journal.Finished})
		if again := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1")); !again.Plan.Empty() ||
			len(again.Out.Remarks) > 0 {
			t.Errorf("afterwards: %q", again.Out.Remarks)
		}
	})
}

// TestDeployLostRelease: a release of which the journal has no id is named, and
// left.
func TestDeployLostRelease(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		id := b.leave()
		content := b.file("min_machines_running = 0", "min_machines_running = 1")
		planned := b.plan(content)
		if !flytest.Mentions(planned.Out.Remarks, "may belong to the interrupted deploy; it was left as it is") {
			t.Errorf("remarks %q", planned.Out.Remarks)
		}
		if _, err := b.apply(planned); err != nil {
			t.Fatal(err)
		}
		if got := b.releaseStatus(id); got != "pending" {
			t.Errorf("it is %s", got)
		}
	})
}

// newGroup is the file with a process group that has no Machine yet.
func (b *deployedApp) newGroup() string {
	b.t.Helper()
	return b.file("[http_service]", "[processes]\n  app = \"\"\n  jobs = \"bin/jobs\"\n[http_service]")
}

// inGroup counts the Machines of a group, as the platform has them.
func (b *deployedApp) inGroup(group string) int {
	n := 0
	for _, id := range b.MachineIDs(b.app) {
		if config := b.MachineConfig(b.app, id); config.ProcessGroup() == group {
			n++
		}
	}
	return n
}

// TestDeployLateList: lists that do not show a new Machine for a while let no
// group be created twice, in whatever way the first deploy ended.
func TestDeployLateList(t *testing.T) {
	for name, test := range map[string]struct {
		fault   flysim.Fault
		blocked bool
	}{
		"it succeeded":                {},
		"its answer was lost":         {flysim.Fault{Operation: "machine.create", Reset: flysim.ResetAfter}, true},
		"its proof could not be read": {flysim.Fault{Operation: "machine.wait", Status: 403}, false},
	} {
		withApp(t, "inner-circle", flysim.Options{MachineLag: 40}, func(b *deployedApp) {
			t := b.t
			content := b.newGroup()
			planned := b.planOf(input{Content: content, OnFailure: "stop"})
			if !planned.Plan.Has(plan.MachineCreated) {
				t.Fatalf("%s: the plan creates nothing: %q", name, planned.Out.Changes)
			}
			if test.fault.Operation != "" {
				b.Inject(test.fault)
			}
			b.write(journal.Entry{Event: journal.Started})
			out, err := b.apply(planned)
			if err != nil {
				t.Fatal(err)
			}
			b.write(journal.Entry{Event: journal.Finished, Status: string(out.Status)})
			if n := b.inGroup("jobs"); n != 1 {
				t.Fatalf("%s: %d Machines after the first deploy: %s", name, n, out.Summary)
			}
			if test.blocked {
				blocker, late := b.blockedBy(input{Content: content})
				if blocker.ID != CreationUnconfirmed || late.Next[0].Tool != Tool {
					t.Errorf("%s: blocked by %+v, next %+v", name, blocker, late.Next)
				}
				return
			}
			again, err := b.planDeploy(input{App: b.app, Content: content})
			if err != nil {
				t.Fatal(err)
			}
			if again.Plan.Has(plan.MachineCreated) || !flytest.Mentions(again.Out.Remarks,
				"is not in the list of Machines yet") {
				t.Errorf("%s: the second plan has hazards %q, remarks %q", name, again.Plan.Hazards, again.Out.Remarks)
			}
		})
	}
}

// TestDeployInDoubt: after some time lists are believed; and a killed process
// leaves the same doubt as a lost answer.
func TestDeployInDoubt(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		b.write(journal.Entry{Event: journal.Started}, journal.Entry{Event: journal.Step,
			Verb: string(gate.CreateMachine), Group: "jobs", Status: "begun"})
		if blocker, _ := b.blockedBy(input{Content: b.newGroup()}); blocker.ID != CreationUnconfirmed {
			t.Errorf("blocked by %+v", blocker)
		}
		time.Sleep(listLate)
		if planned := b.plan(b.newGroup()); !planned.Plan.Has(plan.MachineCreated) {
			t.Errorf("hazards %q", planned.Plan.Hazards)
		}
	})
}

// TestPastDeploysCost: a plan does not pay for what the journal has of long ago.
func TestPastDeploysCost(t *testing.T) {
	cost := func(old int) (allocations float64) {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			for i := range old {
				b.write(journal.Entry{Event: journal.Started}, journal.Entry{Event: journal.Step,
					Verb: string(gate.UpdateMachine), Target: fmt.Sprint(i), Status: "healthy"},
					journal.Entry{Event: journal.Finished})
			}
			time.Sleep(3 * time.Hour)
			b.write(journal.Entry{Event: journal.Started}, journal.Entry{Event: journal.Step,
				Verb: string(gate.UpdateMachine), Target: "1", Status: "begun"})
			allocations = testing.AllocsPerRun(20, func() {
				if p, err := b.deployer.earlier(b.app); err != nil || !p.Interrupted("1") {
					b.t.Fatal(p, err)
				}
			})
		})
		return allocations
	}
	if few, many := cost(2), cost(200); many > 2*few {
		t.Errorf("%v allocations after 200 deploys, %v after 2", many, few)
	}
}

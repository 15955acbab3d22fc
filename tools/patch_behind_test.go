package tools

import (
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// patch plans a patch_services of the deployed configuration and, if there is
// something to do, does it.
func (b *appServer) patch() (planned patch.Proposal, out patch.Result) {
	b.t.Helper()
	planned, err := b.toolset.editor().Plan(b.t.Context(), patch.Input{App: b.app})
	if err != nil {
		b.t.Fatal(err)
	}
	if planned.Plan.Empty() {
		return planned, out
	}
	grant := b.Grant(call.Ledger{Journal: b.toolset.Journal}, gate.Request{Tool: "patch_services", App: b.app,
		Steps: planned.Plan.Grants()})
	if out, err = b.toolset.editor().Apply(planned.Work, grant, call.CallerFrom(b.t.Context()).ID); err != nil {
		b.t.Fatal(err)
	}
	return planned, out
}

// draft returns the text of a draft.
func (b *appServer) draft(handle string) string {
	b.t.Helper()
	draft, p := b.toolset.drafts.Get(handle, call.CallerFrom(b.t.Context()).ID, b.app)
	if p != nil {
		b.t.Fatal(p)
	}
	return string(draft.Data)
}

// TestPatchBehind: a deployed configuration that needs no edit, but that some
// Machine did not get, becomes a draft that deploy finishes with. One that all
// have does not.
func TestPatchBehind(t *testing.T) {
	for name, cut := range map[string]struct {
		change func(b *appServer, id string)
		says   string
	}{
		"lacking": {func(b *appServer, id string) {
			b.SetMachineConfig(b.app, id, platformtest.WithField(b.t, b.MachineConfig(b.app, id), "services", []any{}))
			time.Sleep(10 * time.Minute)
		}, "1 of 2 Machines do not have its services"},
		"not proved": {func(b *appServer, id string) {
			b.write(journal.Entry{Event: journal.Started}, journal.Entry{Event: journal.Step,
				Verb: string(gate.UpdateMachine), Target: id, Status: "begun"})
		}, "1 of 2 Machines were not tested with it"},
	} {
		t.Run(name, func(t *testing.T) {
			deploys(t, "inner-circle", flysim.Options{}, func(b *appServer) {
				t := b.t
				if planned, _ := b.patch(); !planned.Plan.Empty() || len(planned.Next) != 0 {
					t.Fatalf("all have it: %q, next %+v", planned.Summary, planned.Next)
				}
				id := b.MachineIDs(b.app)[1]
				cut.change(b, id)
				b.ResetCalls()
				planned, out := b.patch()
				if !strings.Contains(planned.Summary, cut.says) || out.Status != plan.Applied ||
					!strings.Contains(out.Summary, cut.says) || out.Diff != "" || out.Draft == "" {
					t.Fatalf("got %q, %s %q, diff %q", planned.Summary, out.Status, out.Summary, out.Diff)
				}
				if len(out.Next) != 1 || out.Next[0].Tool != deployName || out.Next[0].Arguments.Draft != out.Draft {
					t.Errorf("next %+v", out.Next)
				}
				if writes := b.Writes(); len(writes) != 0 {
					t.Errorf("%d writes", len(writes))
				}
				deployed, err := b.apply(b.planOf(deployInput{Draft: out.Draft}))
				if err != nil || deployed.Status != plan.Applied || deployed.Machines.Healthy != 1 {
					t.Errorf("got %s %q, %v", deployed.Status, deployed.Summary, err)
				}
				b.write(journal.Entry{Event: journal.Finished})
				if again, _ := b.patch(); !again.Plan.Empty() {
					t.Errorf("afterwards: %q", again.Summary)
				}
			})
		})
	}
}

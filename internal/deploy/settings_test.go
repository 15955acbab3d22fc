package deploy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployOnFailure: what is said of a failure is what is there.
func TestDeployOnFailure(t *testing.T) {
	tests := []struct {
		how    string
		status plan.Status
		counts Counts
		says   string
	}{
		{"put_back", plan.Failed, Counts{Total: 2, PutBack: 2}, "0 of 2 updated, 2 put back."},
		{"stop", plan.Partial, Counts{Total: 2, Updated: 1, Healthy: 1, Failed: 1},
			"1 of 2 updated, 1 failed but left with the new configuration."},
		{"continue", plan.Partial, Counts{Total: 2, Updated: 1, Healthy: 1, Failed: 1},
			"1 of 2 updated, 1 failed but left with the new configuration."},
	}
	for _, test := range tests {
		withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			ids := b.MachineIDs(b.app)
			slices.Sort(ids)
			b.FailMachine(b.app, ids[1], flysim.FailChecks)
			planned := b.planOf(input{Content: b.file("soft_limit = 200", "soft_limit = 20"), OnFailure: test.how})
			if planned.Plan.Has(plan.NotPutBack) != (test.how != "put_back") {
				t.Errorf("%s: hazards %q", test.how, planned.Plan.Hazards)
			}
			out, err := b.apply(planned)
			if err != nil || out.Status != test.status || *out.Machines != test.counts || out.Code == "" ||
				!strings.Contains(out.Summary, test.says) {
				t.Errorf("%s: got %s %s %q %+v, %v", test.how, out.Status, out.Code, out.Summary, *out.Machines, err)
			}
			if got := b.Releases(b.app)[0].Status; got != "failed" {
				t.Errorf("%s: the release is %s", test.how, got)
			}
		})
	}
}

// TestDeployStateOfMachines: that Machines stop while a person reads changes
// nothing about the plan.
func TestDeployStateOfMachines(t *testing.T) {
	for _, wake := range []bool{true, false} {
		withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			in := input{Content: b.file("soft_limit = 200", "soft_limit = 20"), Wake: &wake}
			before := b.planOf(in).Plan.Digest()
			for _, id := range b.MachineIDs(b.app) {
				b.StopMachine(b.app, id)
			}
			planned := b.planOf(in)
			if planned.Plan.Digest() != before {
				t.Errorf("wake %t: the digest moved", wake)
			}
			out, err := b.apply(planned)
			want := Counts{Total: 2, Updated: 2, Healthy: 2}
			if !wake {
				want = Counts{Total: 2, Updated: 2, Unproven: 2}
			}
			if err != nil || out.Status != plan.Applied || *out.Machines != want {
				t.Errorf("wake %t: %s %q %+v, %v", wake, out.Status, out.Summary, *out.Machines, err)
			}
			if unknown := slices.Contains(planned.Plan.Unknown, plan.StoppedUnproven); unknown == wake {
				t.Errorf("wake %t: unknown %q", wake, planned.Plan.Unknown)
			}
		})
	}
}

// TestDeploySettings: what the call says, else the file, else flyctl.
func TestDeploySettings(t *testing.T) {
	withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		file := b.file("soft_limit = 200", "soft_limit = 20")
		section := file + "\n[deploy]\n  strategy = \"immediate\"\n  max_unavailable = 0.5\n  wait_timeout = \"90s\"\n"
		tests := []struct {
			in   input
			want string
		}{
			{input{Content: file}, "rolling 0.33 5m0s put_back true"},
			{input{Content: section}, "immediate 0.5 1m30s put_back true"},
			{input{Content: section, Strategy: "rolling", MaxUnavailable: 2, WaitTimeout: "3m", OnFailure: "stop"},
				"rolling 2 3m0s stop true"},
		}
		for _, test := range tests {
			w := b.planOf(test.in).Work.Rollout
			got := strings.Join([]string{string(w.Strategy), jsonText(w.MaxUnavailable), w.StartWithin.String(),
				string(w.OnFailure), jsonText(w.Wake)}, " ")
			if got != test.want || w.StartWithin != w.HealthyWithin {
				t.Errorf("got %s, want %s", got, test.want)
			}
		}
		for _, in := range []input{{WaitTimeout: "soon"}, {WaitTimeout: "1ms"}, {WaitTimeout: "9h"},
			{MaxUnavailable: -1}, {Image: "x", Scope: ScopeServices}, {Image: "x y"}, {Image: "-x"}, {Image: "x\n"}} {
			in.App, in.Content = b.app, file
			_, err := b.planDeploy(in)
			if p, ok := call.ProblemOf(err); err == nil || !ok || p.Code != gate.InvalidInput {
				t.Errorf("%+v: %v", in, err)
			}
		}
	})
}

func jsonText(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// TestDeployInterrupted: a server that ends lets the Machine at work come to its
// end, and begins with no other.
func TestDeployInterrupted(t *testing.T) {
	withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.planOf(input{Content: b.file("soft_limit = 200", "soft_limit = 20")})
		b.Inject(flysim.Fault{Operation: "machine.update", Before: func(*flysim.Platform) {
			if b.runs.Interrupt() {
				t.Error("told of work that is not among the runs")
			}
			b.runs.Interrupt()
		}})
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Partial || out.Machines.Healthy != 1 ||
			!strings.Contains(out.Summary, "interrupted: 1 of 2") {
			t.Errorf("got %s %q %+v, %v", out.Status, out.Summary, out.Machines, err)
		}
		if got := b.Releases(b.app)[0].Status; got != "interrupted" {
			t.Errorf("the release is %s", got)
		}
		updates, leases := 0, 0
		for _, call := range b.Writes() {
			switch call.Operation {
			case "machine.update":
				updates++
			case "lease.acquire":
				leases++
			case "lease.release":
				leases--
			}
		}
		if updates != 1 || leases != 0 {
			t.Errorf("%d updates, %d leases left", updates, leases)
		}
	})
}

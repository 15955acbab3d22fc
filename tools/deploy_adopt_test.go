package tools

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const redirecting = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true},{"port":443,"handlers":["http","tls"]}]}]`

// byAPI makes Machines of the app such that were made through the Machines API,
// with these services.
func (b *deployBench) byAPI(services string, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		config, err := b.MachineConfig(b.app, id).Without("metadata").With("services", json.RawMessage(services))
		if err != nil {
			b.t.Fatal(err)
		}
		b.SetMachineConfig(b.app, id, config)
	}
}

// Machines that fly deploy did not make: list_ips names them, and both ways that
// it offers end with a ready app.
func TestAdoptJourney(t *testing.T) {
	deploys(t, "inner-circle", flysim.Options{}, func(b *deployBench) {
		t := b.t
		ids := b.MachineIDs(b.app)
		b.byAPI(redirecting, ids...)
		image := b.MachineConfig(b.app, ids[0]).Image()
		listed, err := b.toolset.readIPs(t.Context(), listInput{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		line := "fly machine update " + ids[0] + " -a inner-circle --port 80:8080/tcp:- --port 80:8080/tcp:http --port 443:8080/tcp:http:tls"
		switch {
		case !slices.Equal(blockerIDs(listed.Blockers), []string{plan.ForceHTTPS}) || !strings.Contains(listed.Blockers[0].What, ids[0]) || !strings.Contains(listed.Blockers[0].Fix, line):
			t.Fatalf("got %+v, want %q", listed.Blockers, line)
		case len(listed.Next) != 2 || listed.Next[0].Tool != "patch_services" || !strings.Contains(listed.Next[0].Why, "adopt: true") || listed.Next[1].Command != line:
			t.Fatalf("next %+v", listed.Next)
		}

		patched, err := b.toolset.planPatch(t.Context(), patchInput{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		if !patched.Work.adopt || len(patched.Plan.Steps) != 1 {
			t.Fatalf("patch_services: adopt %v, %+v", patched.Work.adopt, patched.Plan.Steps)
		}
		content := string(patched.Work.after)

		// Without adopt they are left alone, and that is said.
		left := b.planOf(deployInput{Content: content, Image: image})
		if left.Out.Machines.Left != len(ids) || !mention(left.Out.Remarks, "adopt: true") || len(left.Work.changes) != 0 {
			t.Errorf("without adopt: %+v, remarks %q", left.Out.Machines, left.Out.Remarks)
		}

		planned := b.planOf(deployInput{Content: content, Adopt: true})
		question := planned.Plan.Question(nil).Text()
		switch {
		case len(planned.Work.changes) != len(ids) || len(planned.Work.creates) != 0:
			t.Fatalf("%d changes and %d creations, want %d and none", len(planned.Work.changes), len(planned.Work.creates), len(ids))
		case !strings.Contains(question, "not made by fly deploy") || !strings.Contains(question, ids[0]) || !strings.Contains(question, `will belong to group "app"`):
			t.Errorf("question:\n%s", question)
		case !mention(planned.Out.Remarks, "adopted: "):
			t.Errorf("remarks %q", planned.Out.Remarks)
		case planned.Plan.Has(plan.ImageChange):
			t.Error("the image is said to change")
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Fatalf("got %s, %v: %s", out.Status, err, out.Summary)
		}
		if now := b.MachineIDs(b.app); !slices.Equal(now, ids) {
			t.Errorf("Machines %q, want %q", now, ids)
		}
		for _, id := range ids {
			config := b.MachineConfig(b.app, id)
			if !config.FlyLaunch() || config.ProcessGroup() != "app" || config.Image() != image {
				t.Errorf("%s: group %q, image %q", id, config.ProcessGroup(), config.Image())
			}
		}
		if listed, err = b.toolset.readIPs(t.Context(), listInput{App: b.app}); err != nil || len(listed.Blockers) > 0 {
			t.Errorf("afterwards: %+v, %v", listed.Blockers, err)
		}
	})
}

// TestAdoptDecides which Machines are adopted, and into which group.
func TestAdoptDecides(t *testing.T) {
	const twoGroups = "\n[processes]\n  app = \"serve\"\n  worker = \"work\"\n"
	with := func(t *testing.T, c machine.Config, key, value string) machine.Config {
		t.Helper()
		c, err := c.With(key, json.RawMessage(value))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	tests := []struct {
		name     string
		metadata string
		key      string // of the configuration, with its value
		value    string
		file     string // in addition
		in       deployInput
		group    string // it is updated as a member of; empty: it is not
		remark   string
		blocker  string
	}{
		{name: "no metadata", metadata: `null`, group: "app"},
		{name: "a group, and no platform version", metadata: `{"fly_process_group":"app"}`, group: "app"},
		{name: "the older name of the group", metadata: `{"process_group":"app"}`, group: "app"},
		{name: "another group than the file's", metadata: `{"fly_process_group":"cron"}`, remark: `its group "cron" is not in the file`},
		{name: "two groups, and it names one", metadata: `{"fly_process_group":"app"}`, file: twoGroups, group: "app"},
		{name: "two groups, and it names none", metadata: `{}`, file: twoGroups, blocker: groupUnknown},
		{name: "a console", metadata: `{"fly_process_group":"fly_app_console"}`, remark: "made for a single command"},
		{name: "a schedule", metadata: `{}`, key: "schedule", value: `"daily"`, remark: "for a single task"},
		{name: "destroyed when it ends", metadata: `{}`, key: "auto_destroy", value: `true`, remark: "for a single task"},
		{name: "bluegreen", metadata: `{}`, in: deployInput{Strategy: string(rollout.BlueGreen)}, blocker: notPossible},
		{name: "services only", metadata: `{}`, in: deployInput{Scope: scopeServices}, group: "app"},
		{name: "a volume that the file lacks", metadata: `{}`, key: "mounts", value: `[{"volume":"vol_1","name":"data","path":"/data"}]`, blocker: replacement},
	}
	for _, test := range tests {
		deploys(t, "inner-circle", flysim.Options{}, func(b *deployBench) {
			t := b.t
			ids := b.MachineIDs(b.app)
			config := with(t, with(t, b.MachineConfig(b.app, ids[0]), "metadata", test.metadata), "services", redirecting)
			if test.key != "" {
				config = with(t, config, test.key, test.value)
			}
			b.SetMachineConfig(b.app, ids[0], config)
			in := test.in
			in.App, in.Content, in.Adopt = b.app, b.withoutChecks()+test.file, true
			planned, err := b.toolset.planDeploy(t.Context(), in)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if test.blocker != "" {
				if !slices.Contains(blockerIDs(planned.Plan.Blockers), test.blocker) {
					t.Errorf("%s: blockers %+v, want %s", test.name, planned.Plan.Blockers, test.blocker)
				}
				return
			}
			if len(planned.Plan.Blockers) > 0 {
				t.Fatalf("%s: blocked by %+v", test.name, planned.Plan.Blockers)
			}
			i := slices.IndexFunc(planned.Work.changes, func(c rollout.Change) bool { return c.Before.ID == ids[0] })
			if (i >= 0) != (test.group != "") {
				t.Fatalf("%s: updated %v, want group %q; remarks %q", test.name, i >= 0, test.group, planned.Out.Remarks)
			}
			if i >= 0 {
				after := planned.Work.changes[i].After
				if !after.FlyLaunch() || after.ProcessGroup() != test.group || after.Image() != config.Image() {
					t.Errorf("%s: got group %q, image %q", test.name, after.ProcessGroup(), after.Image())
				}
				if test.in.Scope == scopeServices && string(after.Raw("env")) != string(config.Raw("env")) {
					t.Errorf("%s: env %s, want %s", test.name, after.Raw("env"), config.Raw("env"))
				}
			}
			if test.remark != "" && !mention(planned.Out.Remarks, test.remark) {
				t.Errorf("%s: remarks %q, want %q", test.name, planned.Out.Remarks, test.remark)
			}
		})
	}
}

// Without adopt nothing of them is written; the answer names the call that would.
func TestAdoptIsOffered(t *testing.T) {
	deploys(t, "inner-circle", flysim.Options{}, func(b *deployBench) {
		t := b.t
		ids := b.MachineIDs(b.app)
		content := b.withoutChecks()
		b.deploy(content)
		b.byAPI(redirecting, ids[0])
		b.ResetCalls()
		planned := b.planOf(deployInput{Content: content})
		if !planned.Plan.Empty() || len(planned.Next) == 0 || planned.Next[0].Tool != deployName || !planned.Next[0].Arguments.Adopt || !strings.Contains(planned.Next[0].Why, ids[0]) {
			t.Errorf("%+v, next %+v", planned.Plan.Steps, planned.Next)
		}
		if w := b.Writes(); len(w) > 0 {
			t.Errorf("writes %v", w)
		}
	})
}

// The digest tells a plan with adopt from one without, and by its Machines.
func TestAdoptIsDigested(t *testing.T) {
	deploys(t, "inner-circle", flysim.Options{}, func(b *deployBench) {
		ids := b.MachineIDs(b.app)
		content := b.withoutChecks()
		b.byAPI(redirecting, ids[0])
		one := b.planOf(deployInput{Content: content, Adopt: true}).Plan
		none := b.planOf(deployInput{Content: content}).Plan
		if one.Digest() == none.Digest() {
			b.t.Error("one digest with and without adopt")
		}
		if !slices.ContainsFunc(one.Facts, func(f gate.Fact) bool { return f.Key == plan.FactAdopted+"app" && f.Value == ids[0] }) {
			b.t.Errorf("facts %+v", one.Facts)
		}
	})
}

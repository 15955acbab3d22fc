package deploy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const redirecting = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],` +
	`"force_https":true},{"port":443,"handlers":["http","tls"]}]}]`

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
		in       input
		group    string // it is updated as a member of; empty: it is not
		remark   string
		blocker  string
	}{
		{name: "no metadata", metadata: `null`, group: "app"},
		{name: "a group, and no platform version", metadata: `{"fly_process_group":"app"}`, group: "app"},
		{name: "the older name of the group", metadata: `{"process_group":"app"}`, group: "app"},
		{name: "another group than the file's", metadata: `{"fly_process_group":"cron"}`,
			remark: `its group "cron" is not in the file`},
		{name: "two groups, and it names one", metadata: `{"fly_process_group":"app"}`, file: twoGroups, group: "app"},
		{name: "two groups, and it names none", metadata: `{}`, file: twoGroups, blocker: target.GroupUnknown},
		{name: "a console", metadata: `{"fly_process_group":"fly_app_console"}`, remark: "made for a single command"},
		{name: "a schedule", metadata: `{}`, key: "schedule", value: `"daily"`, remark: "for a single task"},
		{name: "destroyed when it ends", metadata: `{}`, key: "auto_destroy", value: `true`, remark: "for a single task"},
		{name: "bluegreen", metadata: `{}`, in: input{Strategy: string(rollout.BlueGreen)},
			blocker: target.StrategyNotPossible},
		{name: "services only", metadata: `{}`, in: input{Scope: ScopeServices}, group: "app"},
		{name: "a volume that the file lacks", metadata: `{}`, key: "mounts",
			value: `[{"volume":"vol_1","name":"data","path":"/data"}]`, blocker: target.ReplacementNeeded},
	}
	for _, test := range tests {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			ids := b.MachineIDs(b.app)
			config := with(t, with(t, b.MachineConfig(b.app, ids[0]), "metadata", test.metadata), "services", redirecting)
			if test.key != "" {
				config = with(t, config, test.key, test.value)
			}
			b.SetMachineConfig(b.app, ids[0], config)
			in := test.in
			in.App, in.Content, in.Adopt = b.app, b.FileWithoutChecks(b.app)+test.file, true
			planned, err := b.planDeploy(in)
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
			i := slices.IndexFunc(planned.Work.Rollout.Updates, func(c rollout.Change) bool { return c.Before.ID == ids[0] })
			if (i >= 0) != (test.group != "") {
				t.Fatalf("%s: updated %v, want group %q; remarks %q", test.name, i >= 0, test.group, planned.Out.Remarks)
			}
			if i >= 0 {
				after := planned.Work.Rollout.Updates[i].After
				if !after.IsFlyLaunch() || after.ProcessGroup() != test.group || after.Image() != config.Image() {
					t.Errorf("%s: got group %q, image %q", test.name, after.ProcessGroup(), after.Image())
				}
				if test.in.Scope == ScopeServices && string(after.Raw("env")) != string(config.Raw("env")) {
					t.Errorf("%s: env %s, want %s", test.name, after.Raw("env"), config.Raw("env"))
				}
			}
			if test.remark != "" && !flytest.Mentions(planned.Out.Remarks, test.remark) {
				t.Errorf("%s: remarks %q, want %q", test.name, planned.Out.Remarks, test.remark)
			}
		})
	}
}

// Without adopt nothing of them is written; the answer names the call that would.
func TestAdoptIsOffered(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		ids := b.MachineIDs(b.app)
		content := b.FileWithoutChecks(b.app)
		b.deploy(content)
		b.MakeByAPI(b.app, redirecting, ids[0])
		b.ResetCalls()
		planned := b.planOf(input{Content: content})
		if !planned.Plan.Empty() || len(planned.Next) == 0 || planned.Next[0].Tool != Tool ||
			!planned.Next[0].Arguments.Adopt || !strings.Contains(planned.Next[0].Why, ids[0]) {
			t.Errorf("%+v, next %+v", planned.Plan.Steps, planned.Next)
		}
		if w := b.Writes(); len(w) > 0 {
			t.Errorf("writes %v", w)
		}
	})
}

// The digest tells a plan with adopt from one without, and by its Machines.
func TestAdoptIsDigested(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		ids := b.MachineIDs(b.app)
		content := b.FileWithoutChecks(b.app)
		b.MakeByAPI(b.app, redirecting, ids[0])
		one := b.planOf(input{Content: content, Adopt: true}).Plan
		none := b.planOf(input{Content: content}).Plan
		if one.Digest() == none.Digest() {
			b.t.Error("one digest with and without adopt")
		}
		if !slices.ContainsFunc(one.Facts, func(f gate.Fact) bool {
			return f.Key == plan.FactAdopted+"app" &&
				f.Value == ids[0]
		}) {
			b.t.Errorf("facts %+v", one.Facts)
		}
	})
}

func blockerIDs(list []plan.Blocker) []string {
	var ids []string
	for _, b := range list {
		ids = append(ids, b.ID)
	}
	return ids
}

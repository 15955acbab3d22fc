package plan_test

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// creatingPlan updates a Machine, creates one with a volume, and leaves those of
// two groups alone.
func creatingPlan() plan.Plan {
	p := deployPlan()
	p.Steps = append(update("148e1", "app", "fra", "services[0].autostop: false → true"),
		plan.Step{Verb: gate.CreateRelease, Target: "rolling@0011"},
		plan.Step{Verb: gate.CreateVolume, Target: "data@fra:3GB"},
		plan.Step{Verb: gate.CreateMachine, Target: "fra@0022", Params: []plan.Param{
			{plan.ParamGroup, "worker"}, {plan.ParamRegion, "fra"},
		}, Changes: changesOf(`image = "registry.fly.io/shop:1"`, "guest.memory_mb = 256")},
		plan.Step{Verb: gate.DestroyMachine, Target: "fra@0022"},
		plan.Step{Verb: gate.StartMachine, Target: "148e1"},
		plan.Step{Verb: gate.UpdateRelease, Target: "complete"},
	)
	p.Hazards = []plan.Hazard{plan.Restart, plan.MachineCreated}
	p.Fact(plan.FactStrategy, "rolling")
	p.Fact(plan.FactOnFailure, "put_back")
	p.Fact(plan.FactWake, "true")
	p.Fact(plan.FactLeft+"cron", "148e8")
	p.Fact(plan.FactLeft+"old\ngroup", "148e9")
	return p
}

// replacingPlan is a bluegreen one.
func replacingPlan() plan.Plan {
	p := deployPlan()
	p.Steps = []plan.Step{
		{Verb: gate.CreateMachine, Target: "fra@0033",
			Params: []plan.Param{{plan.ParamMachine, "148e1"}, {plan.ParamGroup, "app"},
				{plan.ParamRegion, "fra"}}, Changes: changesOf(`image: "a" → "b"`)},
		{Verb: gate.DestroyMachine, Target: "148e1",
			Params: []plan.Param{{plan.ParamMachine, "148e1"}, {plan.ParamGroup, "app"},
				{plan.ParamRegion, "fra"}, {plan.ParamEnd, "once the new one serves"}}},
		{Verb: gate.DestroyMachine, Target: "148e1"}, // once more, if the answer is lost
	}
	p.Hazards = []plan.Hazard{plan.Restart, plan.ImageChange, plan.MachinesReplaced}
	p.Fact(plan.FactStrategy, "bluegreen")
	p.Fact(plan.FactOnFailure, "stop")
	return p
}

// TestDeployTitle: the title counts what a person sees.
func TestDeployTitle(t *testing.T) {
	machine := func(verb gate.Verb, params ...plan.Param) plan.Step {
		return plan.Step{Verb: verb, Target: "x", Params: params}
	}
	tests := []struct {
		steps []plan.Step
		want  string
	}{
		{update("148e1", "app", "fra"), "Deploy configuration onto 1 Machine of shop?"},
		{append(update("148e1", "app", "fra"), machine(gate.CreateMachine)),
			"Deploy configuration onto 1 Machine of shop, and create 1 more?"},
		{[]plan.Step{machine(gate.CreateMachine), machine(gate.CreateMachine),
			machine(gate.CreateVolume)}, "Create 2 Machines of shop?"},
		{[]plan.Step{machine(gate.CreateMachine, plan.Param{plan.ParamUntil, "canary"}),
			machine(gate.LeaseMachine, plan.Param{plan.ParamProve, "so"})}, "Test 1 Machine of shop?"},
	}
	for _, test := range tests {
		p := plan.Plan{Tool: "deploy", Wording: wordings()["deploy"], App: "shop", Steps: test.steps}
		if got := p.Question().Title; got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestDeployUndo: what becomes of a failure is said as it is.
func TestDeployUndo(t *testing.T) {
	for how, want := range map[string]string{"put_back": "it and those changed before it",
		"stop":     "NOT put back, and no Machine is changed after it",
		"continue": "NOT put back, and the deploy continues", "": "earlier configuration back"} {
		p := deployPlan()
		p.Fact(plan.FactOnFailure, how)
		if got := strings.Join(p.Question().Undo, "; "); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", how, got)
		}
	}
}

// TestDeployUndoOfTwoSets: the new set goes on any failure before it serves; what
// fails later depends on what was asked for.
func TestDeployUndoOfTwoSets(t *testing.T) {
	for how, want := range map[string]string{"put_back": "until the first old one is destroyed",
		"stop": "a later failure is NOT put back:", "continue": "NOT put back, and the deploy continues"} {
		p := replacingPlan()
		p.Facts = nil
		p.Fact(plan.FactStrategy, "bluegreen")
		p.Fact(plan.FactOnFailure, how)
		got := strings.Join(p.Question().Undo, "; ")
		for _, want := range []string{"do NOT come back",
			"all new ones are destroyed and the old ones stay", want} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", how, want, got)
			}
		}
	}
}

// TestEveryVerbHasWords: a terminal must be able to show what a server plans.
func TestEveryVerbHasWords(t *testing.T) {
	for _, verb := range []gate.Verb{
		gate.AllocateAddress, gate.ReleaseAddress, gate.LeaseMachine, gate.UpdateMachine,
		gate.PutBackMachine, gate.CreateMachine, gate.StartMachine,
		gate.StopMachine, gate.DestroyMachine, gate.CordonMachine, gate.UncordonMachine,
		gate.SetMetadata, gate.CreateVolume, gate.CreateRelease,
		gate.UpdateRelease, gate.WriteFile, gate.MakeDraft,
	} {
		if (plan.Step{Verb: verb}).Undo() == "" {
			t.Errorf("%s: not known whether it can be undone", verb)
		}
	}
	if s := (plan.Step{Verb: "invented"}); !s.Shown() || s.Undo() != "" {
		t.Error("an unknown verb is hidden")
	}
}

// TestQuestionOrigins: what differs for another reason than an edit of the
// services is said briefly, and only if there is some of it.
func TestQuestionOrigins(t *testing.T) {
	p := deployPlan()
	if text := p.Question().Text(); strings.Contains(text, "of what differs") {
		t.Errorf("without origins: %s", text)
	}
	plain := p.Digest()
	p.Fact(plan.FactOrigin+"live", "2")
	p.Fact(plan.FactOrigin+"file", "1")
	p.Fact(plan.FactOrigin+"behind", "many") // not ours
	want := "of the differences, 2 values were changed on the Machines since the last release: this " +
		"UNDOES that; 1 value was edited in the file since then\n"
	if text := p.Question().Text(); !strings.Contains(text, want) {
		t.Errorf("got %s, want in it %s", text, want)
	}
	if p.Digest() == plain {
		t.Error("the digest does not cover it")
	}
}

package call

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestFormLimits: whatever is put before a question when it is asked again, the
// form holds it; and a plan for which that is not so goes to a terminal, with the
// reason.
func TestFormLimits(t *testing.T) {
	forms, terminals := 0, 0
	for changes := range 30 {
		for _, kind := range []bool{true, false} {
			p := plan.Plan{Tool: "deploy", App: strings.Repeat("s", 63), Impact: plan.ImpactBriefOutage,
				Hazards: []plan.Hazard{plan.Restart, plan.BriefOutage, plan.OtherConfigChanges}}
			step := plan.Step{Verb: gate.UpdateMachine, Target: "148e1",
				Params: []plan.Param{{Name: plan.ParamMachine, Value: "148e1"}}}
			for i := range changes {
				step.Changes = append(step.Changes, plan.Change{Path: fmt.Sprintf("env.V%d", i),
					After: fmt.Sprintf("%q", strings.Repeat("v", 150)), FromFile: true})
			}
			p.Steps = append(p.Steps, step)
			if kind {
				p.Hazard(plan.MachinesReplaced)
			}
			r, err := p.Request(p.Question())
			if err != nil {
				t.Fatal(err)
			}
			if r.TooLong != "" {
				terminals++
				why := refusalText(p, gate.Outcome{Kind: gate.NeedsTerminal, Code: gate.Unavailable, TooLong: r.TooLong})
				if !strings.Contains(why, "too long for a form (") || !strings.Contains(why, "characters; a form holds") {
					t.Errorf("%d changes: %s", changes, why)
				}
				continue
			}
			forms++
			var moved []string
			for i := range 100 {
				moved = append(moved, fmt.Sprintf("certificate/%s%d.example.com is new", strings.Repeat("c", 60), i))
			}
			for _, outcome := range []gate.Outcome{
				{}, {Late: true}, {Code: gate.NotConfirmed, Typed: strings.Repeat("界", 500)}, {Late: true,
					Code: gate.NotConfirmed, Typed: strings.Repeat("\n", 500)},
				{Late: true, Code: gate.Stale, Changed: moved}, {Late: true, Code: gate.NotConfirmed,
					Typed: strings.Repeat("x", 99), Changed: moved},
			} {
				text := approvalForm(p.Question(), outcome).Message
				if lines, n := strings.Count(text, "\n")+1, utf8.RuneCountInString(text); lines > 25 || n > 2500 {
					t.Errorf("%d changes, %+v: %d lines, %d characters:\n%s", changes, outcome, lines, n, text)
				}
				for i := range changes {
					if !strings.Contains(text, fmt.Sprintf("env.V%d = ", i)) {
						t.Errorf("change %d of %d is not stated:\n%s", i, changes, text)
					}
				}
			}
		}
	}
	if forms < 10 || terminals < 10 {
		t.Errorf("%d forms, %d terminals", forms, terminals)
	}
}

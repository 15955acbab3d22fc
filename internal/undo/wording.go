package undo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Wording is what a person is told about an undo: a [plan.Wording].
type Wording struct{ deploy deploy.Wording }

// Title names the run.
func (Wording) Title(p plan.Plan) string {
	return fmt.Sprintf("Undo what %s did to %s (%s)?", plan.Line(p.FactValue("undoes_tool")), plan.Line(p.App),
		plan.Line(p.FactValue("undoes")))
}

// Effect says what the deploy of the earlier services does.
func (w Wording) Effect(p plan.Plan, d plan.Detail) []string {
	if changesMachines(p) {
		return w.deploy.Effect(p, d)
	}
	return append([]string{p.ImpactSentence()}, p.HazardSentences(d)...)
}

// NotDone says what stays as the run left it.
func (w Wording) NotDone(p plan.Plan, _ plan.Detail) []string {
	var out []string
	for _, f := range p.Facts {
		if name, ok := strings.CutPrefix(f.Key, factKept); ok {
			out = append(out, plan.Message(name))
		}
	}
	return out
}

// Undo says what happens after a failure.
func (w Wording) Undo(p plan.Plan) []string {
	if !changesMachines(p) {
		return nil
	}
	return w.deploy.Undo(p)
}

func changesMachines(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return s.Verb == gate.UpdateMachine || s.Verb == gate.LeaseMachine || s.Verb == gate.CreateMachine
	})
}

package private

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Wording is what a person is told about making an app private: a [plan.Wording].
type Wording struct {
	deploy  deploy.Wording
	release address.ReleaseWording
}

// Title counts what happens.
func (Wording) Title(p plan.Plan) string {
	machines := make(map[string]bool)
	var released, allocated int
	for _, s := range p.ShownSteps() {
		switch s.Verb {
		case gate.ReleaseAddress:
			released++
		case gate.AllocateAddress:
			allocated++
		case gate.UpdateMachine, gate.CreateMachine, gate.LeaseMachine, gate.DestroyMachine:
			machines[s.Target] = true
		}
	}
	var changes []string
	if allocated > 0 {
		changes = append(changes, "allocate a Flycast address")
	}
	if len(machines) > 0 {
		changes = append(changes, "deploy onto "+plan.Machines(len(machines)))
	}
	if released > 0 {
		changes = append(changes, "release "+plan.Count(released, "address", "addresses"))
	}
	return fmt.Sprintf("Make %s private: %s?", plan.Line(p.App), strings.Join(changes, ", "))
}

// Effect says what the deploy and the release do, and in which order. The settings of the deploy are
// the defaults, and are left out.
func (w Wording) Effect(p plan.Plan, d plan.Detail) []string {
	out := []string{"in this order: " + plan.Line(p.FactValue("order")) + "; it stops at the first failure"}
	lines := append([]string{p.ImpactSentence()}, p.HazardSentences(d)...)
	if hasMachines(p) {
		lines = w.deploy.Effect(p, d)
	}
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "settings: "):
		case line == p.ImpactSentence():
			out = append(out, strings.TrimSuffix(line, "; no restart"))
		default:
			out = append(out, line)
		}
	}
	return append(out, address.LostCallers(p)...)
}

func hasMachines(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return s.Verb == gate.UpdateMachine || s.Verb == gate.CreateMachine || s.Verb == gate.LeaseMachine
	})
}

// NotDone says what neither the deploy nor the release does.
func (w Wording) NotDone(p plan.Plan, d plan.Detail) []string {
	var out []string
	if hasMachines(p) {
		out = append(out, "no build", "no release_command is run")
		if left := p.FactNames(plan.FactLeft); len(left) > 0 {
			out = append(out, "Machines of groups not in the file are not destroyed: "+d.List(left))
		}
	}
	return append(out, w.release.NotDone(p, d)...)
}

// Undo says what happens after a failure, and that the address can be released.
func (w Wording) Undo(p plan.Plan) []string {
	if !hasMachines(p) {
		return nil
	}
	return w.deploy.Undo(p)
}

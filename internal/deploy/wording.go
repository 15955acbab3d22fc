package deploy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Wording writes the texts that a person reads about a deploy. It implements [plan.Wording].
type Wording struct{}

// Title counts what happens to which Machines.
func (Wording) Title(p plan.Plan) string {
	var updates, creates, replaces, ends, proves int
	for _, s := range p.ShownSteps() {
		switch s.Verb {
		case gate.UpdateMachine:
			updates++
		case gate.CreateMachine:
			if s.Get(plan.ParamMachine) != "" {
				replaces++
			} else {
				creates++
			}
		case gate.DestroyMachine:
			ends++
		case gate.LeaseMachine:
			proves++
		}
	}
	title := func(verb string, n int) string {
		return fmt.Sprintf("%s %s of %s", verb, plan.Machines(n), plan.Line(p.App))
	}
	create, destroy := "", ""
	if creates > 0 {
		create = fmt.Sprintf(", and create %d more", creates)
	}
	if leftovers := ends - replaces; leftovers > 0 {
		destroy = fmt.Sprintf(", and destroy %d left over", leftovers)
	}
	switch {
	case replaces > 0:
		return title("Replace", replaces) + create + destroy + "?"
	case updates > 0:
		return title("Deploy configuration onto", updates) + create + destroy + "?"
	case creates > 0:
		return title("Create", creates) + destroy + "?"
	case ends > 0:
		return title("Destroy", ends) + "?"
	}
	return title("Test", proves) + "?"
}

// replaces reports whether new Machines replace those that would restart otherwise.
func (Wording) replaces(p plan.Plan) bool {
	return p.FactValue(plan.FactStrategy) == "bluegreen" &&
		(p.Impact == plan.ImpactRestart || p.Impact == plan.ImpactBriefOutage)
}

// origins says how many values differ for another reason than an edit of the services.
func (Wording) origins(p plan.Plan) []string {
	var why []string
	for _, origin := range []struct{ word, why string }{
		{"live", "%s changed on the Machines since the last release: this UNDOES that"},
		{"both", "%s changed on the Machines and in the file since then: the file wins"},
		{"file", "%s edited in the file since then"},
		{"behind", "%s from an earlier release, on Machines that the last release did not reach"},
		{"unknown", "%s of unknown origin"},
	} {
		n, err := strconv.Atoi(p.FactValue(plan.FactOrigin + origin.word))
		if err == nil && n > 0 {
			why = append(why, fmt.Sprintf(origin.why, plan.Count(n, "value was", "values were")))
		}
	}
	if len(why) == 0 {
		return nil
	}
	return []string{"of the differences, " + strings.Join(why, "; ")}
}

// adopted says which Machines fly deploy will update from now on.
func (Wording) adopted(p plan.Plan, d plan.Detail) []string {
	var out []string
	left := 0
	for _, f := range p.Facts {
		group, ok := strings.CutPrefix(f.Key, plan.FactAdopted)
		if !ok {
			continue
		}
		ids := strings.Split(f.Value, ",")
		if len(out) == d.Names {
			left += len(ids)
			continue
		}
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = plan.Clean(id)
		}
		out = append(out, fmt.Sprintf("%s not made by fly deploy (%s) will belong to group %s: every "+
			"later deploy updates them", plan.Machines(len(ids)), d.List(names), plan.Quote(group)))
	}
	slices.Sort(out)
	if left > 0 {
		out = append(out, fmt.Sprintf("and so will %d more Machines not made by fly deploy, in other groups", left))
	}
	return out
}

// Effect says what the strategy and the tests of Machines add to the impact, and how the
// deploy is carried out.
func (w Wording) Effect(p plan.Plan, d plan.Detail) []string {
	var out []string
	if !w.replaces(p) { // else the strategy says it
		out = []string{p.ImpactSentence()}
	}
	out = append(out, p.HazardSentences(d)...)
	out = slices.Concat(out, w.origins(p), w.adopted(p, d), w.atOnce(p, d))
	switch p.FactValue(plan.FactStrategy) {
	case "immediate":
		out = append(out, "ALL AT ONCE: no Machine is tested before the others")
	case "canary":
		out = append(out, "one extra Machine of each group is tested first, then destroyed")
	case "bluegreen":
		out = append(out, "a second set of Machines is started beside the first; requests move to it when it is healthy")
	}
	isOld := func(s plan.Step) bool { return s.Get(plan.ParamMachine) != "" }
	if p.FactValue(plan.FactWake) == "true" && slices.ContainsFunc(p.Steps, isOld) {
		out = append(out, "stopped Machines are started once to test them")
	}
	if p.FactValue(plan.FactOnFailure) == "continue" {
		out = append(out, "a failure does NOT end the deploy: all Machines may be left broken")
	}
	return append(out, w.settings(p)...)
}

// atOnce says how many Machines of each group may be down at the same time.
func (Wording) atOnce(p plan.Plan, d plan.Detail) []string {
	var parts []string
	outages, left := 0, 0
	for _, f := range p.Facts {
		group, ok := strings.CutPrefix(f.Key, plan.FactAtOnce)
		if !ok {
			continue
		}
		if len(parts) == d.Names {
			left++
			if strings.HasPrefix(f.Value, "ALL ") {
				outages++
			}
			continue
		}
		parts = append(parts, fmt.Sprintf("group %s %s", plan.Quote(group), plan.Clean(f.Value)))
	}
	if len(parts) == 0 {
		return nil
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%d more groups, %d of which may be down completely", left, outages))
	}
	return []string{"down at the same time, at most: " + strings.Join(parts, ", ")}
}

// settings returns the settings of the deploy, the defaults included.
func (Wording) settings(p plan.Plan) []string {
	var parts []string
	for _, name := range []string{plan.FactStrategy, plan.FactMaxUnavailable, plan.FactOnFailure,
		plan.FactWake, plan.FactWaitTimeout, plan.FactScope} {
		if value := p.FactValue(name); value != "" {
			parts = append(parts, name+" "+plan.Clean(value))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"settings: " + strings.Join(parts, ", ")}
}

// NotDone says what fly deploy would do and this does not.
func (Wording) NotDone(p plan.Plan, d plan.Detail) []string {
	out := []string{"no build", "no address is allocated", "no release_command is run"}
	if left := p.FactNames(plan.FactLeft); len(left) > 0 {
		out = append(out, "Machines of groups not in the file are not destroyed: "+d.List(left))
	}
	return out
}

// Undo says what happens after a failure, and how to undo a deploy that worked.
func (Wording) Undo(p plan.Plan) []string {
	const deployEarlier = "deploy the earlier file"
	onFailure := p.FactValue(plan.FactOnFailure)
	if p.FactValue(plan.FactStrategy) == "bluegreen" {
		// Until requests go to the new set, a failure destroys it, whatever on_failure says.
		early := "if a new Machine fails before it gets requests, all new ones are destroyed and the old ones stay; "
		switch onFailure {
		case "stop":
			return []string{early + "a later failure is NOT put back: " + deployEarlier}
		case "continue":
			return []string{early + "a later failure is NOT put back, and the deploy continues: " + deployEarlier}
		}
		return []string{early + "so too later, until the first old one is destroyed; after that, " + deployEarlier}
	}
	switch onFailure {
	case "put_back":
		return []string{"if a Machine fails, it and those changed before it get their earlier " +
			"configuration back; after that, " + deployEarlier}
	case "stop":
		return []string{"a Machine that fails is NOT put back, and no Machine is changed after it; to undo, " +
			deployEarlier}
	case "continue":
		return []string{"a Machine that fails is NOT put back, and the deploy continues; to undo, " + deployEarlier}
	}
	return []string{"a Machine that fails gets its earlier configuration back; after that, " + deployEarlier}
}

package plan_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// sizedPlan deploys onto n Machines in some groups and regions: common changes
// onto all of them, and own ones, of which each Machine gets one.
type sizedPlan struct {
	machines, groups, regions, common, own, value int
}

func (s sizedPlan) plan() plan.Plan {
	p := plan.Plan{
		Tool: "deploy", Wording: wordings()["deploy"], App: "shop", AppID: "app-1", Gated: true,
		Hazards: []plan.Hazard{plan.Restart, plan.BriefOutage, plan.OtherConfigChanges, plan.NewPublicService},
		Unknown: []plan.Unknown{plan.FlycastUnproven, plan.BuildUnknown}, Impact: plan.ImpactBriefOutage,
	}
	for _, f := range [][2]string{
		{plan.FactStrategy, "rolling"}, {plan.FactMaxUnavailable, "0.33"},
		{plan.FactOnFailure, "continue"}, {plan.FactWake, "true"},
		{plan.FactWaitTimeout, "5m0s"}, {plan.FactScope, "all"},
	} {
		p.Fact(f[0], f[1])
	}
	for g := range s.groups {
		p.Fact(fmt.Sprintf("%sgroup%d", plan.FactAtOnce, g), plan.AtOnce(1, 3, false))
	}
	change := func(path string) plan.Change {
		return plan.Change{Path: path, Before: "‹hidden, 4 bytes›",
			After: strconv.Quote(strings.Repeat("v", s.value-len(path)) + path), FromFile: true}
	}
	for i := range s.machines {
		id := fmt.Sprintf("%014x", 0x148e000000000+i)
		step := plan.Step{Verb: gate.UpdateMachine, Target: id + "@aa", Params: []plan.Param{
			{plan.ParamMachine, id}, {plan.ParamGroup, fmt.Sprintf("group%d", i%s.groups)},
			{plan.ParamRegion, fmt.Sprintf("r%d", i/s.groups%s.regions)},
		}}
		for c := range s.common {
			step.Changes = append(step.Changes, change(fmt.Sprintf("env.C%d", c)))
		}
		if s.own > 0 {
			step.Changes = append(step.Changes, change(fmt.Sprintf("env.O%d", i%s.own)))
		}
		p.Steps = append(p.Steps, plan.Step{Verb: gate.LeaseMachine, Target: id}, step,
			plan.Step{Verb: gate.PutBackMachine, Target: id + "@bb"})
		p.Fact("machine/"+id, "01J"+id)
	}
	return p
}

// checkForm checks a question as a form has it, with whatever may be put before
// it: within the limits, or told to be too long.
func checkForm(t *testing.T, name string, p plan.Plan) (tooLong bool) {
	t.Helper()
	r, err := p.Request(p.Question())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if r.TooLong != "" {
		if why := p.Question().TooLong(); !strings.Contains(why, "a form holds") {
			t.Errorf("%s: %s", name, why)
		}
		return true
	}
	var moved []string
	for i := range 300 {
		moved = append(moved, fmt.Sprintf("machine/148e%d-with-a-long-name-of-forty-characters is gone", i))
	}
	for _, changed := range [][]string{nil, moved[:1], moved[:6], moved} {
		text := strings.Repeat("x", plan.AheadCharacters-plan.AheadLines) +
			strings.Repeat("\n", plan.AheadLines) + p.Question().TextAgain(changed)
		if lines, n := strings.Count(text, "\n")+1, utf8.RuneCountInString(text); lines > 25 || n > 2500 {
			t.Errorf("%s, %d things changed: %d lines, %d characters:\n%s", name, len(changed), lines, n, text)
		}
	}
	return false
}

// TestSizes: whatever the size of a deploy, a form states each distinct change
// and counts every Machine within its limits, or the terminal is to be used; and
// that has every Machine by id and every value whole.
func TestSizes(t *testing.T) {
	forms, terminals := 0, 0
	for _, machines := range []int{1, 2, 7, 20, 200, 1000} {
		for _, groups := range []int{1, 3, 40} {
			for _, regions := range []int{1, 35} {
				for _, changes := range [][2]int{{1, 0}, {5, 2}, {0, 6}, {30, 0}, {0, machines}} {
					for _, value := range []int{10, 60, 500} {
						s := sizedPlan{machines, min(groups, machines), regions, changes[0],
							min(changes[1], machines), value}
						if machines > 20 && (value > 60 || changes[0] > 5) || machines > 20 &&
							changes[1] == machines && value > 10 || machines > 200 && groups*regions > 1 {
							continue // larger, and nothing else
						}
						name, p := fmt.Sprintf("%+v", s), s.plan()
						distinct := s.common + s.own
						if checkForm(t, name, p) {
							terminals++
							if distinct <= 5 && value <= 60 && groups <= 5 || distinct <= 1 {
								t.Errorf("%s goes to a terminal: %s", name, p.Question().TooLong())
							}
						} else {
							forms++
							text := unwrapped(p.Question().Text())
							for c := range s.common {
								if n := strings.Count(text, fmt.Sprintf("env.C%d: ", c)); n != 1 {
									t.Errorf("%s: change %d is said %d times in\n%s", name, c, n, text)
								}
							}
							for c := range s.own {
								if n := strings.Count(text, fmt.Sprintf("env.O%d: ", c)); n != 1 {
									t.Errorf("%s: a Machine's own change %d is said %d times in\n%s", name, c, n, text)
								}
							}
							if !strings.Contains(text, plan.Count(machines, "Machine", "Machines")) {
								t.Errorf("%s: the Machines are not counted in\n%s", name, text)
							}
							if !strings.Contains(text, "(file): shown because it comes from the file") {
								t.Errorf("%s: not said why values are shown:\n%s", name, text)
							}
						}
						full := unwrapped(p.FullQuestion().Text())
						for _, step := range p.Steps {
							if id := step.Get(plan.ParamMachine); id != "" && !strings.Contains(full, id+" (") {
								t.Fatalf("%s: the terminal does not show Machine %s", name, id)
							}
						}
						for c := range s.common {
							if !strings.Contains(full, fmt.Sprintf("venv.C%d' (file)", c)) && value > 10 {
								t.Fatalf("%s: the terminal does not show value %d whole", name, c)
							}
						}
					}
				}
			}
		}
	}
	if forms == 0 || terminals == 0 {
		t.Errorf("%d forms, %d terminals", forms, terminals)
	}
	t.Logf("%d forms, %d terminals", forms, terminals)
}

// TestUniformDeploys: any number of Machines that get the same are asked about
// in a form.
func TestUniformDeploys(t *testing.T) {
	for n := 1; n <= 1000; n = n*3/2 + 1 {
		for _, regions := range []int{1, 6, 30} {
			p := sizedPlan{n, min(3, n), regions, 4, 0, 60}.plan()
			if checkForm(t, fmt.Sprint(n), p) {
				t.Errorf("%d Machines in %d regions: %s\n%s", n, regions, p.Question().TooLong(),
					p.Question().Text())
			}
		}
	}
}

// TestManyAddresses: the number of addresses that are lost is in the form, and
// each of them in the terminal.
func TestManyAddresses(t *testing.T) {
	for _, n := range []int{1, 6, 7, 30, 64, 1000} {
		p := manyAddresses(n)
		for i := range n {
			p.Fact(fmt.Sprintf("certificate/customer-%d.example.com", i), "")
		}
		p.Hazard(plan.CustomHostnameStops)
		if checkForm(t, fmt.Sprint(n), p) {
			t.Errorf("%d addresses: %s", n, p.Question().TooLong())
		}
		text, full := p.Question().Text(), p.FullQuestion().Text()
		if !strings.Contains(text, "Release "+plan.Count(n, "address", "addresses")) ||
			!strings.Contains(text, "LOST FOR GOOD") {
			t.Errorf("%d addresses:\n%s", n, text)
		}
		if n > 6 && !strings.Contains(text, fmt.Sprintf("%d addresses of kind dedicated IPv4, LOST FOR GOOD", n)) {
			t.Errorf("%d addresses are not counted:\n%s", n, text)
		}
		for i := range n {
			if !strings.Contains(full, fmt.Sprintf("137.66.1.%d ", i)) ||
				!strings.Contains(full, fmt.Sprintf(`"customer-%d.example.com"`, i)) {
				t.Fatalf("%d addresses: the terminal lacks number %d", n, i)
			}
		}
	}
}

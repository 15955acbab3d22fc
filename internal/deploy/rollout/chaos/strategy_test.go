package chaos

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
)

// What the strategies that make Machines of their own, canary and bluegreen,
// may leave behind.

// strategyScenarios are deployments with extra Machines. They are tried fewer
// times each: what is done with a Machine that stays is tried above.
func strategyScenarios() []scenario {
	web := group{name: "web", running: 2, checks: true}
	worker := group{name: "worker", running: 1}
	cold := group{name: "web", running: 1, stopped: 1, checks: true, autostop: true}
	return []scenario{
		{name: "canary, put back", want: "removed removed healthy healthy healthy",
			groups: []group{web, worker}, strategy: rollout.Canary, onFailure: rollout.PutAllBack, release: true},
		{name: "canary, then one sick, put back", want: "removed put_back put_back",
			groups: []group{web}, strategy: rollout.Canary, onFailure: rollout.PutAllBack, release: true,
			spoil: flysim.FailChecks, spoiled: 1},
		{name: "the canary is sick, continue", want: "removed not_started not_started",
			groups: []group{cold}, strategy: rollout.Canary, onFailure: rollout.Continue, wake: true,
			spoilNew: flysim.FailCrash},
		{name: "bluegreen, put back", want: "healthy healthy healthy replaced replaced replaced",
			groups: []group{web, worker}, strategy: rollout.BlueGreen, onFailure: rollout.PutAllBack, release: true},
		{name: "bluegreen, cold, stop", want: "healthy healthy replaced replaced",
			groups: []group{cold}, strategy: rollout.BlueGreen, onFailure: rollout.Stop, wake: true, release: true},
		{name: "bluegreen, left asleep, continue", want: "healthy unproven replaced replaced",
			groups: []group{cold}, strategy: rollout.BlueGreen, onFailure: rollout.Continue},
		{name: "a canary that stays, stop", want: "broken not_started",
			groups: []group{{name: "web", running: 1, checks: true}}, strategy: rollout.Canary,
			onFailure: rollout.Stop, release: true, refused: "machine.destroy"},
		{name: "bluegreen, both sets left, stop", want: "healthy broken",
			groups: []group{{name: "web", running: 1, checks: true}}, strategy: rollout.BlueGreen,
			onFailure: rollout.Stop, release: true, refused: "machine.stop"},
		{name: "bluegreen, turned back", want: "removed put_back",
			groups: []group{{name: "web", running: 1, checks: true}}, strategy: rollout.BlueGreen,
			onFailure: rollout.PutAllBack, release: true, refused: "machine.destroy"},
		{name: "bluegreen, a green one is sick, put back", want: "removed removed not_started not_started",
			groups: []group{web}, strategy: rollout.BlueGreen, onFailure: rollout.PutAllBack, release: true,
			spoilNew: flysim.FailCrash},
	}
}

// pace is the time in which the platform allows as many creations again as at
// first: each process keeps to its limits, and knows nothing of one before.
const pace = 5 * time.Second

// extras reports whether the strategy makes Machines of its own.
func (s scenario) extras() bool {
	return s.strategy == rollout.Canary || s.strategy == rollout.BlueGreen
}

// tries is how many troubles are tried in a scenario; 0: all.
func (s scenario) tries() int {
	if s.extras() {
		return (*perApp + 4*share - 1) / (4 * share)
	}
	return *perApp
}

// spoiler lets the first start of the first new Machine fail.
type spoiler struct {
	next http.RoundTripper
	w    *platform
}

// RoundTrip implements [http.RoundTripper].
func (s spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.next.RoundTrip(r)
	s.w.spoilFirst()
	return response, err
}

func (w *platform) spoilFirst() {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.MachineIDs(appName)
	if w.spoilt || len(ids) <= len(w.first) {
		return
	}
	w.spoilt = true
	w.FailMachine(appName, ids[len(ids)-1], w.scenario.spoilNew)
	w.StartMachine(appName, ids[len(ids)-1]) // as if it were its first start
}

// extra reports whether a Machine was made by the strategy beside those of the app.
func (w *platform) extra(id string) bool {
	config := w.MachineConfig(appName, id)
	switch w.scenario.strategy {
	case rollout.Canary:
		return config.Label(machine.MetadataCanary) != ""
	case rollout.BlueGreen:
		return config.Label(rollout.ReplacesKey) != ""
	}
	return false
}

// extras are the Machines that the strategy has made.
func (w *platform) extras() []string {
	return slices.DeleteFunc(w.MachineIDs(appName), func(id string) bool { return !w.extra(id) })
}

// greens are those in the place of a Machine.
func (w *platform) greens(id string) []liveMachine {
	var greens []liveMachine
	for _, green := range w.extras() {
		if m := w.Machine(appName, green); m.Config.Label(rollout.ReplacesKey) == id {
			greens = append(greens, m)
		}
	}
	return greens
}

// newcomers is how many Machines the work creates.
func newcomers(work rollout.Work) (n int) {
	for _, pool := range slices.Concat(work.Order()...) {
		if pool.Create {
			n += len(pool.Machines)
		}
	}
	return n
}

// halfExchanged are the groups with two sets of Machines. As in a deploy, the
// strategy is given all of them.
func (w *platform) halfExchanged() map[string]bool {
	groups := make(map[string]bool)
	if w.scenario.strategy != rollout.BlueGreen {
		return groups
	}
	ids := w.MachineIDs(appName)
	for _, id := range ids {
		config := w.MachineConfig(appName, id)
		if marked(config) || slices.Contains(ids, config.Label(rollout.ReplacesKey)) {
			groups[config.ProcessGroup()] = true
		}
	}
	return groups
}

// marked reports whether a Machine may be destroyed by any later deploy.
func marked(config machine.Config) bool {
	return config.Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy
}

// intactExtras is what holds at any moment of the strategy's Machines, and with
// bluegreen of those that are replaced.
func (w *platform) intactExtras() (problems []string) {
	wrong := func(id, what string, args ...any) {
		problems = append(problems, "Machine "+id+" "+fmt.Sprintf(what, args...))
	}
	count := make(map[string]int)
	for _, id := range w.extras() {
		found := w.Machine(appName, id)
		want, of := w.extraConfig(found.Config)
		switch {
		case of == "":
			wrong(id, "is in nobody's place")
			continue
		case !sameButLabels(found.Config, want):
			wrong(id, "was created otherwise than wanted: %v", machine.Diff(want, found.Config))
		case w.scenario.strategy == rollout.Canary && !found.Cordoned:
			wrong(id, "is a canary, and in routing")
		}
		if count[of]++; count[of] > 1 {
			wrong(id, "is the second one for %s", of)
		}
	}
	if w.scenario.strategy == rollout.BlueGreen {
		for _, first := range w.first {
			if !w.served(first) {
				wrong(first.ID, "no longer serves, and neither does one in its place")
			}
		}
	}
	return problems
}

// extraConfig is the configuration that one of the strategy's Machines is to
// have, and for what it was made: a group or a Machine.
func (w *platform) extraConfig(found machine.Config) (want machine.Config, of string) {
	w.t.Helper()
	var like []liveMachine
	label, value := machine.MetadataCanary, "true"
	for _, first := range w.first {
		if w.scenario.strategy == rollout.BlueGreen && first.ID == found.Label(rollout.ReplacesKey) {
			like, of, label, value = []liveMachine{first}, first.ID, rollout.ReplacesKey, first.ID
		}
		if w.scenario.strategy == rollout.Canary && first.Config.ProcessGroup() == found.ProcessGroup() {
			like, of = append(like, first), found.ProcessGroup()
		}
	}
	if of == "" {
		return machine.Config{}, ""
	}
	want = w.wanted(slices.MinFunc(like, func(a, b liveMachine) int { return cmp.Compare(a.ID, b.ID) }).Config)
	metadata, err := want.Metadata()
	if err != nil {
		w.t.Fatal(err)
	}
	metadata[label] = value
	if want, err = want.With("metadata", metadata); err == nil && label == machine.MetadataCanary {
		want, err = want.With("dns", map[string]bool{"skip_registration": true})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return want, of
}

// served reports whether a Machine, or one in its place, is in routing, and
// works if it ran.
func (w *platform) served(first liveMachine) bool {
	those := w.greens(first.ID)
	if slices.Contains(w.MachineIDs(appName), first.ID) {
		those = append(those, w.Machine(appName, first.ID))
	}
	return slices.ContainsFunc(those, func(m liveMachine) bool {
		return !m.Cordoned && (first.State != "started" || m.State == "started" && m.ChecksPassing)
	})
}

// leaving is the truth of an existing Machine that the strategy destroys. An
// outcome that is none of these is judged as that of one that stays.
func (w *platform) leaving(a *attempt, out rollout.Outcome, there bool) (problems []string, judged bool) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case out.Role != rollout.RoleBlue && out.Role != rollout.RoleLeftover:
		return nil, false
	case out.State == rollout.Replaced:
		bad(!there, "is there")
		bad(w.scenario.strategy == rollout.BlueGreen, "nothing is in its place")
	case out.State == rollout.Removed:
		bad(!there, "is there")
		bad(w.scenario.strategy == rollout.Canary && out.Role == rollout.RoleLeftover, "was there before")
	case out.State == rollout.Broken: // its error tells
	case !there:
		bad(false, "is gone")
	case out.State == rollout.Unchanged, out.State == rollout.NotStarted, out.State == rollout.PutBack:
		i := slices.IndexFunc(a.work.Updates, func(c rollout.Change) bool { return c.Before.ID == out.ID })
		before, found := a.work.Updates[i].Before, w.Machine(appName, out.ID)
		bad(sameButLabels(found.Config, before.Config), "does not have its earlier configuration: %v",
			machine.Diff(before.Config, found.Config))
		bad(marked(found.Config) == marked(before.Config), "is marked as safe to destroy: %t", marked(found.Config))
		bad(found.Cordoned == before.Cordoned, "is cordoned: %t", found.Cordoned)
		bad(found.InstanceID == before.InstanceID, "is at %s, not %s", found.InstanceID, before.InstanceID)
		bad(out.State != rollout.PutBack || isRunning(found.State) == isRunning(before.State) ||
			!isRunning(before.State) && w.autostops(out.Group), "is %s, and was %s", found.State, before.State)
	default:
		bad(false, "that is no end of one that is to be destroyed")
	}
	return problems, true
}

// truthOfExtra is what holds of the outcome of one of the strategy's Machines,
// beside what holds of every new one.
func (w *platform) truthOfExtra(out rollout.Outcome, there bool) (problems []string) {
	kept := out.State == rollout.Healthy || out.State == rollout.Unproven || out.State == rollout.Failed ||
		out.State == rollout.Unclear
	switch out.Role {
	case rollout.RoleCanary:
		if kept {
			problems = append(problems, "a canary is destroyed in any case")
		}
	case rollout.RoleGreen:
		if kept && there && w.Machine(appName, out.ID).Cordoned {
			problems = append(problems, "is not in routing")
		}
	}
	return problems
}

// finishedExtras: the strategy has left nothing of its own behind but, with
// bluegreen, exactly one Machine in the place of each.
func (w *platform) finishedExtras() (problems []string) {
	switch w.scenario.strategy {
	case rollout.Canary:
		for _, id := range w.extras() {
			problems = append(problems, "canary "+id+" is left")
		}
	case rollout.BlueGreen:
		for _, first := range w.first {
			greens := w.greens(first.ID)
			if len(greens) != 1 || slices.Contains(w.MachineIDs(appName), first.ID) {
				problems = append(problems, fmt.Sprintf("Machine %s was not replaced by one, but by %d", first.ID, len(greens)))
				continue
			}
			green := greens[0]
			if green.Cordoned || marked(green.Config) || first.State == "started" && (green.State != "started" ||
				!green.ChecksPassing) {
				problems = append(problems, fmt.Sprintf("Machine %s is %s, cordoned %t, checks passing %t, marked %t",
					green.ID, green.State, green.Cordoned, green.ChecksPassing, marked(green.Config)))
			}
		}
	}
	return problems
}

// goodEnd reports whether a Machine came to the end that the strategy wants.
func goodEnd(out rollout.Outcome, asleep bool) bool {
	if out.Err != nil {
		return false
	}
	switch out.Role {
	case rollout.RoleCanary:
		return out.State == rollout.Removed
	case rollout.RoleBlue:
		return out.State == rollout.Replaced
	case rollout.RoleLeftover:
		return out.State == rollout.Removed || out.State == rollout.Replaced
	}
	return out.State == rollout.Healthy || asleep && out.State == rollout.Unproven
}

// hanging reports whether an old Machine could not be destroyed after the
// point of no return: the release is complete, as with fly deploy, and the report
// names the Machine.
func (a *attempt) hanging(out rollout.Outcome) bool {
	return a.work.Strategy == rollout.BlueGreen && out.State == rollout.Broken && out.Err != nil &&
		(out.Role == rollout.RoleBlue || out.Role == rollout.RoleLeftover) &&
		(a.work.OnFailure == rollout.Continue || slices.ContainsFunc(a.report.Machines,
			func(m rollout.Outcome) bool { return m.State == rollout.Replaced }))
}

// unreported returns the Machines that a run created and does not report.
func (w *platform) unreported(a *attempt) (problems []string) {
	for _, id := range w.extras() {
		reported := slices.ContainsFunc(a.report.Machines, func(out rollout.Outcome) bool { return out.ID == id })
		if !slices.Contains(a.there, id) && !reported && !w.unknown(a) && !errorNames(a, id) {
			problems = append(problems, "Machine "+id+" was made, and is not in the report: "+strings.TrimSpace(
				w.MachineConfig(appName, id).Label(rollout.ReplacesKey)))
		}
	}
	return problems
}

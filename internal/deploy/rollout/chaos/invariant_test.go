package chaos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// intact is what holds at any moment: whatever is there is what was there, or
// what was wanted.
func (w *platform) intact() (problems []string) {
	ids := w.MachineIDs(appName)
	for _, first := range w.first {
		if !slices.Contains(ids, first.ID) {
			if len(w.greens(first.ID)) == 0 {
				problems = append(problems, "Machine "+first.ID+" is gone")
			}
			continue
		}
		found := w.MachineConfig(appName, first.ID)
		if w.scenario.strategy == rollout.BlueGreen {
			if !sameButLabels(found, first.Config) {
				problems = append(problems, fmt.Sprintf("Machine %s was changed, and is to be replaced: %v", first.ID,
					machine.Diff(first.Config, found)))
			}
			continue
		}
		if !same(w.t, found, first.Config) && !sameButLabels(found, w.wanted(first.Config)) {
			problems = append(problems,
				fmt.Sprintf("Machine %s has neither its earlier nor its new configuration: %v", first.ID,
					machine.Diff(first.Config, found)))
		}
	}
	created := w.created()
	if len(created) > 1 || len(created) > 0 && w.scenario.create.name == "" {
		problems = append(problems, fmt.Sprintf("Machines were created: %q", created))
	}
	for _, id := range created {
		found := fly.NewMachine{Config: w.MachineConfig(appName, id), Region: w.Machine(appName, id).Region}
		want := fly.NewMachine{Config: attached(w.t, w.wanted(w.scenario.create.config(w.t)), found.Config), Region: "ams"}
		if want.Target() != found.Target() {
			problems = append(problems, fmt.Sprintf("Machine %s was created otherwise than wanted: %v", id,
				machine.Diff(want.Config, found.Config)))
		}
	}
	if n := len(w.Volumes(appName)); n > 1 || n > 0 && !w.scenario.volume {
		problems = append(problems, fmt.Sprintf("%d volumes were made", n))
	}
	return append(problems, w.intactExtras()...)
}

// created are the Machines that are there and were not at first, but for those of
// the strategy.
func (w *platform) created() []string {
	return slices.DeleteFunc(w.MachineIDs(appName), func(id string) bool {
		return w.extra(id) || slices.ContainsFunc(w.first, func(m liveMachine) bool { return m.ID == id })
	})
}

// unleased tells of Machines that somebody still keeps from others.
func (w *platform) unleased() (problems []string) {
	for _, id := range w.MachineIDs(appName) {
		if owner := w.Machine(appName, id).LeaseOwner; owner != "" {
			problems = append(problems, "Machine "+id+" is still leased by "+owner)
		}
	}
	return problems
}

// check is what holds when a run has ended that was not killed.
func (w *platform) check(a *attempt) []string {
	problems := w.intact()
	if a.report.Err == nil {
		problems = append(problems, w.complete(a)...)
	}
	for _, out := range a.report.Machines {
		if errors.Is(out.Err, gate.ErrNotGranted) {
			problems = append(problems, fmt.Sprintf("Machine %s: the grant was too small: %v", out.ID, out.Err))
		}
		for _, problem := range w.truth(a, out) {
			problems = append(problems, fmt.Sprintf("Machine %s is reported %s, and %s", out.ID, out.State, problem))
		}
	}
	problems = append(problems, w.released(a)...)
	problems = append(problems, w.stopped(a)...)
	problems = append(problems, w.volumes(a)...)
	problems = append(problems, w.manners(a)...)
	return problems
}

// complete: every Machine of the work is in the report, once, and so is every
// one that was made.
func (w *platform) complete(a *attempt) (problems []string) {
	count := make(map[string]int)
	creates := 0
	for _, out := range a.report.Machines {
		count[out.ID]++
		if !slices.ContainsFunc(a.work.Updates, func(c rollout.Change) bool { return c.Before.ID == out.ID }) {
			creates++
		}
	}
	for _, c := range a.work.Updates {
		if n := count[c.Before.ID]; n != 1 {
			problems = append(problems, fmt.Sprintf("Machine %s is %d times in the report", c.Before.ID, n))
		}
	}
	if want := newcomers(a.work); creates != want {
		problems = append(problems, fmt.Sprintf("%d new Machines are in the report, want %d", creates, want))
	}
	if len(a.work.Creates) > 0 {
		for _, id := range w.created() {
			if count[id] != 1 && !w.unknown(a) && !errorNames(a, id) {
				problems = append(problems, "Machine "+id+" was made, and is not in the report")
			}
		}
	}
	return append(problems, w.unreported(a)...)
}

// unknown reports whether the report says of a new Machine that it may be there.
func (w *platform) unknown(a *attempt) bool {
	return slices.ContainsFunc(a.report.Machines, func(out rollout.Outcome) bool {
		return out.ID == "" && out.State == rollout.Broken && out.Err != nil
	})
}

// errorNames reports whether an error of the run names a Machine or a volume.
func errorNames(a *attempt, id string) bool {
	return slices.ContainsFunc(a.report.Machines, func(out rollout.Outcome) bool {
		return out.Err != nil &&
			strings.Contains(out.Err.Error(), id)
	})
}

// truth compares one outcome with the platform.
func (w *platform) truth(a *attempt, out rollout.Outcome) (problems []string) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	switch out.State {
	case rollout.Healthy:
		bad(out.Err == nil, "has the error %v", out.Err)
	case rollout.Failed, rollout.Unclear, rollout.Broken, rollout.Unchanged:
		bad(out.Err != nil, "has no error")
	case rollout.Unproven, rollout.PutBack, rollout.Removed, rollout.Replaced, rollout.NotStarted:
	default:
		bad(false, "that is no state")
	}
	i := slices.IndexFunc(a.work.Updates, func(c rollout.Change) bool { return c.Before.ID == out.ID })
	there := slices.Contains(w.MachineIDs(appName), out.ID)
	if i < 0 {
		return slices.Concat(problems, w.truthOfNew(out, there), w.truthOfExtra(out, there))
	}
	if more, judged := w.leaving(a, out, there); judged {
		return append(problems, more...)
	}
	if !there {
		return append(problems, "is gone")
	}
	change, found := a.work.Updates[i], w.Machine(appName, out.ID)
	isNew, isOld := sameButLabels(found.Config, change.After), same(w.t, found.Config, change.Before.Config)
	ran := isRunning(change.Before.State)
	switch out.State {
	case rollout.Healthy:
		bad(isNew, "has another configuration")
		bad(found.ChecksPassing || found.State != "started", "its checks do not pass")
		bad(out.After == "" || out.After == found.InstanceID, "is at %s, not %s", found.InstanceID, out.After)
		want := "started"
		if out.Stopped {
			want = "stopped"
		}
		bad(found.State == want, "is %s, not %s", found.State, want)
	case rollout.Unproven, rollout.Failed:
		bad(isNew, "has another configuration")
	case rollout.PutBack:
		bad(isOld, "does not have its earlier configuration: %v", machine.Diff(change.Before.Config, found.Config))
		if w.scenario.spoil == flysim.FailNone || out.ID != w.first[w.scenario.spoiled].ID {
			// One that was woken is left to autostop.
			bad(isRunning(found.State) == ran || !ran && w.autostops(change.Group), "is %s, and was %s", found.State,
				change.Before.State)
		}
	case rollout.Unchanged, rollout.NotStarted:
		bad(isOld, "does not have its earlier configuration: %v", machine.Diff(change.Before.Config, found.Config))
		bad(found.InstanceID == change.Before.InstanceID, "is at %s, not %s", found.InstanceID, change.Before.InstanceID)
	case rollout.Removed, rollout.Replaced:
		bad(false, "was there before")
	}
	return problems
}

// truthOfNew compares the outcome of a Machine that was to be created.
func (w *platform) truthOfNew(out rollout.Outcome, there bool) (problems []string) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	switch out.State {
	case rollout.Healthy:
		bad(there && out.Created, "is there %t, created %t", there, out.Created)
		if there {
			m := w.Machine(appName, out.ID)
			want := "started"
			if out.Stopped {
				want = "stopped"
			}
			bad(m.State == want && (m.ChecksPassing || out.Stopped), "is %s, checks passing %t", m.State, m.ChecksPassing)
		}
	case rollout.Unproven, rollout.Failed:
		bad(there && out.Created, "is there %t, created %t", there, out.Created)
	case rollout.Removed:
		bad(!there && out.ID != "", "is there %t", there)
	case rollout.Unchanged, rollout.NotStarted:
		for _, id := range w.created() {
			bad(out.Err != nil && strings.Contains(out.Err.Error(), id), "%s was made", id)
		}
	case rollout.PutBack, rollout.Replaced:
		bad(false, "it never had another configuration")
	}
	return problems
}

// released: the record of the release tells what became of the run.
func (w *platform) released(a *attempt) (problems []string) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	records, report := w.Releases(appName), a.report.Release
	if a.work.Release == nil {
		bad(report == nil, "a release is reported that was not wanted")
		return problems
	}
	if a.report.Err != nil { // nothing was begun
		for _, out := range a.report.Machines {
			bad(out.State == rollout.NotStarted, "nothing was begun, and Machine %s is %s", out.ID, out.State)
		}
	}
	// whether it is possible was asked first
	if report == nil && w.scenario.strategy == rollout.BlueGreen && a.report.Err != nil {
		bad(!slices.ContainsFunc(a.calls, func(c flysim.Call) bool { return c.Write }),
			"nothing was begun, and something was written")
		return problems
	}
	if report == nil {
		return append(problems, "no release is reported")
	}
	if report.Err != nil { // it is named
		return problems
	}
	i := slices.IndexFunc(records, func(r flysim.Release) bool { return r.ID == report.Release.ID })
	if i < 0 {
		return append(problems, "release "+report.Release.ID+" is not there")
	}
	bad(records[i].Status == string(report.Status), "the release is %s, and reported %s", records[i].Status, report.Status)
	bad(report.Status != fly.ReleaseRunning && report.Status != "pending", "the release was left %s", report.Status)
	worked := !slices.ContainsFunc(a.report.Machines, func(out rollout.Outcome) bool {
		return (out.Err != nil || out.State == rollout.NotStarted) && !a.hanging(out)
	})
	bad(worked == (report.Status == fly.ReleaseComplete), "the release is %s, and all went well: %t",
		report.Status, worked)
	return problems
}

// stopped: a run that somebody ended leaves nothing that is new where the work
// says so, and names what it could not put back.
func (w *platform) stopped(a *attempt) (problems []string) {
	if !a.report.Stopped || !a.report.Interrupted || a.work.OnFailure != rollout.PutAllBack || a.report.Err != nil {
		return nil
	}
	if slices.ContainsFunc(a.trouble, func(t *faults) bool { return t.hit && t.kind.cancel }) {
		return nil // the program was told to end as well
	}
	for _, out := range a.report.Machines {
		if !out.Same && (out.State == rollout.Healthy || out.State == rollout.Unproven || out.State == rollout.Failed) {
			problems = append(problems, fmt.Sprintf("the run was stopped, and Machine %s is left %s", out.ID, out.State))
		}
	}
	return problems
}

// volumes: those that no Machine has are named.
func (w *platform) volumes(a *attempt) (problems []string) {
	for _, v := range w.Volumes(appName) {
		reported := errorNames(a, v.ID) || slices.ContainsFunc(a.report.Machines,
			func(out rollout.Outcome) bool { return out.Volume == v.ID })
		used := slices.ContainsFunc(a.work.Creates, func(c rollout.Create) bool { return c.Use == v.ID })
		if v.Machine == "" && !reported && !used && !w.unknown(a) {
			problems = append(problems, "volume "+v.ID+" belongs to no Machine, and is not named")
		}
	}
	return problems
}

// manners: leases are given back, unless it was their own calls that failed; what
// is asked has a bound and keeps to the platform's limits.
func (w *platform) manners(a *attempt) (problems []string) {
	excused := slices.ContainsFunc(a.trouble, func(t *faults) bool {
		return strings.HasPrefix(t.at.operation, "lease.") || t.at.operation == "machine.create"
	})
	if !excused && a.trouble != nil {
		problems = append(problems, w.unleased()...)
	}
	limited := 0
	for _, c := range a.calls {
		if c.Status == 429 && !c.FaultInjected {
			limited++
		}
	}
	if limited > 0 && len(a.trouble) > 0 {
		problems = append(problems, fmt.Sprintf("%d requests came too fast", limited))
	}
	machines := int64(len(a.work.Updates) + newcomers(a.work))
	if bound := 20 + 60*machines; a.sent > bound {
		problems = append(problems, fmt.Sprintf("%d requests for %d Machines, want at most %d", a.sent, machines, bound))
	}
	if bound := time.Duration(machines)*10*time.Minute +
		time.Duration(len(a.work.Abandoned))*time.Minute; a.report.Took > bound {
		problems = append(problems, fmt.Sprintf("it took %v, want at most %v", a.report.Took, bound))
	}
	return problems
}

// finished: everything is as it was wanted.
func (w *platform) finished(a *attempt) (problems []string) {
	for _, first := range w.first {
		if w.scenario.strategy == rollout.BlueGreen {
			break
		}
		found := w.Machine(appName, first.ID)
		if !sameButLabels(found.Config, w.wanted(first.Config)) {
			problems = append(problems, "Machine "+first.ID+" does not have its new configuration")
		}
		if w.ran(first.ID) && (found.State != "started" || !found.ChecksPassing) {
			problems = append(problems, fmt.Sprintf("Machine %s is %s, checks passing %t", first.ID, found.State,
				found.ChecksPassing))
		}
	}
	problems = append(problems, w.finishedExtras()...)
	created := w.created()
	if (w.scenario.create.name != "") != (len(created) == 1) {
		problems = append(problems, fmt.Sprintf("created: %q", created))
	}
	for _, v := range w.Volumes(appName) {
		if v.Machine == "" {
			problems = append(problems, "volume "+v.ID+" belongs to no Machine")
		}
	}
	if a.report.Err != nil {
		problems = append(problems, "nothing was begun")
	}
	for _, id := range w.left() {
		problems = append(problems, "release "+id+" was left without an end")
	}
	for _, out := range a.report.Machines {
		if !goodEnd(out, !a.work.Wake) {
			problems = append(problems, fmt.Sprintf("Machine %s is %s: %v", out.ID, out.State, out.Err))
		}
	}
	return problems
}

// heal ends all troubles: what was sick is well when it starts again.
func (w *platform) heal() {
	w.ClearFaults()
	w.mu.Lock()
	w.spoilt = true
	w.mu.Unlock()
	if w.scenario.spoil == flysim.FailNone {
		return
	}
	first := w.first[w.scenario.spoiled]
	w.FailMachine(appName, first.ID)
	switch now := w.Machine(appName, first.ID); {
	case first.State == "started":
		w.StartMachine(appName, first.ID)
	case now.State != "stopped":
		w.StopMachine(appName, first.ID)
	}
	time.Sleep(5 * time.Second)
}

// autostops reports whether Fly Proxy stops the idle Machines of a group.
func (w *platform) autostops(name string) bool {
	return slices.ContainsFunc(w.scenario.groups, func(g group) bool { return g.name == name && g.autostop })
}

func isRunning(state string) bool {
	switch state {
	case "started", "starting", "restarting", "replacing", "updating":
		return true
	}
	return false
}

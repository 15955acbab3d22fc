package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// machineRecords returns the Machines of a report as the steps of a result. If there are more than a
// result lists, those that need a look come first.
func machineRecords(report rollout.Report) []plan.Record {
	greens := make(map[string]string) // id of a blue Machine → that of its green one
	for _, m := range report.Machines {
		if m.For != "" {
			greens[m.For] = m.ID
		}
	}
	var out []plan.Record
	for _, m := range report.Machines {
		out = append(out, machineRecord(m, greens[m.ID]))
	}
	if len(out) > plan.MaxSteps {
		rank := func(r plan.Record) int {
			if r.State == plan.Done {
				return 1
			}
			return 0
		}
		slices.SortStableFunc(out, func(a, b plan.Record) int { return cmp.Compare(rank(a), rank(b)) })
	}
	return out
}

// proved counts what was seen of the Machines, each claim for those only of
// which it is true.
func proved(report rollout.Report) (verified, unknown []string) {
	var checked, started, mismatched, stopped, unread int
	for _, m := range report.Machines {
		switch {
		case m.State == rollout.Unproven && m.Err != nil:
			unread++
		case m.State == rollout.Unproven:
			stopped++
		case m.State != rollout.Healthy:
		case len(m.Mismatch) > 0 && !m.StillRunning():
			mismatched++
		case m.Checks > 0:
			checked++
		default:
			started++
		}
	}
	add := func(to *[]string, n int, format string) {
		if n > 0 {
			*to = append(*to, fmt.Sprintf(format, n))
		}
	}
	add(&verified, checked, "%d started, with passing checks, and read back with the configuration that was sent")
	add(&verified, started, "%d started and read back with the configuration that was sent; no health "+
		"checks to test more")
	add(&unknown, stopped, "%d updated while stopped and not started: not tested")
	add(&unknown, unread, "%d updated, but not read back: not verified")
	add(&unknown, mismatched, "%d started with a different configuration than was sent: not verified")
	return verified, unknown
}

// unreachablePorts names the ports where no request through Fly Proxy gets to a program.
func unreachablePorts(report rollout.Report) []string {
	var out []string
	for _, m := range report.Machines {
		for _, p := range m.Listening {
			switch p.State {
			case rollout.ReachLoopback, rollout.ReachPrivate:
				out = append(out, fmt.Sprintf("Machine %s: port %d is bound to %s, which Fly Proxy cannot reach; "+
					"bind it to 0.0.0.0 or [::]", m.ID, p.Port, plan.Clean(p.Address)))
			case rollout.ReachNone:
				out = append(out, fmt.Sprintf("Machine %s: nothing listens on port %d", m.ID, p.Port))
			}
		}
	}
	return out
}

// machineRecord returns one Machine: before, after, proof. Green is the id of the one
// in its place, if there is one.
func machineRecord(m rollout.Outcome, green string) plan.Record {
	r := plan.Record{Do: gate.UpdateMachine, Target: m.ID, Undo: plan.UndoYes, State: recordState(m.State)}
	if m.Created || m.Before == "" && m.ID == "" {
		r.Do = gate.CreateMachine
		r.Target = cmp.Or(m.ID, m.Region)
	}
	switch {
	case m.Role == rollout.RoleBlue, m.Role == rollout.RoleLeftover:
		r.Do = gate.DestroyMachine
		if leavesAsPlanned(m) {
			r.State, r.Undo = plan.Done, plan.UndoNo
		}
	case leavesAsPlanned(m): // a canary
		r.State = plan.Done
	}
	notes := []string{"group " + plan.Clean(m.Group)}
	if m.Before != "" && m.After != "" && m.Before != m.After {
		notes = append(notes, m.Before+" → "+m.After)
	}
	if m.Volume != "" {
		notes = append(notes, "volume "+m.Volume)
	}
	if m.For != "" {
		notes = append(notes, "in place of "+m.For)
	}
	notes = append(notes, stateNote(m, green)...)
	if m.Proof != "" && (m.State == rollout.Healthy || m.State == rollout.Unproven) { // else it is about what is gone
		notes = append(notes, plan.Line(m.Proof))
	}
	switch {
	case m.StillRunning():
		notes = append(notes, "but could not be stopped again")
	case len(m.Mismatch) > 0:
		notes = append(notes, "but has a different configuration than was sent")
	}
	r.Note = strings.Join(notes, ", ")
	if m.Err != nil {
		r.Note += ": " + plan.Message(m.Err.Error())
	}
	return r
}

func recordState(s rollout.State) plan.State {
	switch s {
	case rollout.Healthy, rollout.Unproven, rollout.Replaced:
		return plan.Done
	case rollout.PutBack, rollout.Removed:
		return plan.PutBack
	case rollout.NotStarted:
		return plan.NotStarted
	}
	return plan.StepFailed
}

// stateNote says how a Machine ended where its state does not.
func stateNote(m rollout.Outcome, green string) []string {
	var notes []string
	if m.Same && m.State != rollout.PutBack { // that is one which a green one did not take the place of
		notes = append(notes, "already had it")
	}
	switch {
	case m.State == rollout.Healthy && m.Proof != "": // it says so
	case m.State == rollout.Healthy && m.Checks > 0:
		notes = append(notes, "healthy")
	case m.State == rollout.Healthy:
		notes = append(notes, "started (it has no health checks)")
	case m.State == rollout.Unproven && m.Err != nil:
		notes = append(notes, "updated, but not read back")
	case m.State == rollout.Unproven:
		notes = append(notes, "not started: not tested")
	case m.State == rollout.Failed:
		notes = append(notes, "left with the new configuration")
	case m.State == rollout.PutBack && m.Up:
		notes = append(notes, "earlier configuration restored, seen started")
	case m.State == rollout.PutBack && m.Role == "":
		notes = append(notes, "earlier configuration restored, not seen started")
	case m.Role == rollout.RoleCanary && leavesAsPlanned(m):
		notes = append(notes, "a canary: tested and destroyed, as planned")
	case m.Role == rollout.RoleLeftover && leavesAsPlanned(m):
		notes = append(notes, "left over from an earlier deploy: destroyed")
	case m.State == rollout.Removed:
		notes = append(notes, "destroyed again")
	case m.State == rollout.Replaced:
		notes = append(notes, "destroyed: "+cmp.Or(green, "another one")+" is in its place")
	case m.State == rollout.Unclear:
		notes = append(notes, "unknown whether it has the new configuration")
	case m.State == rollout.Broken:
		notes = append(notes, "could not be put back")
	}
	switch {
	case m.Stopped:
		notes = append(notes, "started, then stopped again")
	case m.Woken && (m.State == rollout.Healthy || m.State == rollout.Unproven):
		notes = append(notes, "started, left to autostop")
	case m.Woken:
		notes = append(notes, "woken")
	}
	return notes
}

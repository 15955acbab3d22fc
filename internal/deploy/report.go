package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// notDone ends the summary of every deploy.
const notDone = "No address was allocated, nothing was built, no release_command was run."

// reportDeploy tells what became of each Machine.
func (a *Deployer) reportDeploy(w Work, result rollout.Report) Result {
	out := w.out
	out.App, out.Order, out.Expected = w.in.App, nil, ""
	tally, greens := tallyOf(result), instead(result)
	out.Machines = &Counts{
		Total: len(w.snapshot.Machines) + tally.added - tally.gone, Updated: tally.updated, Created: tally.created, Unchanged: w.unchanged + tally.same,
		Left: w.left, Healthy: tally.healthy, Unproven: tally.unproven, Failed: tally.failed, PutBack: tally.putBack,
		NotStarted: tally.notStarted, Unclear: tally.unclear + tally.broken - tally.unnamed,
	}
	var mismatches []string
	failed, bad := result.Failed()
	for _, m := range result.Machines {
		out.Steps = append(out.Steps, machineRecord(m, greens[m.ID]))
		for _, line := range m.Mismatch {
			mismatches = append(mismatches, fmt.Sprintf("Machine %s: %s", m.ID, plan.Line(line)))
		}
	}
	if len(out.Steps) > plan.MaxSteps { // what is cut off is what needs no look
		slices.SortStableFunc(out.Steps, func(a, b plan.Record) int {
			done := func(r plan.Record) int {
				if r.State == plan.Done {
					return 1
				}
				return 0
			}
			return cmp.Compare(done(a), done(b))
		})
	}
	out.Verified, out.Unknown = proved(result)
	out.Unknown = append(out.Unknown, deaf(result)...)
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	for _, r := range result.Abandoned {
		if r.Err != nil {
			out.Unknown = append(out.Unknown, fmt.Sprintf("version %d, left as %s by an interrupted deploy, could not be closed: fly releases may still show it that way", r.Release.Version, r.Release.Status))
		}
	}
	if r := result.Release; r != nil {
		out.Release = r.Release.Version
		if r.Err != nil {
			out.Unknown = append(out.Unknown, releaseNote(r))
		}
	}
	if tally.changed() > tally.created || tally.destroyed > 0 {
		out.Undo = []string{"deploy the earlier fly.toml"}
	}
	for _, m := range result.Machines { // an earlier file without its group leaves such a Machine alone
		if m.Created && m.Role == "" && (m.State == rollout.Healthy || m.State == rollout.Unproven) && len(out.Undo) < plan.MaxNames {
			out.Undo = append(out.Undo, fmt.Sprintf("fly machine destroy %s -a %s --force", m.ID, w.in.App))
		}
	}
	if tally.destroyed > 0 {
		out.Undo = append(out.Undo, fmt.Sprintf("%s destroyed: their data outside volumes is lost", plan.Machines(tally.destroyed)))
	}
	switch {
	case result.Err != nil:
		out.Status, out.Code = plan.Failed, failedCode(result.Err)
		out.Retry = out.Code.Retry()
		out.Summary = fmt.Sprintf("Deploy of %s did not start: %s. No Machine was changed.", w.in.App, plan.Message(result.Err.Error()))
		out.Next = []plan.Next{{Who: "agent", Tool: Tool, Why: "the same call makes a new plan and asks again"}}
	case bad:
		a.reportFailure(w, tally, failed, &out)
	case result.Interrupted && result.Stopped:
		reportStopped(w, tally, &out)
	case result.Interrupted:
		out.Status, out.Code, out.Retry = plan.Partial, gate.PlatformError, gate.PlatformError.Retry()
		out.Summary = fmt.Sprintf("Deploy of %s was interrupted: %s %s", w.in.App, tally.sentence(), notDone)
		out.Next = []plan.Next{{Who: "agent", Tool: Tool, Why: "the same call does what is left"}}
	case len(mismatches) > 0:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("%s was deployed, but %s. %s", w.in.App, odd(result), notDone)
		out.Unknown = append(out.Unknown, mismatches...)
	default:
		a.reportSuccess(w, tally, &out)
		if result.Stopped {
			out.Summary += " The stop came after the last Machine was started."
		}
	}
	return out
}

// reportStopped is about a deploy that somebody wanted to end. To begin again is
// not for an agent to decide.
func reportStopped(w Work, t tally, out *Result) {
	out.Status, out.Code, out.Retry = plan.Failed, gate.Declined, gate.Declined.Retry()
	if t.changed()+t.failed+t.unclear > 0 {
		out.Status = plan.Partial
	}
	out.Summary = fmt.Sprintf("Deploy of %s was stopped on request before its last Machine. %s %s", w.in.App, t.sentence(), notDone)
	out.Next = []plan.Next{{Who: "person", Why: "decides whether to continue: the same deploy call does what is left, and asks again"}}
}

func (a *Deployer) reportSuccess(w Work, t tally, out *Result) {
	app, total := w.in.App, out.Machines.Total
	out.Status = plan.Applied
	out.Summary = fmt.Sprintf("%d of %s of %s run the new configuration.", t.healthy, plan.Machines(total), app)
	switch {
	case w.unchanged > 0 && t.of > 0:
		out.Summary = fmt.Sprintf("%d of %s of %s have the new configuration: %d tested now, %d already had it.", t.changed()+w.unchanged, plan.Machines(total), app, t.healthy, w.unchanged)
	case t.unproven > 0:
		out.Summary = fmt.Sprintf("%d of %s of %s have the new configuration, %d of them tested.", t.changed(), plan.Machines(total), app, t.healthy)
	}
	if t.of == 0 { // only what was left over went
		out.Summary = fmt.Sprintf("No Machine of %s needed an update.", app)
	}
	if t.canaries > 0 {
		out.Summary += fmt.Sprintf(" Tested first on %d extra, since destroyed.", t.canaries)
	}
	if t.created > 0 {
		out.Summary += fmt.Sprintf(" %d created.", t.created)
	}
	if t.destroyed > 0 {
		out.Summary += fmt.Sprintf(" %d destroyed as planned.", t.destroyed)
	}
	if out.Release > 0 {
		out.Summary += fmt.Sprintf(" Recorded as version %d.", out.Release)
	}
	out.Summary += " " + notDone
	out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app}, Why: "checks the live Machines again and lists what is left"}}
	if w.addressless() {
		out.Next = append([]plan.Next{{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: app}, Why: "the app has no address: this allocates a private one"}}, out.Next...)
	}
}

// reportFailure is about a Machine that failed. The status is partial if some
// Machine has the new configuration now.
func (a *Deployer) reportFailure(w Work, t tally, failed rollout.Outcome, out *Result) {
	out.Status, out.Code = plan.Failed, failedCode(failed.Err)
	if t.changed()+t.failed+t.unclear+t.broken > 0 {
		out.Status = plan.Partial
	}
	out.Retry = out.Code.Retry()
	name := "a new Machine of group " + plan.Clean(failed.Group)
	if failed.ID != "" {
		name = "Machine " + failed.ID
	}
	message := "it failed"
	if failed.Err != nil {
		message = plan.Message(failed.Err.Error())
	}
	stopped := "stopped at"
	if w.settings.onFailure == rollout.Continue {
		stopped = "went on after"
	}
	out.Summary = fmt.Sprintf("Deploy of %s %s %s: %s. %s %s %s", w.in.App, stopped, name, message, fate(failed), t.sentence(), notDone)
	switch {
	case t.unclear+t.broken > 0:
		out.Next = []plan.Next{{Who: "person", Command: "fly machine list -a " + w.in.App, Why: "a Machine could not be put back, or its configuration is unknown: check it before the next deploy"}}
	case out.Code == gate.Busy:
		out.RetryAfterS = int(plan.BusyRetry.Seconds())
		out.Next = []plan.Next{{Who: "agent", Tool: Tool, Why: "wait until the other client releases its lease, then repeat the identical call; it asks a person again"}}
	case out.Code == gate.Stale:
		out.Next = []plan.Next{{Who: "agent", Tool: Tool, Why: "the same call makes a new plan from the current state, and asks again"}}
	case out.Code == gate.PlatformError:
		out.Next = []plan.Next{{Who: "agent", Tool: Tool, Why: "Fly failed, not the Machine: the same call does what is left, and asks again"}}
	case out.Code == gate.VerifyFailed:
		out.Next = []plan.Next{{Who: "person", Command: "fly logs -a " + w.in.App + " --no-tail", Why: "shows why it failed; when that is fixed, the same deploy call does what is left, and asks again"}}
	case out.Code == gate.Unauthorized:
		out.Next = []plan.Next{{Who: "person", Command: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", w.in.App), Why: "this token was refused; give the server a token with the right to do it"}}
	default:
		out.Next = []plan.Next{{Who: "person", Why: "fix what Fly refused; then the same deploy call does what is left, and asks again"}}
	}
}

// odd says in what the platform is not as it should be.
func odd(result rollout.Report) string {
	awake := 0
	for _, m := range result.Machines {
		switch {
		case m.Restless():
			awake++
		case len(m.Mismatch) > 0:
			return "the platform has a different configuration than was sent"
		}
	}
	return fmt.Sprintf("%d that were stopped before could not be stopped again and are running", awake)
}

// proved counts what was seen of the Machines, each claim for those only of
// which it is true.
func proved(result rollout.Report) (verified, unknown []string) {
	var checked, started, mismatched, stopped, unread int
	for _, m := range result.Machines {
		switch {
		case m.State == rollout.Unproven && m.Err != nil:
			unread++
		case m.State == rollout.Unproven:
			stopped++
		case m.State != rollout.Healthy:
		case len(m.Mismatch) > 0 && !m.Restless():
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
	add(&verified, started, "%d started and read back with the configuration that was sent; no health checks to test more")
	add(&unknown, stopped, "%d updated while stopped and not started: not tested")
	add(&unknown, unread, "%d updated, but not read back: not verified")
	add(&unknown, mismatched, "%d started with a different configuration than was sent: not verified")
	return verified, unknown
}

// deaf names ports where no request through Fly Proxy gets to a program.
func deaf(result rollout.Report) []string {
	var out []string
	for _, m := range result.Machines {
		for _, p := range m.Listening {
			switch p.State {
			case rollout.ReachLoopback, rollout.ReachPrivate:
				out = append(out, fmt.Sprintf("Machine %s: port %d is bound to %s, which Fly Proxy cannot reach; bind it to 0.0.0.0 or [::]", m.ID, p.Port, plan.Clean(p.Address)))
			case rollout.ReachNone:
				out = append(out, fmt.Sprintf("Machine %s: nothing listens on port %d", m.ID, p.Port))
			}
		}
	}
	return out
}

// machineRecord is one Machine: before, after, proof. Green is the id of the one
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
		if leaves(m) {
			r.State, r.Undo = plan.Done, plan.UndoNo
		}
	case leaves(m): // a canary
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
	if m.Proof != "" && (m.State == rollout.Healthy || m.State == rollout.Unproven) { // else it is of what is there no more
		notes = append(notes, plan.Line(m.Proof))
	}
	switch {
	case m.Restless():
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
	case m.Role == rollout.RoleCanary && leaves(m):
		notes = append(notes, "a canary: tested and destroyed, as planned")
	case m.Role == rollout.RoleLeftover && leaves(m):
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

func fate(m rollout.Outcome) string {
	switch m.State {
	case rollout.PutBack:
		if m.Role == rollout.RoleBlue || m.Role == rollout.RoleLeftover {
			return "It was not changed and still serves."
		}
		if !m.Up {
			return "It has its earlier configuration again, but was not seen started with it."
		}
		return "It has its earlier configuration again and was seen started; its checks were not awaited."
	case rollout.Removed:
		return "It was destroyed again."
	case rollout.Failed:
		return "It was left with the new configuration."
	case rollout.Unclear:
		return "It is unknown whether it has the new configuration: check it."
	case rollout.Broken:
		if m.Created {
			return "It could NOT be removed: a person has to check it."
		}
		return "Its earlier configuration could NOT be put back: a person has to check it."
	case rollout.Unchanged:
		return "It was not changed."
	}
	return "Its state could not be read back."
}

// failedCode is what a failure is called. An error without a code is about a
// Machine that did not stand its proof: Fly did what was asked, and the same
// again would end the same.
func failedCode(err error) gate.Code {
	switch code := fly.CodeOf(err); {
	case err == nil:
		return gate.PlatformError
	case code == gate.Internal:
		return gate.VerifyFailed
	default:
		return code
	}
}

package deploy

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Result is what a deploy would do, or did.
type Result struct {
	plan.Result
	Changes  []string  `json:"changes,omitempty" jsonschema:"changes to the Machines' configuration"`
	Drift    []Drifted `json:"drift,omitempty" jsonschema:"changes other than the edit of patch_services"`
	Order    []string  `json:"order,omitempty" jsonschema:"steps, in order"`
	Expected string    `json:"expected,omitempty" jsonschema:"estimated time and how it is computed"`
	Machines *Counts   `json:"machines,omitempty"`
	Release  int       `json:"release,omitempty" jsonschema:"version recorded"`
	Remarks  []string  `json:"remarks,omitempty"`
}

// Counts are the app's Machines. Total is the sum of all the others but Healthy, Started and
// Unproven, which say what was seen of the updated, created and unchanged ones.
type Counts struct {
	Total      int `json:"total"`
	Updated    int `json:"updated" jsonschema:"not counting failed ones"`
	Created    int `json:"created,omitempty"`
	Unchanged  int `json:"unchanged" jsonschema:"already had this configuration"`
	Left       int `json:"left,omitempty" jsonschema:"left alone; remarks say why"`
	Healthy    int `json:"healthy" jsonschema:"passed their checks"`
	Started    int `json:"started,omitempty" jsonschema:"started; they have no checks to pass"`
	Unproven   int `json:"unproven" jsonschema:"updated but not tested"`
	Failed     int `json:"failed,omitempty" jsonschema:"do not work with the new configuration and were left with it"`
	PutBack    int `json:"put_back,omitempty"`
	NotStarted int `json:"not_started,omitempty" jsonschema:"not changed: refused, or not reached"`
	Unclear    int `json:"unclear,omitempty" jsonschema:"state unknown; check them"`
}

// notDone ends the summary of every deploy.
const notDone = "No address was allocated, nothing was built, no release_command was run."

// reportResult reports what became of each Machine.
func reportResult(w Work, report rollout.Report) Result {
	out, tally := w.planned, countOutcomes(report)
	out.App, out.Order, out.Expected = w.Rollout.App, nil, ""
	out.Machines = tally.counts(*w.planned.Machines)
	out.Steps = machineRecords(report)
	out.Verified, out.Unknown = proved(report)
	out.Unknown = append(out.Unknown, unreachablePorts(report)...)
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	out.Unknown = append(out.Unknown, unclosedReleases(report)...)
	if r := report.Release; r != nil {
		out.Release = r.Release.Version
	}
	out.Undo = undo(w.Rollout.App, report, tally)
	failed, bad := report.Failed()
	mismatches := mismatchLines(report)
	switch {
	case report.Err != nil:
		out.Set(plan.Failed, failedCode(report.Err))
		out.Summary = fmt.Sprintf("Deploy of %s did not start: %s. No Machine was changed.",
			out.App, plan.Message(report.Err.Error()))
		out.Next = callAgain("the same call makes a new plan and asks again")
	case bad:
		out.failed(w, tally, failed)
	case report.Interrupted && report.Stopped: // to begin again is not for an agent to decide
		out.Set(tally.failedStatus(tally.failed+tally.unclear), gate.Declined)
		out.Summary = fmt.Sprintf("Deploy of %s was stopped on request before its last Machine. %s %s",
			out.App, tally.sentence(), notDone)
		out.Next = askPerson("", "decides whether to continue: the same deploy call does what is left, and asks again")
	case report.Interrupted:
		out.Set(plan.Partial, gate.PlatformError)
		out.Summary = fmt.Sprintf("Deploy of %s was interrupted: %s %s", out.App, tally.sentence(), notDone)
		out.Next = callAgain("the same call does what is left")
	case len(mismatches) > 0:
		out.Set(plan.Partial, gate.VerifyFailed)
		out.Retry = gate.RetryAfterFix
		out.Summary = fmt.Sprintf("%s was deployed, but %s. %s", out.App, mismatchSentence(report), notDone)
		out.Unknown = append(out.Unknown, mismatches...)
	default:
		out.applied(w, tally)
		if report.Stopped {
			out.Summary += " The stop came after the last Machine was started."
		}
	}
	return out
}

// undo returns how to get back to the state before the deploy.
func undo(app string, report rollout.Report, t outcomes) []string {
	var out []string
	if t.passed() > t.created || t.destroyed > 0 {
		out = append(out, "deploy the earlier fly.toml")
	}
	for _, m := range report.Machines { // an earlier file without its group leaves such a Machine alone
		if m.Created && m.Role == "" && (m.State == rollout.Healthy || m.State == rollout.Unproven) &&
			len(out) < plan.MaxNames {
			out = append(out, fmt.Sprintf("fly machine destroy %s -a %s --force", m.ID, app))
		}
	}
	if t.destroyed > 0 {
		out = append(out, fmt.Sprintf("%s destroyed: their data outside volumes is lost", plan.Machines(t.destroyed)))
	}
	return out
}

// unclosedReleases says which releases are recorded otherwise than they should be.
func unclosedReleases(report rollout.Report) []string {
	var out []string
	for _, r := range report.Abandoned {
		if r.Err != nil {
			out = append(out, fmt.Sprintf("version %d, left as %s by an interrupted deploy, could not be closed: "+
				"fly releases may still show it that way",
				r.Release.Version, r.Release.Status))
		}
	}
	switch r := report.Release; {
	case r == nil || r.Err == nil:
	case r.Release.Version == 0 && r.Release.ID == "":
		out = append(out, "no version could be recorded")
	default:
		out = append(out, fmt.Sprintf("version %d was recorded but could not be closed: fly releases may show it as %s",
			r.Release.Version, r.Status))
	}
	return out
}

// mismatchLines returns a line for each way in which a Machine differs from what it should be.
func mismatchLines(report rollout.Report) []string {
	var out []string
	for _, m := range report.Machines {
		for _, line := range m.Mismatch {
			out = append(out, fmt.Sprintf("Machine %s: %s", m.ID, plan.Line(line)))
		}
	}
	return out
}

// applied reports a deploy that went as planned.
func (out *Result) applied(w Work, t outcomes) {
	app, total, unchanged := out.App, out.Machines.Total, w.planned.Machines.Unchanged
	out.Status = plan.Applied
	out.Summary = fmt.Sprintf("%d of %s of %s run the new configuration.", t.healthy, plan.Machines(total), app)
	switch {
	case unchanged > 0 && t.of > 0:
		out.Summary = fmt.Sprintf("%d of %s of %s have the new configuration: %d tested now, %d already had it.",
			t.passed()+unchanged, plan.Machines(total), app, t.healthy, unchanged)
	case t.unproven > 0:
		out.Summary = fmt.Sprintf("%d of %s of %s have the new configuration, %d of them tested.",
			t.passed(), plan.Machines(total), app, t.healthy)
	}
	if t.of == 0 { // only leftover ones were destroyed
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
	out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app},
		Why: "checks the live Machines again and lists what is left"}}
	if len(w.judged.Before.Inbound()) == 0 {
		out.Next = append([]plan.Next{{Who: "agent", Tool: "allocate_flycast",
			Arguments: &plan.Arguments{App: app}, Why: "the app has no address: this allocates a private one"}}, out.Next...)
	}
}

// failed reports a deploy in which a Machine failed.
func (out *Result) failed(w Work, t outcomes, failed rollout.Outcome) {
	out.Set(t.failedStatus(t.failed+t.unclear+t.broken), failedCode(failed.Err))
	name := "a new Machine of group " + plan.Clean(failed.Group)
	if failed.ID != "" {
		name = "Machine " + failed.ID
	}
	message := "it failed"
	if failed.Err != nil {
		message = plan.Message(failed.Err.Error())
	}
	stopped := "stopped at"
	if w.Rollout.OnFailure == rollout.Continue {
		stopped = "went on after"
	}
	out.Summary = fmt.Sprintf("Deploy of %s %s %s: %s. %s %s %s",
		out.App, stopped, name, message, fate(failed), t.sentence(), notDone)
	switch {
	case t.unclear+t.broken > 0:
		out.Next = askPerson("fly machine list -a "+out.App,
			"a Machine could not be put back, or its "+
				"configuration is unknown: check it before the next deploy")
	case out.Code == gate.Busy:
		out.RetryAfterS = int(plan.BusyRetry.Seconds())
		out.Next = callAgain("wait until the other client releases its lease, then repeat the identical call; it " +
			"asks a person again")
	case out.Code == gate.Stale:
		out.Next = callAgain("the same call makes a new plan from the current state, and asks again")
	case out.Code == gate.PlatformError:
		out.Next = callAgain("Fly failed, not the Machine: the same call does what is left, and asks again")
	case out.Code == gate.VerifyFailed:
		out.Next = askPerson("fly logs -a "+out.App+" --no-tail",
			"shows why it failed; when that is fixed, the same deploy call does what is left, and asks again")
	case out.Code == gate.Unauthorized:
		out.Next = askPerson(fmt.Sprintf("fly tokens create deploy -a %s -x 24h",
			out.App),
			"this token was refused; give the server a token with the right to do it")
	default:
		out.Next = askPerson("", "fix what Fly refused; then the same deploy call does what is left, and asks again")
	}
}

// mismatchSentence returns a sentence about how the Machines differ from what they should be.
func mismatchSentence(report rollout.Report) string {
	awake := 0
	for _, m := range report.Machines {
		switch {
		case m.StillRunning():
			awake++
		case len(m.Mismatch) > 0:
			return "the platform has a different configuration than was sent"
		}
	}
	return fmt.Sprintf("%d that were stopped before could not be stopped again and are running", awake)
}

// fate says what became of the Machine that failed.
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

// failedCode returns the code of a failure. An error without a code is about a
// Machine that failed its tests: Fly did what was asked, and another try would
// fail in the same way.
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

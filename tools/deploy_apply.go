package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
)

// Limits of the wait for one Machine (flyctl's default wait-timeout is 5 minutes).
const (
	startWithin   = 5 * time.Minute
	healthyWithin = 5 * time.Minute
)

// applyDeploy rolls the changes out and tells what became of each Machine. The
// addresses are read once more before the first one: what was approved for a
// private app is not done to one that has become public.
func (a *adapter) applyDeploy(ctx context.Context, w deployWork, grant *gate.Grant, report Report) (deployOutput, error) {
	app := w.in.App
	addresses, err := a.Fly.Addresses(ctx, app)
	if err != nil {
		p, ok := problem(err)
		if !ok {
			return deployOutput{}, err
		}
		p.Message += "; the addresses could not be read again before the first Machine, and nothing was changed"
		return deployOutput{}, p
	}
	news, err := w.exposedBy(addresses)
	if err != nil {
		return deployOutput{}, err
	}
	if len(news) > 0 {
		return deployOutput{}, &Problem{
			Code:    gate.Stale,
			Message: fmt.Sprintf("the addresses of %s changed after the approval, and what was approved would now do more (%s); nothing was changed", app, strings.Join(news, ", ")),
			Hint:    "the same call plans anew and asks again",
		}
	}
	engine := rollout.Engine{Client: a.Fly, Clock: a.Clock, Record: func(m rollout.Outcome) {
		a.record(journal.Entry{Event: journal.Step, Tool: "deploy", App: app, Verb: string(gate.UpdateMachine), Target: m.ID, Status: string(m.State), Code: string(fly.CodeOf(m.Err))})
	}}
	work := rollout.Work{App: app, Strategy: rollout.Rolling, Updates: w.changes, OnFailure: rollout.PutAllBack, StartWithin: startWithin, HealthyWithin: healthyWithin}
	result := engine.Run(ctx, grant, work, func(p rollout.Phase) {
		report(p.N-1, p.Of, fmt.Sprintf("group %s, Machine %s (%d of %d): %s", p.Group, p.Machine, p.N, p.Of, p.Doing))
	})
	out := a.reportDeploy(w, result)
	a.readdressed(ctx, w, &out)
	return out, nil
}

// exposedBy lists what the deployment would do with other addresses, beyond
// what its plan says.
func (d *deployment) exposedBy(addresses fly.Addresses) ([]string, error) {
	again := deployment{in: d.in, file: d.file, snapshot: d.snapshot, changes: d.changes}
	again.snapshot.Addresses = addresses
	if err := again.exposure(); err != nil {
		return nil, err
	}
	var out []string
	for _, b := range again.blockers {
		if !slices.Contains(out, b.ID) {
			out = append(out, b.ID)
		}
	}
	for _, h := range again.hazards {
		if !slices.Contains(d.hazards, h) && !slices.Contains(out, string(h)) {
			out = append(out, string(h))
		}
	}
	return out, nil
}

// readdressed reads the addresses a last time and tells what changed about them
// while the Machines were updated: which public ones came, and what the deploy
// does now that its plan did not say.
func (a *adapter) readdressed(ctx context.Context, w deployWork, out *deployOutput) {
	now, err := a.Fly.Addresses(ctx, w.in.App)
	if err != nil {
		out.Unknown = append(out.Unknown, "which addresses the app has now: they could not be read after the deploy")
		return
	}
	tell := func(text string) {
		out.Unknown = append(out.Unknown, text)
		out.Summary += " But " + text + "."
	}
	had := public(w.snapshot.Addresses.List)
	came := slices.DeleteFunc(public(now.List), func(ip string) bool { return slices.Contains(had, ip) })
	if len(came) > 0 {
		tell("public addresses came while this deploy was at work: " + strings.Join(came, ", "))
	}
	if news, err := w.exposedBy(now); err == nil && len(news) > 0 {
		tell("with the addresses of now it does more than its plan said: " + strings.Join(news, ", "))
	}
}

func (a *adapter) reportDeploy(w deployWork, result rollout.Report) deployOutput {
	out := w.out
	app, total := w.in.App, len(w.snapshot.Machines)
	out.App = app
	healthy, unproven := result.Count(rollout.Healthy), result.Count(rollout.Unproven)
	out.Machines = &machineCounts{Total: total, Updated: healthy + unproven, Unchanged: w.unchanged, Healthy: healthy, Unproven: unproven}
	var mismatches []string
	for _, m := range result.Machines {
		out.Steps = append(out.Steps, machineRecord(m))
		for _, line := range m.Mismatch {
			mismatches = append(mismatches, fmt.Sprintf("Machine %s: %s", m.ID, plan.Line(line)))
		}
	}
	out.Verified, out.Unknown = proved(result)
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	if healthy+unproven > 0 {
		out.Undo = []string{"deploy the earlier fly.toml"}
	}
	const not = "No address was allocated, nothing was built, no release_command ran."
	failed, bad := result.Failed()
	switch {
	case bad:
		out.Status, out.Code = plan.Failed, failedCode(failed.Err)
		if healthy+unproven > 0 {
			out.Status = plan.Partial
		}
		out.Retry = out.Code.Retry()
		out.Summary = fmt.Sprintf("Deploy of %s stopped at Machine %s: %s. %s %d of %d updated. %s",
			app, failed.ID, plan.Message(failed.Err.Error()), fate(failed), healthy+unproven, len(w.changes), not)
		out.Next = []plan.Next{{Who: "person", Why: "see why the Machine failed (fly logs); a later deploy does what is left"}}
		if out.Code == gate.Busy {
			out.RetryAfterS = int(busyRetry.Seconds())
			out.Next = []plan.Next{{Who: "agent", Tool: "deploy", Why: "wait until the other deployer's lease is given back, then repeat the identical call; a person is asked again"}}
		}
	case len(mismatches) > 0:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("%s was deployed, but the platform holds something else than was sent. %s", app, not)
		out.Unknown = append(out.Unknown, mismatches...)
	default:
		out.Status = plan.Applied
		out.Summary = fmt.Sprintf("%d of %s of %s run the new configuration. %s", healthy, machines(total), app, not)
		if unproven > 0 {
			out.Summary = fmt.Sprintf("%d of %s of %s have the new configuration, %d of them proved. %s", healthy+unproven, machines(total), app, healthy, not)
		}
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app}, Why: "judges the live Machines anew and names what is left"}}
	}
	return out
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
		case len(m.Mismatch) > 0:
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
	add(&verified, started, "%d started and read back with the configuration that was sent; without health checks to prove more")
	add(&unknown, stopped, "%d updated while stopped and not started: not proved")
	add(&unknown, unread, "%d updated, but not read back: not proved")
	add(&unknown, mismatched, "%d started with another configuration than was sent: not proved")
	return verified, unknown
}

func machineRecord(m rollout.Outcome) plan.Record {
	r := plan.Record{Do: gate.UpdateMachine, Target: m.ID, Undo: plan.UndoYes, Note: "group " + plan.Clean(m.Group)}
	switch m.State {
	case rollout.Healthy:
		r.State, r.Note = plan.Done, r.Note+", healthy"
		if m.Checks == 0 {
			r.Note = "group " + plan.Clean(m.Group) + ", started (it has no health checks)"
		}
	case rollout.Unproven:
		r.State, r.Note = plan.Done, r.Note+", stopped: not proved"
		if m.Err != nil {
			r.Note = "group " + plan.Clean(m.Group) + ", updated, but not read back"
		}
	case rollout.PutBack:
		r.State = plan.PutBack
	case rollout.NotStarted:
		r.State = plan.NotStarted
	default:
		r.State = plan.StepFailed
	}
	if len(m.Mismatch) > 0 {
		r.Note += ", but holds something else than was sent"
	}
	if m.Err != nil {
		r.Note += ": " + plan.Message(m.Err.Error())
	}
	return r
}

func fate(m rollout.Outcome) string {
	switch m.State {
	case rollout.PutBack:
		if !m.Launched {
			return "It has its earlier configuration again; it was not running and was not started."
		}
		return "It has its earlier configuration again: it was seen started, its checks were not awaited."
	case rollout.Broken:
		return "Its earlier configuration could NOT be put back: it needs a person."
	case rollout.Unchanged:
		return "It was not changed."
	}
	return "Its state could not be read back."
}

func failedCode(err error) gate.Code {
	if code := fly.CodeOf(err); code != gate.Internal {
		return code
	}
	return gate.PlatformError
}

func deployText(out deployOutput) string {
	var b strings.Builder
	if m := out.Machines; m != nil {
		fmt.Fprintf(&b, "Machines: %d in all, %d updated, %d unchanged, %d healthy, %d unproven\n", m.Total, m.Updated, m.Unchanged, m.Healthy, m.Unproven)
	}
	for _, line := range out.Changes {
		fmt.Fprintf(&b, "change: %s\n", line)
	}
	for _, line := range out.Remarks {
		fmt.Fprintf(&b, "remark: %s\n", line)
	}
	return b.String()
}

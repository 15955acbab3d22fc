package private

import (
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// Apply carries out the stages in their order and stops at the first that fails, or when
// somebody wants the run to end. What is left is planned again by the same call.
func (m *Maker) Apply(ctx context.Context, w Work, caller string, grant *gate.Grant, report plan.Report) (Result, error) {
	out := w.result
	out.App, out.Order, out.Expected = w.in.App, nil, ""
	var done []stage
	var proved *rules.Snapshot // what the check read; nil: there was none
	for i, s := range w.stages {
		if m.isStopped(w.in.App) {
			out.halt(w, done, w.stages[i:])
			return out, nil
		}
		ended, err := m.apply(ctx, w, s, caller, grant, report, &proved, &out)
		if err != nil {
			if len(done) == 0 {
				return Result{}, err
			}
			ended = m.failed(ctx, err)
		}
		if ended.Status != plan.Applied && ended.Status != plan.NothingToDo {
			out.stop(w, s, done, w.stages[i+1:], ended)
			return out, nil
		}
		done = append(done, s)
	}
	m.conclude(ctx, w, &out)
	return out, nil
}

// isStopped reports whether somebody wants the run to end.
func (m *Maker) isStopped(app string) bool {
	select {
	case <-m.Runs.StopRequested(app):
		return true
	default:
		return false
	}
}

// failed returns an error as the result of its stage.
func (m *Maker) failed(ctx context.Context, err error) plan.Result {
	problem := m.Releaser.Explain(ctx, err)
	var r plan.Result
	r.SetProblem(problem)
	r.Status, r.Summary = plan.Failed, plan.Message(problem.Message)
	return r
}

// apply carries out one stage, and adds what it did to the result.
func (m *Maker) apply(ctx context.Context, w Work, s stage, caller string, grant *gate.Grant, report plan.Report,
	proved **rules.Snapshot, out *Result) (plan.Result, error) {
	switch s {
	case allocating:
		r, err := m.Allocator.Apply(ctx, w.parts.allocate.Work, grant, report)
		out.Address = r.Address
		out.add(r.Result)
		return r.Result, err
	case writing:
		r, err := m.Editor.Apply(w.edit.Work, grant, caller)
		out.add(r.Result)
		return r.Result, err
	case deploying:
		r, err := m.Deployer.Apply(ctx, w.parts.deploy.Work, grant, report)
		if err == nil {
			out.Machines, out.Changes = r.Machines, r.Changes
		}
		out.add(r.Result)
		return r.Result, err
	case proving:
		s, ended, err := m.prove(ctx, w, grant, report, out)
		*proved = s
		return ended, err
	case releasing:
		work, err := m.readyToRelease(ctx, w, *proved)
		if err != nil {
			return plan.Result{}, err
		}
		r, err := m.Releaser.Apply(ctx, work, grant, report)
		out.Released, out.Remaining, out.Verdict = r.Released, r.Remaining, r.Verdict
		out.add(r.Result)
		return r.Result, err
	}
	return plan.Result{}, fmt.Errorf("private: unknown stage %q", s)
}

// add adds what a stage did to the record of the journey.
func (out *Result) add(r plan.Result) {
	out.Steps = append(out.Steps, r.Steps...)
	out.Verified = append(out.Verified, r.Verified...)
	out.Undo = append(out.Undo, r.Undo...)
	for _, u := range r.Unknown {
		if !slices.Contains(out.Unknown, u) {
			out.Unknown = append(out.Unknown, u)
		}
	}
	for _, a := range r.Assumed {
		if !slices.Contains(out.Assumed, a) {
			out.Assumed = append(out.Assumed, a)
		}
	}
}

// stop ends a journey whose stage did not succeed.
func (out *Result) stop(w Work, at stage, done, rest []stage, ended plan.Result) {
	out.Reason, out.Blockers, out.Next = ended.Reason, ended.Blockers, ended.Next
	out.Status = plan.Failed
	if len(done) > 0 || ended.Status == plan.Partial {
		out.Status = plan.Partial
	}
	out.Summary = fmt.Sprintf("%s is not private yet: the step %q ended with: %s", w.in.App, at, ended.Summary)
	out.leave(w, done, append([]stage{at}, rest...))
}

// halt ends a journey that somebody stopped between two stages.
func (out *Result) halt(w Work, done, rest []stage) {
	out.Set(plan.Partial, gate.Declined)
	if len(done) == 0 {
		out.Status = plan.Failed
	}
	out.Summary = fmt.Sprintf("%s is not private yet: this was stopped on request.", w.in.App)
	out.Next = []plan.Next{{Who: "person", Why: "decides whether to continue: the same call does what is left, and asks again"}}
	out.leave(w, done, rest)
}

// leave says what is done and what is not, and how to go on.
func (out *Result) leave(w Work, done, rest []stage) {
	if len(done) > 0 {
		out.Summary += " Done: " + joined(done) + "."
		out.Left = append(out.Left, "done and kept: "+joined(done)+"; see undo")
	}
	out.Summary += " Not done: " + joined(rest) + "."
	if out.Code != gate.Declined && len(out.Blockers) == 0 {
		out.Next = append([]plan.Next{w.in.again("does what is left, from what Fly says then; asks again")}, out.Next...)
	}
	if w.parts.silent && slices.Contains(done, releasing) {
		out.Summary += " NOTHING REACHES " + w.in.App + " until the deploy is done."
	}
}

// conclude reads the app once more and says what is true now.
func (m *Maker) conclude(ctx context.Context, w Work, out *Result) {
	out.Status = plan.Applied
	now, err := rules.Read(ctx, m.Client, w.in.App)
	if err != nil {
		out.Summary = fmt.Sprintf("%s was made private, but could not be read afterwards.", w.in.App)
		out.Unknown = append(out.Unknown, "the state of the app: it could not be read at the end")
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.in.App},
			Why: "reads it again"}}
		return
	}
	if m.Releaser.Journal != nil {
		now = now.WithApprovals(m.Releaser.Journal)
	}
	out.Verdict, out.Remaining, out.Reach = rules.Judge(now.Addresses.List), rules.PublicIPs(now.Addresses.List), now.Reach()
	m.proveEnd(ctx, now, out)
	blockers := now.Blockers()
	switch {
	case len(out.Remaining) > 0:
		out.Summary = fmt.Sprintf("%s is ready for Flycast and still public over %s.", w.in.App, plan.Few(out.Remaining))
		out.Next = []plan.Next{w.in.again("releases the public addresses; asks a person")}
	case len(blockers) > 0:
		out.Set(plan.Partial, gate.VerifyFailed)
		out.Blockers, out.Next = blockers, decide(now, blockers)
		out.Summary = fmt.Sprintf("%s has no public address, but it does not work over Flycast: %s. %s", w.in.App,
			blockers[0].What, now.ReachSentence())
	case len(out.Refuted) > 0:
		out.Set(plan.Partial, gate.VerifyFailed)
		out.Summary = fmt.Sprintf("%s has no public address, but a check failed: %s.", w.in.App, out.Refuted[0])
		out.Next = []plan.Next{{Who: "agent", Tool: verify.Tool, Arguments: &plan.Arguments{App: w.in.App},
			Why: "checks it again; a person is asked"}}
	default:
		out.Summary = fmt.Sprintf("%s is private: no public address is left. %s", w.in.App, now.ReachSentence())
		out.Next = now.Next()
	}
	if hostnames := w.parts.hostnames(); len(hostnames) > 0 && len(out.Remaining) == 0 {
		out.Summary += fmt.Sprintf(" Custom hostnames stop answering: %s. Their certificates and DNS records were left alone.",
			plan.Few(hostnames))
	}
	out.Summary += " Nothing was built, and no release_command was run."
	if len(out.Next) == 0 && w.neverSleeps() {
		out.Next = []plan.Next{{Who: "person", Why: fmt.Sprintf("%s never sleeps, because the file says so; make_private with "+
			"sleep %q lets it", w.in.App, SleepStop)}}
	}
}

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Apply rolls the changes out and tells what became of each Machine. The
// addresses are read once more before the first one: what was approved for a
// private app is not done to one that has become public.
func (a *Deployer) Apply(ctx context.Context, w Work, grant *gate.Grant, report plan.Report) (Result, error) {
	app := w.in.App
	addresses, err := a.Client.Addresses(ctx, app)
	if err != nil {
		var refused *fly.Error
		if !errors.As(err, &refused) {
			return Result{}, err
		}
		problem := *refused
		problem.Message += "; the addresses could not be read again before the first Machine, so nothing was changed"
		return Result{}, &problem
	}
	news, err := w.exposedBy(addresses)
	if err != nil {
		return Result{}, err
	}
	if len(news) > 0 {
		return Result{}, &plan.Problem{
			Code:    gate.Stale,
			Message: fmt.Sprintf("the addresses of %s changed after the approval, and the approved plan would now do more (%s), so nothing was changed", app, strings.Join(news, ", ")),
			Hint:    "the same call makes a new plan and asks again",
		}
	}
	log := book{Deployer: a, work: w.Rollout}
	running, done := a.Runs.Interruptible(ctx)
	defer done()
	engine := rollout.Engine{Client: a.Client, Clock: a.Clock, Record: log.ended, Recorded: log.released, Stop: a.Runs.Halted(app)}
	result := engine.Run(running, grant, w.Rollout, func(p rollout.Phase) {
		log.begun(p)
		report(progress(p))
	})
	out := a.reportDeploy(w, result)
	a.readdressed(ctx, w, &out)
	return out, nil
}

// exposedBy lists what the deployment would do with other addresses, beyond
// what its plan says.
func (d *deployment) exposedBy(addresses fly.Addresses) ([]string, error) {
	again := deployment{in: d.in, settings: d.settings, file: d.file, snapshot: d.snapshot, changes: d.changes, creates: d.creates}
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
func (a *Deployer) readdressed(ctx context.Context, w Work, out *Result) {
	now, err := a.Client.Addresses(ctx, w.in.App)
	if err != nil {
		out.Unknown = append(out.Unknown, "which addresses the app has now: they could not be read after the deploy")
		return
	}
	tell := func(text string) {
		out.Unknown = append(out.Unknown, text)
		out.Summary += " But " + text + "."
	}
	had := rules.PublicIPs(w.snapshot.Addresses.List)
	came := slices.DeleteFunc(rules.PublicIPs(now.List), func(ip string) bool { return slices.Contains(had, ip) })
	if len(came) > 0 {
		tell("public addresses were added while this deploy ran: " + strings.Join(came, ", "))
	}
	if news, err := w.exposedBy(now); err == nil && len(news) > 0 {
		tell("with the current addresses it does more than its plan said: " + strings.Join(news, ", "))
	}
}

// progress is a phase of the rollout as a run reports it.
func progress(p rollout.Phase) plan.Progress {
	out := plan.Progress{Done: max(p.N-1, 0), Of: p.Of, Group: p.Group, Machine: p.Machine, Doing: p.Doing}
	if p.For >= 5*time.Second {
		out.Doing += fmt.Sprintf(", for %s", p.For.Round(time.Second))
	}
	return out
}

// codeOf is the code of an error, empty for none.
func codeOf(err error) gate.Code {
	if err == nil {
		return ""
	}
	return fly.CodeOf(err)
}

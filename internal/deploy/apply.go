package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/exposure"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/history"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Apply rolls the changes out and reports what became of each Machine. The addresses are
// read once more before the first one: what was approved for a private app is not done to
// one that has become public.
func (d *Deployer) Apply(ctx context.Context, w Work, grant *gate.Grant, report plan.Report) (Result, error) {
	app := w.Rollout.App
	addresses, err := d.Client.Addresses(ctx, app)
	if err != nil {
		return Result{}, unreadAddresses(err)
	}
	beyond, err := w.beyondPlan(addresses)
	if err != nil {
		return Result{}, err
	}
	if len(beyond) > 0 {
		return Result{}, &plan.Problem{
			Code: gate.Stale,
			Message: fmt.Sprintf("the addresses of %s changed after the approval, and the approved plan would "+
				"now do more (%s), so nothing was changed",
				app, strings.Join(beyond, ", ")),
			Hint: "the same call makes a new plan and asks again",
		}
	}
	records := history.Writer{Record: d.Record, Work: w.Rollout}
	interruptible, done := d.Runs.Interruptible(ctx)
	defer done()
	engine := rollout.Engine{
		Client: d.Client, Clock: d.Clock, Record: records.End, RecordRelease: records.Release,
		Stop: d.Runs.StopRequested(app),
	}
	outcome := engine.Run(interruptible, grant, w.Rollout, func(p rollout.Phase) {
		records.Begin(p)
		report(progress(p))
	})
	out := reportResult(w, outcome)
	if out.Status == plan.Applied {
		out.Reach = plan.Shortened(w.After().Reach())
	}
	d.checkAddresses(ctx, w, &out)
	return out, nil
}

// unreadAddresses returns the error of an apply that could not read the addresses again.
func unreadAddresses(err error) error {
	var refused *plan.Problem
	if !errors.As(err, &refused) {
		return err
	}
	problem := *refused
	problem.Message += "; the addresses could not be read again before the first Machine, so nothing was changed"
	return &problem
}

// beyondPlan lists the blockers and hazards that the deploy has with other addresses, beyond
// those that its plan states.
func (w Work) beyondPlan(addresses fly.Addresses) ([]string, error) {
	again := w.judged
	again.Before.Addresses = addresses
	v, err := exposure.Judge(again)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, b := range v.Blockers {
		if !slices.Contains(out, b.ID) {
			out = append(out, b.ID)
		}
	}
	for _, h := range v.Hazards {
		if !slices.Contains(w.hazards, h) && !slices.Contains(out, string(h)) {
			out = append(out, string(h))
		}
	}
	return out, nil
}

// checkAddresses reads the addresses a last time and says what changed about them while the
// Machines were updated: which public ones are new, and what the deploy does now that its
// plan did not state.
func (d *Deployer) checkAddresses(ctx context.Context, w Work, out *Result) {
	now, err := d.Client.Addresses(ctx, w.Rollout.App)
	if err != nil {
		out.Unknown = append(out.Unknown, "which addresses the app has now: they could not be read after the deploy")
		return
	}
	say := func(text string) {
		out.Unknown = append(out.Unknown, text)
		out.Summary += " But " + text + "."
	}
	had := rules.PublicIPs(w.judged.Before.Addresses.List)
	added := slices.DeleteFunc(rules.PublicIPs(now.List), func(ip string) bool { return slices.Contains(had, ip) })
	if len(added) > 0 {
		say("public addresses were added while this deploy ran: " + strings.Join(added, ", "))
	}
	if beyond, err := w.beyondPlan(now); err == nil && len(beyond) > 0 {
		say("with the current addresses it does more than its plan said: " + strings.Join(beyond, ", "))
	}
}

// progress returns a phase of the rollout as a run reports it.
func progress(p rollout.Phase) plan.Progress {
	out := plan.Progress{Done: max(p.N-1, 0), Of: p.Of, Group: p.Group, Machine: p.Machine, Doing: p.Doing}
	if p.For >= 5*time.Second {
		out.Doing += fmt.Sprintf(", for %s", p.For.Round(time.Second))
	}
	return out
}

package undo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// factKept is the prefix of facts about what is not undone.
const factKept = "not_undone/"

// Plan finds out what of a run can still be undone. Nothing is changed.
func (u *Undoer) Plan(ctx context.Context, in Input) (Proposal, error) {
	run, saved, err := u.find(in.App, in.Run)
	if err != nil {
		return Proposal{}, err
	}
	w := Work{run: run}
	if w.app, err = rules.Read(ctx, u.Client, in.App); err != nil {
		return Proposal{}, err
	}
	p := plan.Plan{Tool: Tool, App: in.App, AppID: w.app.Addresses.App.ID, Gated: true, Impact: plan.ImpactNone, Wording: Wording{}}
	p.Fact("undoes", run.ID)
	p.Fact("undoes_tool", run.Tool)
	rules.AddressFacts(&p, w.app.Addresses.List)
	if err := u.planFile(&p, &w, saved); err != nil {
		return Proposal{}, err
	}
	if err := u.planServices(ctx, in, &p, &w, saved); err != nil {
		return Proposal{}, err
	}
	w.planAddresses(&p, in.AllowUnreachable)
	for _, k := range w.kept {
		p.Fact(factKept+k, "")
	}
	out := Proposal{Plan: p, Work: w, Next: w.next()}
	out.Out.Left = w.kept
	out.Summary = fmt.Sprintf("Would undo %s of %s.", run.ID, in.App)
	if p.Empty() {
		out.Nothing = fmt.Sprintf("Nothing of %s can be undone here. Nothing was changed.", run.ID)
		if len(w.kept) > 0 {
			out.Nothing += " Why: " + sentences(w.kept)
		}
	}
	return out, nil
}

// planFile restores the person's file, if it still has what the run wrote.
func (u *Undoer) planFile(p *plan.Plan, w *Work, saved plan.Snapshot) error {
	if saved.File == nil {
		return nil
	}
	name := plan.Quote(saved.File.Path)
	now, err := u.Roots.Read(saved.File.Path)
	if err != nil {
		w.keep("%s could not be read and is left alone: %s", name, plan.Message(err.Error()))
		return nil
	}
	switch {
	case hashOf(now.Data) == hashOf(saved.File.Before):
	case hashOf(now.Data) != saved.File.After:
		w.keep("%s was changed after the run and is left alone", name)
	default:
		w.file = saved.File
		p.Steps = append(p.Steps, plan.Step{Verb: gate.WriteFile, Target: fileTarget(*saved.File)})
		p.Fact("file", saved.File.After)
	}
	return nil
}

// fileTarget names the file with the content that it gets.
func fileTarget(f plan.SavedFile) string { return f.Path + "@" + hashOf(f.Before) }

// planServices gives the Machines the services that they had.
func (u *Undoer) planServices(ctx context.Context, in Input, p *plan.Plan, w *Work, saved plan.Snapshot) error {
	if !w.run.Deployed {
		return nil
	}
	if len(saved.Config) == 0 {
		w.keep("the app had no Machines before the run: they are left alone")
		return nil
	}
	file, err := flytoml.Parse("fly.toml", saved.Config)
	if err != nil {
		return fmt.Errorf("the earlier configuration: %w", err)
	}
	if hidesService(file) {
		w.keep("the services are left alone: a check has a header whose value is not kept; deploy the earlier fly.toml")
		return nil
	}
	proposal, err := u.Deployer.PlanFrom(ctx, w.app, deploy.Input{App: w.run.App, File: file, Scope: deploy.ScopeServices})
	var problem *plan.Problem
	if errors.As(err, &problem) {
		w.keep("the services are left alone: %s", plan.Message(problem.Message))
		return nil
	}
	if err != nil {
		return err
	}
	part := proposal.Plan
	for _, b := range part.Blockers {
		w.keep("the services are left alone: %s", b.What)
	}
	if len(part.Blockers) > 0 || part.Empty() {
		return nil
	}
	if part.Has(plan.AppUnreachable) && !in.AllowUnreachable {
		w.partial = true
		w.keep("the services are left alone: with the earlier ones nothing would reach the app, which has no public " +
			"address now; allocate one first, or add --allow-unreachable")
		return nil
	}
	w.keep("image, environment and other settings are left as they are: only services and checks are put back")
	w.deploy = &proposal
	p.Steps, p.Unknown, p.Impact = append(p.Steps, part.Steps...), part.Unknown, part.Impact
	for _, h := range part.Hazards {
		p.Hazard(h)
	}
	for _, f := range part.Facts {
		if !slices.Contains(p.Facts, f) {
			p.Facts = append(p.Facts, f)
		}
	}
	return nil
}

// hidesService reports whether a service or check of the file has a hidden value.
func hidesService(file *flytoml.File) bool {
	document := file.Document()
	for _, key := range []string{"http_service", "services", "checks"} {
		if text, err := json.Marshal(document[key]); err == nil && machine.HoldsMask(unescaped(text)) {
			return true
		}
	}
	return false
}

// unescaped returns JSON without the escapes of angle brackets.
func unescaped(text []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
}

// planAddresses releases the Flycast addresses that the run allocated, unless nothing would reach
// the app then, and says which public ones are gone.
func (w *Work) planAddresses(p *plan.Plan, allowUnreachable bool) {
	for _, ip := range w.run.Allocated {
		i := slices.IndexFunc(w.app.Addresses.List, func(a fly.Address) bool { return a.IP == ip })
		if i < 0 {
			continue
		}
		addr := w.app.Addresses.List[i]
		if addr.Kind != fly.Flycast {
			w.keep("%s is not a Flycast address and is left alone", ip)
			continue
		}
		stays := slices.DeleteFunc(slices.Clone(w.app.Addresses.List), func(a fly.Address) bool {
			return a.IP == ip || slices.ContainsFunc(w.release, func(r fly.Address) bool { return r.IP == a.IP })
		})
		isLast := !slices.ContainsFunc(stays, func(a fly.Address) bool { return a.Kind == fly.Flycast || a.Kind.Public() })
		if isLast && !allowUnreachable {
			w.partial = true
			w.keep("the Flycast address %s is left alone: it is the only way to reach the app; "+
				"--allow-unreachable releases it", ip)
			continue
		}
		if isLast {
			p.Hazard(plan.AppUnreachable)
			p.Impact = plan.ImpactUnreachable
		}
		w.release = append(w.release, addr)
		p.Steps = append(p.Steps, plan.Step{Verb: gate.ReleaseAddress, Target: ip.String(),
			Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}, {Name: plan.ParamUndoes, Value: w.run.ID}}})
	}
	for _, ip := range w.run.Released {
		if !slices.ContainsFunc(w.app.Addresses.List, func(a fly.Address) bool { return a.IP == ip }) {
			w.gone = append(w.gone, ip.String())
		}
	}
	if len(w.gone) > 0 {
		w.keep("gone for good: %s; new public addresses will be different ones", strings.Join(w.gone, ", "))
	}
}

// next returns how to put the app back on the internet, if the run took it off.
func (w *Work) next() []plan.Next {
	if len(w.gone) == 0 || len(rules.PublicIPs(w.app.Addresses.List)) > 0 {
		return nil
	}
	return []plan.Next{{Who: "person", Command: "fly ips allocate-v4 --shared -a " + w.run.App,
		Why: "only if the app is to be public again: this allocates a new shared IPv4 (allocate-v6 a new IPv6)"}}
}

// keep notes something that is not undone.
func (w *Work) keep(format string, args ...any) {
	w.kept = append(w.kept, fmt.Sprintf(format, args...))
}

func sentences(lines []string) string {
	return strings.Join(lines, "; ") + "."
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

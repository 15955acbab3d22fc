package patch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// This file compares a deployed configuration with the Machines, above all with those that
// fly deploy did not make.

// behind says how the Machines differ from the deployed configuration; it is empty if
// deploying its services again would do nothing. Machines that fly deploy did not make count
// if they have blockers.
func (e *Editor) behind(ctx context.Context, f file, list []fly.Machine) (why string, err error) {
	lacking, untested, err := e.Deployer.Behind(ctx, f.app, f.File.File, list)
	if err != nil {
		return "", err
	}
	lacking += len(blockedDetached(list))
	switch {
	case lacking > 0:
		return fmt.Sprintf("%d of %s do not have its services", lacking, plan.Machines(len(list))), nil
	case untested > 0:
		return fmt.Sprintf("%d of %s were not tested with it, because a deploy was interrupted", untested,
			plan.Machines(len(list))), nil
	}
	return "", nil
}

// blockedDetached returns the ids of the Machines that fly deploy did not make and that have
// blockers.
func blockedDetached(list []fly.Machine) []string {
	var ids []string
	for _, h := range (rules.Snapshot{Machines: list, MachinesKnown: true}).ManualFixes() {
		ids = append(ids, h.Machines...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// needsAdopt reports whether the deployed configuration, edited, is to be deployed with
// adopt: fly deploy made none of the Machines, or some that it did not make have blockers,
// which a deploy without adopt leaves alone.
func needsAdopt(list []fly.Machine) bool {
	return len(blockedDetached(list)) > 0 || len(detached(list)) > 0 && !anyLaunched(list)
}

func detached(list []fly.Machine) []fly.Machine { return (rules.Snapshot{Machines: list}).Detached() }

func anyLaunched(list []fly.Machine) bool {
	return slices.ContainsFunc(list, func(m fly.Machine) bool { return m.Config.IsFlyLaunch() })
}

// losingService returns the ids of the Machines that fly deploy did not make and that serve a
// program which the file does not have for their group: adopt would remove its service.
func losingService(f file, list []fly.Machine) []string {
	var out []string
	for _, m := range detached(list) {
		after, err := f.Services(cmp.Or(m.Config.ProcessGroup(), f.DefaultGroup()))
		if err == nil && !m.Config.RunsTask() && len(machine.LostPrograms(m.Config.ServicesOrNone(), after)) > 0 {
			out = append(out, m.ID)
		}
	}
	return out
}

// otherProgram returns the remark on Machines that would lose a service.
func otherProgram(ids []string) Remark {
	return Remark{
		Code: "other_program",
		What: fmt.Sprintf("Machine %s, not made by fly deploy, serves an internal port that the deployed "+
			"configuration does not have: deploy with adopt takes that service away", strings.Join(plan.Shortened(ids), ", ")),
		Fix: "leave adopt out if the program still listens there, and update the Machine by hand; list_ips has the command",
	}
}

// differentPrograms refuses to make one configuration for Machines that serve different
// programs; nil if they do not.
func differentPrograms(f file, list []fly.Machine) *plan.Problem {
	ids := losingService(f, list)
	if len(ids) == 0 || anyLaunched(list) || f.HasService() && groupsServeSame(list) {
		return nil
	}
	what := "the Machines were not made by fly deploy, and serve different programs, so that no one " +
		"configuration fits them"
	if !f.HasService() {
		what = "the last release has no service, and the Machines that have some were not made by fly deploy"
	}
	return &plan.Problem{
		Code: gate.Precondition, Message: fmt.Sprintf("%s: it would take the service of Machine %s away",
			what, strings.Join(plan.Shortened(ids), ", ")),
		Next: updateByHand(f.app, list),
	}
}

// groupsServeSame reports whether the Machines of each group that fly deploy did not make
// serve the same programs, as far as Fly Proxy routes to any.
func groupsServeSame(list []fly.Machine) bool {
	seen := make(map[string][]machine.Service)
	for _, m := range detached(list) {
		group, services := m.Config.ProcessGroup(), m.Config.ServicesOrNone()
		if m.Config.RunsTask() || !machine.AnyRouted(services) {
			continue
		}
		others, ok := seen[group]
		if ok && (len(machine.LostPrograms(others, services)) > 0 || len(machine.LostPrograms(services, others)) > 0) {
			return false
		}
		seen[group] = services
	}
	return true
}

// updateByHand returns the ways to update Machines that no deployed configuration fits: a
// file of the person's, or fly machine update for each.
func updateByHand(app string, list []fly.Machine) []plan.Next {
	next := []plan.Next{{Who: "person", Why: "is there a fly.toml that has the services of these Machines? " +
		"then patch_services with its path or content; else update them one by one"}}
	s := rules.Snapshot{Addresses: fly.Addresses{App: fly.App{Name: app}}, Machines: list, MachinesKnown: true}
	for _, h := range s.ManualFixes() {
		if h.Command != "" && len(next) < plan.MaxNext {
			next = append(next, plan.Next{Who: "person", Command: h.Command, Why: "updates it by hand, without a deploy"})
		}
	}
	return next
}

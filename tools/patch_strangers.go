package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// strangers are the ids of Machines that fly deploy did not make and that serve a
// program which the file does not have for their group: adopt would take its
// service away.
func strangers(file *flytoml.File, list []fly.Machine) []string {
	var out []string
	for _, m := range (rules.Snapshot{Machines: list}).Detached() {
		group := cmp.Or(m.Config.ProcessGroup(), file.DefaultGroup())
		after, err := file.Services(group)
		if err == nil && !m.Config.RunsTask() && len(machine.LostPrograms(m.Config.ServicesOrNone(), after)) > 0 {
			out = append(out, m.ID)
		}
	}
	return out
}

// byHandAlone are the steps for Machines that no deployed configuration fits: a
// file of the person's, or fly machine update for each.
func byHandAlone(app string, list []fly.Machine) []plan.Next {
	next := []plan.Next{{Who: "person", Why: "is there a fly.toml that has the services of these Machines? then patch_services with its path or content; else update them one by one"}}
	for _, h := range (rules.Snapshot{Addresses: fly.Addresses{App: fly.App{Name: app}}, Machines: list, MachinesKnown: true}).ByHand() {
		if h.Command != "" && len(next) < plan.MaxNext {
			next = append(next, plan.Next{Who: "person", Command: h.Command, Why: "updates it by hand, without a deploy"})
		}
	}
	return next
}

// differing refuses to make one configuration of Machines that serve different
// programs; nil if they do not.
func differing(app string, file *flytoml.File, list []fly.Machine) *plan.Problem {
	ids := strangers(file, list)
	if len(ids) == 0 || anyLaunched(list) || file.HasService() && alike(list) {
		return nil
	}
	what := "the Machines were not made by fly deploy, and serve different programs, so that no one configuration fits them"
	if !file.HasService() {
		what = "the last release has no service, and the Machines that have some were not made by fly deploy"
	}
	return &plan.Problem{
		Code: gate.Precondition, Message: fmt.Sprintf("%s: it would take the service of Machine %s away", what, strings.Join(plan.Shortened(ids), ", ")),
		Next: byHandAlone(app, list),
	}
}

func anyLaunched(list []fly.Machine) bool {
	return slices.ContainsFunc(list, func(m fly.Machine) bool { return m.Config.FlyLaunch() })
}

// alike reports whether the Machines of each group that fly deploy did not make
// serve the same programs, as far as Fly Proxy routes to any.
func alike(list []fly.Machine) bool {
	seen := make(map[string][]machine.Service)
	for _, m := range (rules.Snapshot{Machines: list}).Detached() {
		group, is := m.Config.ProcessGroup(), m.Config.ServicesOrNone()
		if m.Config.RunsTask() || !machine.AnyRouted(is) {
			continue
		}
		if was, ok := seen[group]; ok && (len(machine.LostPrograms(was, is)) > 0 || len(machine.LostPrograms(is, was)) > 0) {
			return false
		}
		seen[group] = is
	}
	return true
}

// otherProgram remarks on strangers.
func otherProgram(ids []string) remark {
	return remark{
		Code: "other_program",
		What: fmt.Sprintf("Machine %s, not made by fly deploy, serves an internal port that the deployed configuration does not have: deploy with adopt takes that service away", strings.Join(plan.Shortened(ids), ", ")),
		Fix:  "leave adopt out if the program still listens there, and update the Machine by hand; list_ips has the command",
	}
}

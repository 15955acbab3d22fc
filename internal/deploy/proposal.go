package deploy

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// proposal returns what a caller and a person are shown of the plan.
func (s stages) proposal() Proposal {
	total, t := len(s.snapshot.Machines), s.targets
	result := Result{
		Changes: s.origins.changeLines(t.Updates), Drift: s.origins.drifted(), Remarks: s.Remarks,
		Machines: &Counts{Total: total, Unchanged: t.Unchanged, Left: t.Left, NotStarted: total - t.Unchanged - t.Left},
	}
	p := Proposal{Plan: s.plan(), Summary: s.summary(), Nothing: s.nothing()}
	if !p.Plan.Empty() {
		result.Order, result.Expected = describeOrder(s.work)
	}
	p.Out, p.Work = result, Work{Rollout: s.work, judged: s.judged, hazards: s.Hazards, planned: result}
	p.Before = p.Work.Saved
	if p.Plan.Empty() {
		p.Next = s.adoptNext()
	}
	if len(s.Blockers) > 0 {
		p.Next = s.instead()
		if s.Blocked(target.NoMachines) {
			p.Next = append(s.adoptNext(), p.Next...)
		}
	}
	return p
}

// summary says what the plan would do.
func (s stages) summary() string {
	replaced, leftover := countDestroyed(s.work)
	verb, n := "update", len(s.work.Updates)-leftover
	if replaced > 0 {
		verb, n = "replace", replaced
	}
	text := fmt.Sprintf("Would %s %d of %s of %s", verb, n, plan.Machines(len(s.snapshot.Machines)), s.in.App)
	switch creates := len(s.work.Creates); {
	case creates > 0 && n == 0:
		text = fmt.Sprintf("Would create %s of %s", plan.Machines(creates), s.in.App)
	case creates > 0:
		text += fmt.Sprintf(" and create %d", creates)
	}
	text += fmt.Sprintf(", %s.", s.work.Strategy)
	if leftover > 0 {
		text += fmt.Sprintf(" Would destroy %d left over from an earlier deploy.", leftover)
	}
	return text
}

// countDestroyed counts the Machines that are destroyed: once another is in their place, and
// because an earlier deploy left them over.
func countDestroyed(w rollout.Work) (replaced, leftover int) {
	blue := make(map[string]bool)
	for _, s := range w.Steps() {
		if s.For != "" {
			blue[s.For] = true
		}
	}
	return len(blue), len(w.Destroyed()) - len(blue)
}

// nothing returns the summary of a deploy that has nothing to change.
func (s stages) nothing() string {
	app, total, unchanged := s.in.App, len(s.snapshot.Machines), s.targets.Unchanged
	switch left := total - unchanged; {
	case left > 0:
		return fmt.Sprintf("Of the %s of %s, %d already have this configuration and %d were left alone. "+
			"Nothing was changed.", plan.Machines(total), app, unchanged, left)
	case total == 1:
		return fmt.Sprintf("The one Machine of %s already has this configuration. Nothing was changed.", app)
	}
	return fmt.Sprintf("All %d Machines of %s already have this configuration. Nothing was changed.", total, app)
}

// adoptNext returns the same call with adopt, for the Machines that were left alone because fly
// deploy did not make them.
func (s stages) adoptNext() []plan.Next {
	ids := s.targets.Detached
	if len(ids) == 0 {
		return nil
	}
	return []plan.Next{{
		Who: "agent", Tool: Tool,
		Arguments: &plan.Arguments{App: s.in.App, Draft: s.in.Draft, Path: s.in.Path, Adopt: true},
		Why: fmt.Sprintf("updates %s (%s) in place, which fly deploy did not make; asks a person. If you sent "+
			"content, send it again",
			plan.Machines(len(ids)), plan.Few(ids)),
	}}
}

// instead returns what to do about the blockers.
func (s stages) instead() []plan.Next {
	app := &plan.Arguments{App: s.in.App}
	switch {
	case s.Blocked(string(plan.NewPublicService)):
		return []plan.Next{
			{Who: "agent", Tool: "allocate_flycast", Arguments: app, Why: "first, if it has no Flycast address"},
			{Who: "agent", Tool: "release_public_ips",
				Arguments: app, Why: "then: without a public address, the new service is private from the start"},
		}
	case s.Blocked(CreationUnconfirmed):
		return callAgain("wait until then and repeat the identical call: if the Machine exists, lists will show it")
	case s.Blocked(target.NoMachines):
		return []plan.Next{
			{Who: "agent", Tool: "allocate_flycast",
				Arguments: app, Why: "first, if it has no Flycast address: then the app is private from the start"},
			{Who: "person",
				Command: s.source.FlyDeploy, Why: "builds and deploys the first Machine; or pass image to this tool"},
		}
	}
	return askPerson("", "make the file match the Machines in these points, or use fly deploy for that change")
}

// remarks returns the remarks that depend on all stages.
func (s stages) remarks() (found plan.Findings) {
	found.Add(remarkUnfinished(s.past.Unfinished, s.snapshot.Machines, s.work.Updates))
	found.Add(remarkAbandoned(s.work))
	build := s.definition.Build
	switch {
	case build == nil || s.in.Image != "" || s.work.Empty() || s.targets.Blocked(target.NoMachines):
	case build.Image != "":
		found.Remark("the file sets image %s; Machines keep the one they run unless you pass image",
			plan.Quote(build.Image))
	default:
		found.Remark("nothing was built: to deploy new code, a person runs %s", s.source.FlyDeploy)
	}
	if s.in.File.ReleaseCommand() != "" {
		found.Remark("the file has a release_command, which is not run")
	}
	if s.work.Empty() {
		return found
	}
	if target.Mutable(s.in.Image) {
		found.Remark("the image %s is a tag: Fly looks it up for each Machine, so they get different builds "+
			"if it moves during the deploy; with a digest (name@sha256:…) all get the same build", plan.Quote(s.in.Image))
	}
	if len(s.snapshot.Inbound()) == 0 {
		found.Remark("the app has no address: nothing reaches it, and fly deploy may allocate public ones; " +
			"calling allocate_flycast first keeps it private and is free")
	}
	return found
}

// flyDeploy returns the command that builds and deploys new code, with the flags that keep the
// app private: an app without any address gets public ones on its first deploy unless told
// otherwise (flyctl, internal/command/deploy/deploy_first.go).
func flyDeploy(in Input, s rules.Snapshot) string {
	words := []string{"fly", "deploy", "-a", in.App, "--ha=false"}
	if len(s.Inbound()) == 0 {
		words = append(words, "--flycast")
	} else {
		words = append(words, "--no-public-ips")
	}
	if in.Path != "" {
		words = append(words, "-c", "'"+strings.ReplaceAll(in.Path, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// callAgain suggests the same call again.
func callAgain(why string) []plan.Next { return []plan.Next{{Who: "agent", Tool: Tool, Why: why}} }

// askPerson suggests a command, or a decision if it is empty, to a person.
func askPerson(command, why string) []plan.Next {
	return []plan.Next{{Who: "person", Command: command, Why: why}}
}

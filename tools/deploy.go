package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type deployInput struct {
	App      string `json:"app" jsonschema:"name of the Fly app"`
	Draft    string `json:"draft,omitempty" jsonschema:"handle from patch_services"`
	Path     string `json:"path,omitempty" jsonschema:"fly.toml, fly.json or fly.yaml, instead of draft"`
	Content  string `json:"content,omitempty" jsonschema:"text of a fly.toml, fly.json or fly.yaml, instead of draft"`
	Image    string `json:"image,omitempty" jsonschema:"another image; default: the one each Machine runs"`
	Approval string `json:"approval,omitempty" jsonschema:"code a person got from a terminal"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

type deployOutput struct {
	plan.Result
	Changes  []string       `json:"changes,omitempty" jsonschema:"what differs in the Machines' configuration"`
	Drift    []drifted      `json:"drift,omitempty" jsonschema:"of the changes, those that are not the edit of patch_services"`
	Machines *machineCounts `json:"machines,omitempty"`
	Remarks  []string       `json:"remarks,omitempty"`
}

type machineCounts struct {
	Total     int `json:"total"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Healthy   int `json:"healthy"`
	Unproven  int `json:"unproven" jsonschema:"updated while stopped: not started, so not proved"`
}

type deployWork struct {
	deployment
	out deployOutput
}

func (a *adapter) deploy() Tool {
	return newChanging(a, Changing[deployInput, deployWork, deployOutput]{
		Spec: Spec{
			Name: "deploy", Title: "Deploy configuration", Effect: Restarts,
			Description: "Puts services, checks and env of a fly.toml onto the app's existing Machines, one at a time, with the image they run; puts back a Machine that fails. A person is asked. After patch_services, before release_public_ips. Not for new code: no build, no address, no release_command. On running, repeat the call.",
		},
		Plan:  a.planDeploy,
		Apply: a.applyDeploy,
		Text:  deployText,
	}, func(p map[string]*jsonschema.Schema) { app(p) })
}

func (a *adapter) planDeploy(ctx context.Context, in deployInput) (Planned[deployWork, deployOutput], error) {
	var none Planned[deployWork, deployOutput]
	src, err := a.deploySource(ctx, in)
	if err != nil {
		return none, err
	}
	if name := src.file.App(); name != "" && name != in.App {
		return none, invalid("the file is for the app %s, not for %s", plan.Quote(name), in.App)
	}
	if err := src.file.Validate(); err != nil {
		return none, invalid("flyctl would refuse the file: %.600s", err.Error())
	}
	s, err := rules.Read(ctx, a.Fly, in.App)
	if err != nil {
		return none, err
	}
	if !s.MachinesKnown {
		return none, &Problem{Code: gate.Unauthorized, Message: "this token may not read the app's Machines", Hint: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", in.App)}
	}
	d := deployment{in: in, file: src.file, snapshot: s}
	if err := d.compute(); err != nil {
		return none, err
	}
	if err := a.trace(ctx, &d, src.base); err != nil {
		return none, err
	}
	d.refuseOthers()
	if err := d.exposure(); err != nil {
		return none, err
	}
	planned := Planned[deployWork, deployOutput]{Plan: d.plan(), Out: deployOutput{
		Changes: d.changeLines(), Drift: d.drifted(), Remarks: d.remarks,
		Machines: &machineCounts{Total: len(s.Machines), Unchanged: d.unchanged},
	}}
	planned.Plan.Fact("file", src.file.SHA256())
	planned.Work = deployWork{deployment: d, out: planned.Out}
	planned.Summary = fmt.Sprintf("Would update %d of %s of %s, one at a time.", len(d.changes), machines(len(s.Machines)), in.App)
	planned.Nothing = d.nothing()
	if planned.Plan.Empty() {
		planned.Next = a.guide(s)
	}
	if len(planned.Plan.Blockers) > 0 {
		planned.Next = d.wayRound()
	}
	return planned, nil
}

// nothing tells what a deploy without changes found.
func (d *deployment) nothing() string {
	app, total := d.in.App, len(d.snapshot.Machines)
	switch left := total - d.unchanged; {
	case left > 0:
		return fmt.Sprintf("Of the %s of %s, %d already had this configuration and %d were left alone. Nothing was changed.", machines(total), app, d.unchanged, left)
	case total == 1:
		return fmt.Sprintf("The one Machine of %s already has this configuration. Nothing was changed.", app)
	}
	return fmt.Sprintf("All %d Machines of %s already have this configuration. Nothing was changed.", total, app)
}

func machines(n int) string {
	if n == 1 {
		return "1 Machine"
	}
	return fmt.Sprintf("%d Machines", n)
}

// deploySource is the one file a call names.
func (a *adapter) deploySource(ctx context.Context, in deployInput) (source, error) {
	given := 0
	for _, v := range []string{in.Draft, in.Path, in.Content} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return source{}, invalid("give exactly one of draft, path and content")
	case in.Path != "":
		return a.fromPath(in.Path)
	case in.Content != "":
		file, err := parseContent(in.Content)
		return source{file: file}, err
	}
	have, p := a.drafts.get(in.Draft, CallerFrom(ctx).ID, in.App)
	if p != nil {
		return source{}, p
	}
	src, err := a.fromDraft(have)
	if err == nil && have.base != nil {
		src.base, err = parseShown(src.file.Name(), have.base)
	}
	return src, err
}

// fromDraft is a draft's file: of one that was written, as it is now.
func (a *adapter) fromDraft(have draft) (source, error) {
	if have.path == "" {
		file, err := parse(have.name, have.data)
		return source{file: file}, err
	}
	src, err := a.fromPath(have.path)
	if err == nil && src.file.SHA256() != sha(have.data) {
		return source{}, &Problem{Code: gate.Stale, Message: fmt.Sprintf("%s is no longer what the draft holds", have.path), Hint: "call patch_services again, or deploy with path"}
	}
	return src, err
}

// wayRound is what to do instead when a deploy would open the app further.
func (d *deployment) wayRound() []plan.Next {
	for _, b := range d.blockers {
		if b.ID == string(plan.NewPublicService) {
			return []plan.Next{
				{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: d.in.App}, Why: "first, if it has no Flycast address"},
				{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: d.in.App}, Why: "then: with no public address left, the new service is private from birth"},
			}
		}
	}
	return []plan.Next{{Who: "person", Why: "make the file agree with the Machines in what is named, or use fly deploy for that change"}}
}

// deployment computes what a file changes on the live Machines: compute finds
// the changes, trace where they come from, refuseOthers and exposure judge them.
type deployment struct {
	in       deployInput
	file     converter
	snapshot rules.Snapshot

	changes   []rollout.Change
	unchanged int
	hazards   []plan.Hazard
	blockers  []plan.Blocker
	remarks   []string
	lost      []string // what would keep the app from answering, and does not now
	silent    bool     // nothing of the app would answer

	others map[string][]string // field that deploy does not change → ids of Machines
	report drift.Report        // where the changes come from
}

// converter is a fly.toml as far as a deployment needs it.
type converter interface {
	drift.Converter
	ReleaseCommand() string
}

// blocker ids of deploy, beside those of release readiness.
const (
	otherField   = "other_field_changes"
	hostDown     = "host_down"
	noMachines   = "no_machines"
	cannotUpdate = "incomplete_configuration"
)

func (d *deployment) compute() error {
	groups := d.file.Groups()
	found := make(map[string]bool)
	d.others = make(map[string][]string)
	for _, m := range d.snapshot.Machines {
		group := m.Config.ProcessGroup()
		if group == "" {
			group = d.file.DefaultGroup()
		}
		switch {
		case !m.Whole(): // whose it is cannot be told either
			d.blockers = append(d.blockers, plan.Blocker{ID: cannotUpdate, What: fmt.Sprintf("the platform does not send the whole configuration of Machine %s: updating it would lose the rest", m.ID)})
			continue
		case !m.Config.FlyLaunch():
			d.remarks = append(d.remarks, fmt.Sprintf("Machine %s was not made by fly deploy and is left alone", m.ID))
			continue
		case !slices.Contains(groups, group):
			d.remarks = append(d.remarks, fmt.Sprintf("Machine %s is of group %s, which the file does not have: it is left alone (fly deploy would destroy it)", m.ID, plan.Quote(group)))
			continue
		case m.HostStatus != "" && m.HostStatus != "ok":
			d.blockers = append(d.blockers, plan.Blocker{ID: hostDown, What: fmt.Sprintf("the host of Machine %s is %s", m.ID, plan.Quote(m.HostStatus)), Fix: "wait for the host, or replace the Machine with flyctl"})
			continue
		}
		found[group] = true
		after, err := d.after(group, m)
		if err != nil {
			return invalid("group %s: %.300s", plan.Quote(group), err.Error())
		}
		if machine.Equal(m.Config, after) {
			d.unchanged++
			continue
		}
		for _, field := range otherFields(m.Config, after, d.in.Image != "") {
			d.others[field] = append(d.others[field], m.ID)
		}
		d.changes = append(d.changes, rollout.Change{Before: m, Group: group, After: after})
	}
	for _, group := range groups {
		if !found[group] {
			d.remarks = append(d.remarks, fmt.Sprintf("group %s has no Machine; none is created", plan.Quote(group)))
		}
	}
	if len(found) == 0 && len(d.blockers) == 0 {
		d.blockers = append(d.blockers, plan.Blocker{ID: noMachines, What: "there is no Machine of the file's process groups", Fix: "the first deploy is flyctl's: allocate_flycast first, then fly deploy --flycast"})
	}
	if d.file.ReleaseCommand() != "" {
		d.remarks = append(d.remarks, "the file has a release_command; it is not run")
	}
	rollout.Sort(d.changes)
	return nil
}

// after is the configuration a Machine would get.
func (d *deployment) after(group string, m fly.Machine) (machine.Config, error) {
	after, err := drift.Apply(d.file, group, m.Config)
	if err != nil {
		return machine.Config{}, err
	}
	if after, err = rollout.KeepVolumes(m.Config, after); err != nil {
		return machine.Config{}, err
	}
	if d.in.Image != "" {
		return after.With("image", d.in.Image)
	}
	return after, nil
}

// otherFields are the fields that would change and are not services, checks or
// env. The process group that flyctl writes under its newer name is no change.
func otherFields(before, after machine.Config, image bool) []string {
	return slices.DeleteFunc(machine.DiffKeys(before, after), func(key string) bool {
		switch key {
		case "services", "checks", "env":
			return true
		case "image":
			return image
		case "metadata":
			return !slices.ContainsFunc(machine.Diff(before, after), func(c machine.Change) bool {
				return strings.HasPrefix(c.Path, "metadata.") && c.Path != "metadata."+machine.MetadataProcessGroup
			})
		}
		return false
	})
}

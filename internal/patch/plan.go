package patch

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// file is the file to edit and what may be shown of it.
type file struct {
	source.File
	shown *flytoml.File // the same, except that secrets of a deployed configuration are masked
	app   string        // empty if neither the file nor the call names one

	// The app's Machines, for a deployed configuration; known if this token may list them.
	machines      []fly.Machine
	machinesKnown bool
}

// isDeployed reports whether the file is the configuration that Fly has.
func (f file) isDeployed() bool { return f.shown != f.File.File }

// Plan edits a copy of the file that the call names, and proposes to keep it.
func (e *Editor) Plan(ctx context.Context, in Input) (Proposal, error) {
	f, err := e.read(ctx, in)
	if err != nil {
		return Proposal{}, err
	}
	want, err := e.request(ctx, in, f)
	if err != nil {
		return Proposal{}, err
	}
	edited, err := edit.Apply(f.File.File, want)
	if err != nil {
		return Proposal{}, editProblem(in, err)
	}
	after, err := source.Parse(f.Name(), edited.After)
	if err != nil {
		return Proposal{}, err
	}
	// A deployed configuration is shown as its masked text, edited the same way: no
	// environment value leaves the process, not even on a context line.
	visible := edited
	if f.isDeployed() {
		if visible, err = edit.Apply(f.shown, want); err != nil {
			return Proposal{}, editProblem(in, err)
		}
	}
	result := Result{
		Diff: outside.Block(bounded(visible.Diff(diffTitle(f.Name())))), SHA256: after.SHA256(),
		Remarks: remarks(edited, after),
	}
	if slices.ContainsFunc(edited.Remarks, func(r edit.Remark) bool { return r.Code == edit.RemarkInternalCallers }) {
		result.Unknown = []string{plan.InternalCallers.Sentence()}
	}
	if in.Content != "" && len(edited.Changes) > 0 && len(edited.After) <= maxShown {
		result.Content = string(edited.After)
	}
	work := Work{app: f.app, path: f.Path, name: f.Name(), before: edited.Before, after: edited.After,
		refused: after.Validate() != nil}
	if f.isDeployed() {
		if err := e.compare(ctx, in, f, len(edited.Changes) == 0, &work, &result); err != nil {
			return Proposal{}, err
		}
	}
	p := Proposal{Plan: plan.Plan{Tool: Tool, App: f.app, Impact: plan.ImpactNone}, Out: result}
	if len(edited.Changes) == 0 && work.behind == "" {
		p.Work = work
		p.Nothing, p.Next = nothing(in, f, result)
		return p, nil
	}
	verb, what := gate.MakeDraft, "make a draft of the edited fly.toml"
	work.target = "draft@" + result.SHA256
	if f.Path != "" {
		verb, what, work.target = gate.WriteFile, "edit "+f.Path, f.Path+"@"+result.SHA256
	}
	p.Plan.Steps = []plan.Step{{Verb: verb, Target: work.target}}
	p.Plan.Fact("file", f.SHA256())
	switch {
	case work.behind != "":
		p.Summary = fmt.Sprintf("The deployed configuration needs no edit, but %s. Would make a draft of it, "+
			"for deploy.", work.behind)
	case work.refused:
		p.Summary = fmt.Sprintf("Would %s, but flyctl refuses the file even then; see the remarks.", what)
	default:
		p.Summary = fmt.Sprintf("Would %s.", what)
	}
	work.result = result
	p.Work = work
	if work.path != "" {
		p.Before = work.Saved
	}
	return p, nil
}

// read reads the file and finds its app. A file of another app is refused, because the next
// deploy would go there.
func (e *Editor) read(ctx context.Context, in Input) (f file, err error) {
	switch {
	case in.Path != "" && in.Content != "":
		return file{}, plan.Invalid("give path or content, not both")
	case in.Path != "":
		f.File, err = source.FromPath(e.Roots, in.Path)
	case in.Content != "":
		f.File, err = source.FromContent(in.Content)
	case in.App != "":
		if f.File.File, f.shown, err = source.Deployed(ctx, e.Client, in.App); err != nil {
			return file{}, err
		}
		f.machines, err = e.Client.Machines(ctx, in.App)
		if f.machinesKnown = err == nil; fly.CodeOf(err) == gate.Unauthorized {
			err = nil
		}
	default:
		return file{}, plan.Invalid("give path, content or app")
	}
	if err != nil {
		return file{}, err
	}
	if f.shown == nil {
		f.shown = f.File.File
	}
	switch f.app = f.App(); {
	case f.app == "":
		f.app = in.App
	case in.App != "" && in.App != f.app:
		return file{}, plan.Invalid("the file is for the app %s, not for %s", plan.Quote(f.app), in.App)
	}
	if f.app != "" {
		if p := e.CheckApp(f.app); p != nil {
			return file{}, p
		}
	}
	return f, nil
}

// compare looks at the Machines of a deployed configuration: whether deploy is to adopt
// them, what it would take away from them, and whether they have the configuration.
func (e *Editor) compare(ctx context.Context, in Input, f file, unedited bool, work *Work, result *Result) error {
	if p := differentPrograms(f, f.machines); p != nil {
		return p
	}
	work.adopt = needsAdopt(f.machines)
	if ids := losingService(f, f.machines); len(ids) > 0 {
		work.adopt = work.adopt && !anyLaunched(f.machines)
		result.Remarks = append(result.Remarks, otherProgram(ids))
	}
	var err error
	if f.machinesKnown && unedited && f.HasService(in.Groups...) {
		work.behind, err = e.behind(ctx, f, f.machines)
	}
	return err
}

// nothing says why there is nothing to do, and what to do instead.
func nothing(in Input, f file, result Result) (sentence string, next []plan.Next) {
	switch {
	case f.Validate() != nil:
		return "flyctl refuses this file; see the remarks. Its services need no edit. Nothing was changed.", nil
	case !f.HasService():
		return "The file has no service, and none was added. Deploying it would remove the services from the " +
				"Machines. Nothing was changed.",
			[]plan.Next{{Who: "person", Why: "which port does the app listen on? then patch_services with create " +
				"and internal_port adds a service"}}
	case !f.HasService(in.Groups...):
		return fmt.Sprintf("No service of the file is of the process groups %.200q, and none was added. "+
				"Nothing was changed.", in.Groups),
			[]plan.Next{{
				Who: "agent", Tool: Tool, Arguments: &plan.Arguments{App: in.App, Path: f.Path},
				Why: "without process_groups, or with groups that have a service; if you sent content, send it again",
			}}
	case len(in.Groups) == 0 && f.app != "":
		if what, next := unreached(in, f); what != "" {
			return what + "; see the remarks. There is nothing to edit, and nothing was changed.", next
		}
	}
	if !f.isDeployed() {
		next = []plan.Next{{Who: "agent", Tool: "deploy",
			Arguments: &plan.Arguments{App: f.app, Path: f.Path}, Why: "if the live Machines do not match the " +
				"file yet"}}
	}
	if len(result.Remarks) > 0 {
		return "The file needs no edit; see the remarks. Nothing was changed.", next
	}
	return "The services are already set up for Flycast. Nothing was changed.", next
}

// diffTitle names a file in a diff, by its format.
func diffTitle(name string) string {
	switch extension := filepath.Ext(name); extension {
	case ".json", ".yaml":
		return "fly" + extension
	}
	return "fly.toml"
}

// maxShown bounds a diff, and an edited text, in an answer: agents pay for every token. The
// draft, or the file, has all of it.
const maxShown = 12_000

func bounded(diff string) string {
	if len(diff) <= maxShown {
		return diff
	}
	cut := strings.LastIndexByte(diff[:maxShown], '\n') + 1
	return diff[:cut] + fmt.Sprintf("… and %d more lines\n", strings.Count(diff[cut:], "\n"))
}

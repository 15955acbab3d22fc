package tools

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

type patchInput struct {
	App          string   `json:"app,omitempty" jsonschema:"required without path or content: edits the app's deployed configuration"`
	Path         string   `json:"path,omitempty" jsonschema:"fly.toml, fly.json or fly.yaml to edit in place"`
	Content      string   `json:"content,omitempty" jsonschema:"text of a fly.toml, fly.json or fly.yaml, instead of path"`
	Groups       []string `json:"process_groups,omitempty" jsonschema:"only services of these groups"`
	InternalPort int      `json:"internal_port,omitempty" jsonschema:"port the app listens on; for create"`
	Autostop     string   `json:"autostop,omitempty" jsonschema:"default stop"`
	MinMachines  int      `json:"min_machines_running,omitempty" jsonschema:"default 0"`
	SoftLimit    int      `json:"soft_limit,omitempty" jsonschema:"requests a Machine takes before another starts"`
	Create       string   `json:"create,omitempty" jsonschema:"add a service if Fly Proxy reaches none: http, or tcp for databases and other TCP; needs internal_port"`
	PlainPorts   []int    `json:"plain_ports,omitempty" jsonschema:"add these ports without TLS to TLS-only services, in order"`
}

type patchOutput struct {
	plan.Result
	Diff    string   `json:"diff,omitempty"`
	Draft   string   `json:"draft,omitempty" jsonschema:"handle for deploy, 30 minutes"`
	Content string   `json:"content,omitempty" jsonschema:"the edited text, if text was sent"`
	SHA256  string   `json:"sha256,omitempty"`
	Remarks []remark `json:"remarks,omitempty"`
}

type remark struct {
	Code string `json:"code"`
	Row  int    `json:"row,omitempty"`
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

type patchWork struct {
	app    string // empty if neither the file nor the call names one
	path   string
	name   string // as it was read
	before []byte
	after  []byte
	target string
	behind string // why a deployed configuration that needs no edit is to be deployed again
	adopt  bool   // it was read from Machines that fly deploy did not make
	// flyctl refuses it after the edit too.
	refused bool
	out     patchOutput
}

func (a *toolset) patchServices() call.Tool {
	return call.NewChanging(a.Handler, call.Changing[patchInput, patchWork, patchOutput]{
		Spec: call.Spec{
			Name: "patch_services", Title: "Patch services in fly.toml", Effect: call.Local,
			Description: "Edits the services of a fly.toml for Flycast: force_https off, autostop, autostart, min_machines_running. Keeps comments and formatting. Writes the file given by path, else returns a draft. Asks nobody; nothing on Fly changes until deploy, the next step. Never guesses internal_port.",
		},
		Plan:    a.planPatch,
		Apply:   a.applyPatch,
		Text:    patchText,
		Earlier: earlierCreate,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		p["autostop"].Enum = []any{"off", "stop", "suspend"}
		p["create"].Enum = []any{plan.CreateHTTP, plan.CreateTCP}
		bound(p["plain_ports"].Items, 1, 65535)
		bound(p["internal_port"], 1, 65535)
		bound(p["min_machines_running"], 0, 1000)
		bound(p["soft_limit"], 1, 1_000_000)
	})
}

// earlierCreate takes create as a boolean, which it once was.
func earlierCreate(arguments map[string]any) {
	switch arguments["create"] {
	case true, "true":
		arguments["create"] = plan.CreateHTTP
	case false, "false":
		delete(arguments, "create")
	}
}

func bound(s *jsonschema.Schema, low, high float64) { s.Minimum, s.Maximum = &low, &high }

func (a *toolset) planPatch(ctx context.Context, in patchInput) (plan.Proposal[patchWork, patchOutput], error) {
	var none plan.Proposal[patchWork, patchOutput]
	src, shown, err := a.patchSource(ctx, in)
	if err != nil {
		return none, err
	}
	name, err := a.patchApp(in, src.File)
	if err != nil {
		return none, err
	}
	request, err := a.editRequest(ctx, in, name)
	if err != nil {
		return none, err
	}
	if shown != src.File {
		if request.Images, err = a.images(ctx, name); err != nil {
			return none, err
		}
	}
	edited, err := edit.Apply(src.File, request)
	if err != nil {
		return none, editProblem(in, err)
	}
	after, err := source.Parse(src.File.Name(), edited.After)
	if err != nil {
		return none, err
	}
	// What is shown of a deployed configuration is its masked rendering, edited
	// the same way: no environment value leaves the process, on context lines either.
	visible := edited
	if shown != src.File {
		if visible, err = edit.Apply(shown, request); err != nil {
			return none, editProblem(in, err)
		}
	}
	out := patchOutput{Diff: outside.Block(bounded(visible.Diff(diffTitle(src.File)))), SHA256: after.SHA256(), Remarks: remarks(edited, after)}
	if slices.ContainsFunc(edited.Remarks, func(r edit.Remark) bool { return r.Code == edit.RemarkInternalCallers }) {
		out.Unknown = []string{plan.InternalCallers.Sentence()}
	}
	if in.Content != "" && len(edited.Changes) > 0 && len(edited.After) <= maxShown {
		out.Content = string(edited.After)
	}
	target := "draft@" + out.SHA256
	verb, what := gate.MakeDraft, "make a draft of the edited fly.toml"
	if src.Path != "" {
		target, verb, what = src.Path+"@"+out.SHA256, gate.WriteFile, "edit "+src.Path
	}
	planned := plan.Proposal[patchWork, patchOutput]{
		Plan: plan.Plan{Tool: "patch_services", App: name, Impact: plan.ImpactNone},
		Work: patchWork{app: name, path: src.Path, name: src.File.Name(), before: edited.Before, after: edited.After, target: target, out: out},
		Out:  out,
	}
	if src.Path == "" && in.Content == "" {
		list, err := a.fly.Machines(ctx, name)
		if err != nil && fly.CodeOf(err) != gate.Unauthorized {
			return none, err
		}
		if p := differing(name, src.File, list); p != nil {
			return none, p
		}
		planned.Work.adopt = wantsAdopt(list)
		if ids := strangers(src.File, list); len(ids) > 0 {
			planned.Work.adopt = planned.Work.adopt && !anyLaunched(list)
			planned.Out.Remarks = append(planned.Out.Remarks, otherProgram(ids))
			planned.Work.out.Remarks = planned.Out.Remarks
		}
		if err == nil && len(edited.Changes) == 0 && src.File.HasService(in.Groups...) {
			if planned.Work.behind, err = a.behind(ctx, name, src.File, list); err != nil {
				return none, err
			}
		}
	}
	if len(edited.Changes) == 0 && planned.Work.behind == "" {
		planned.Nothing = "The services are already set up for Flycast. Nothing was changed."
		if src.File.Validate() != nil {
			planned.Nothing = "flyctl refuses this file; see the remarks. Its services need no edit. Nothing was changed."
			return planned, nil
		}
		if !src.File.HasService() {
			planned.Nothing = "The file has no service, and none was added. Deploying it would remove the services from the Machines. Nothing was changed."
			planned.Next = []plan.Next{{Who: "person", Why: "which port does the app listen on? then patch_services with create and internal_port adds a service"}}
			return planned, nil
		}
		if !src.File.HasService(in.Groups...) {
			planned.Next = []plan.Next{{Who: "agent", Tool: "patch_services", Arguments: &plan.Arguments{App: in.App, Path: src.Path}, Why: "without process_groups, or with groups that have a service; if you sent content, send it again"}}
			planned.Nothing = fmt.Sprintf("No service of the file is of the process groups %.200q, and none was added. Nothing was changed.", in.Groups)
			return planned, nil
		}
		if len(in.Groups) == 0 && name != "" {
			if what, next := unreached(in, name, src.File); what != "" {
				planned.Nothing = what + "; see the remarks. There is nothing to edit, and nothing was changed."
				planned.Next = next
				return planned, nil
			}
		}
		if src.Path != "" || in.Content != "" {
			planned.Next = []plan.Next{{Who: "agent", Tool: "deploy", Arguments: &plan.Arguments{App: name, Path: src.Path}, Why: "if the live Machines do not match the file yet"}}
		}
		if len(out.Remarks) > 0 {
			planned.Nothing = "The file needs no edit; see the remarks. Nothing was changed."
		}
		return planned, nil
	}
	planned.Plan.Steps = []plan.Step{{Verb: verb, Target: target}}
	planned.Plan.Fact("file", src.SHA256())
	planned.Summary = fmt.Sprintf("Would %s.", what)
	if after.Validate() != nil {
		planned.Work.refused = true
		planned.Summary = fmt.Sprintf("Would %s, but flyctl refuses the file even then; see the remarks.", what)
	}
	if planned.Work.behind != "" {
		planned.Summary = fmt.Sprintf("The deployed configuration needs no edit, but %s. Would make a draft of it, for deploy.", planned.Work.behind)
	}
	return planned, nil
}

// patchSource is the file to edit, and what may be shown of it: the same,
// except for a deployed configuration.
func (a *toolset) patchSource(ctx context.Context, in patchInput) (src source.File, shown *flytoml.File, err error) {
	switch {
	case in.Path != "" && in.Content != "":
		return source.File{}, nil, plan.Invalid("give path or content, not both")
	case in.Path != "":
		src, err = source.FromPath(a.roots, in.Path)
	case in.Content != "":
		src, err = source.FromContent(in.Content)
	case in.App != "" || a.DefaultApp != "":
		name := cmp.Or(in.App, a.DefaultApp)
		if src.File, err = source.Deployed(ctx, a.fly, name, render.Shown); err != nil {
			return source.File{}, nil, err
		}
		shown, err = source.Deployed(ctx, a.fly, name, render.Masked)
		return src, shown, err
	default:
		return source.File{}, nil, plan.Invalid("give path, content or app")
	}
	return src, src.File, err
}

// patchApp is the app a file is for. A file of another app is refused: the next
// deploy would go there.
func (a *toolset) patchApp(in patchInput, file *flytoml.File) (string, error) {
	name := file.App()
	switch {
	case in.App != "" && name != "" && in.App != name:
		return "", plan.Invalid("the file is for the app %s, not for %s", plan.Quote(name), in.App)
	case name == "":
		name = in.App
	}
	if name == "" {
		return "", nil
	}
	if p := a.CheckApp(name); p != nil {
		return "", p
	}
	return name, nil
}

// editRequest is what the services are to be, as Fly's blueprint for private apps has it.
func (a *toolset) editRequest(ctx context.Context, in patchInput, name string) (edit.Request, error) {
	e := edit.Blueprint()
	e.Groups, e.MinMachines = in.Groups, &in.MinMachines
	if in.Autostop != "" {
		e.KeepSuspend = false
		autostop, err := machine.ParseAutostop(in.Autostop)
		if err != nil {
			return edit.Request{}, plan.Invalid("%s", outside.Error(err, 600))
		}
		e.Autostop = &autostop
	}
	// A database or a log shipper is put to sleep only on purpose: by autostop, and
	// by the name of its group.
	e.Engines, e.PlainPorts = in.Autostop != "" && len(in.Groups) > 0, in.PlainPorts
	if in.SoftLimit > 0 {
		e.SoftLimit, e.ConcurrencyType = &in.SoftLimit, "requests"
	}
	if in.Create == "" {
		if in.InternalPort != 0 {
			return edit.Request{}, plan.Invalid("internal_port works only with create: the port of an existing service is not changed")
		}
		return e, nil
	}
	port := in.InternalPort
	if port == 0 && name != "" {
		s, err := rules.Read(ctx, a.fly, name)
		switch {
		case fly.Missing(err) == fly.AnApp && (in.Path != "" || in.Content != ""): // it may be yet to be made
			return edit.Request{}, &plan.Problem{
				Code: gate.NotFound, Message: fmt.Sprintf("create needs internal_port: no live service shows it, because the app %s is not visible to this token", name),
				Hint: "ask the user which port the app listens on, and give internal_port",
			}
		case err != nil:
			return edit.Request{}, err
		default:
			port = s.InternalPort()
		}
	}
	if port == 0 {
		p := plan.Invalid("create needs internal_port: no live service shows it, and it is never guessed")
		p.Hint = "ask the user which port the app listens on"
		return edit.Request{}, p
	}
	e.Create = &edit.Create{InternalPort: port, TCP: in.Create == plan.CreateTCP}
	return e, nil
}

// images are those that the app's Machines run; none if this token may not tell.
func (a *toolset) images(ctx context.Context, app string) ([]string, error) {
	list, err := a.fly.Machines(ctx, app)
	switch {
	case fly.CodeOf(err) == gate.Unauthorized:
		return nil, nil
	case err != nil:
		return nil, err
	}
	var out []string
	for _, m := range list {
		if image := m.Config.Image(); image != "" && !slices.Contains(out, image) {
			out = append(out, image)
		}
	}
	return out, nil
}

// editProblem keeps what is wrong with the file apart from a bug of ours.
func editProblem(in patchInput, err error) error {
	if errors.Is(err, edit.ErrUnintended) {
		return err
	}
	p := plan.Invalid("%s", outside.Error(err, 600))
	if unnamed := (*edit.UnnamedGroupsError)(nil); errors.As(err, &unnamed) {
		p.Hint = "the same call with process_groups; the user says which group the new service is for"
	}
	var refused *edit.NotHTTPError
	if errors.As(err, &refused) {
		arguments := &plan.Arguments{App: in.App, Path: in.Path, ProcessGroups: in.Groups, Create: plan.CreateTCP, InternalPort: refused.Port}
		p.Next = []plan.Next{{Who: "agent", Tool: "patch_services", Arguments: arguments, Why: "for a TCP service; if you sent content, send it again"}}
	}
	return p
}

func (a *toolset) applyPatch(ctx context.Context, w patchWork, grant *gate.Grant, report plan.Report) (patchOutput, error) {
	out := w.out
	verb := gate.MakeDraft
	if w.path != "" {
		verb = gate.WriteFile
	}
	if err := grant.Spend(verb, w.app, w.target); err != nil {
		return patchOutput{}, err
	}
	record := plan.Record{Do: verb, Target: w.path, State: plan.Done, Undo: plan.UndoYes}
	out.App, out.Status = w.app, plan.Applied
	out.Summary = "The edited configuration is a draft. Nothing on Fly was changed."
	if w.behind != "" {
		out.Summary = fmt.Sprintf("The deployed configuration needs no edit, but %s. It is a draft now, for deploy. Nothing on Fly was changed.", w.behind)
	}
	if w.path != "" {
		if err := a.roots.Replace(w.path, w.before, w.after); errors.Is(err, roots.ErrReadOnly) {
			p := plan.Invalid("%s is read-only and was not changed", plan.Quote(w.path))
			p.Hint = "ask the user; `chmod u+w` makes the file writable, or send content instead of path to edit a copy"
			return patchOutput{}, p
		} else if err != nil {
			return patchOutput{}, err
		}
		out.Summary = fmt.Sprintf("%s was edited. Nothing on Fly was changed: deploy does that.", w.path)
		back, err := a.roots.Read(w.path)
		if err != nil || !bytes.Equal(back.Data, w.after) {
			out.Status, out.Code, out.Retry = plan.Failed, gate.VerifyFailed, gate.RetryAfterFix
			out.Summary = fmt.Sprintf("%s was written, but its content is different now. Nothing on Fly was changed.", w.path)
			return out, nil
		}
		out.Verified = []string{"the file was read back and has the bytes of the diff"}
		out.Undo = []string{"the diff, applied in reverse"}
	}
	out.Steps = []plan.Record{record}
	if w.refused {
		out.Summary += " flyctl refuses the file in its current state, and so does deploy: see the remarks."
		out.Next = []plan.Next{{Who: "person", Why: "correct what the remarks name, then deploy"}}
		return out, nil
	}
	if w.app == "" {
		out.Next = []plan.Next{{Who: "person", Why: "which app is the file for? it names none; deploy needs app, with the content or the path"}}
		return out, nil
	}
	out.Draft = a.drafts.Put(source.Draft{Caller: call.CallerFrom(ctx).ID, App: w.app, Path: w.path, Name: w.name, Base: w.before, Data: w.after})
	out.Next = []plan.Next{{Who: "agent", Tool: "deploy", Arguments: &plan.Arguments{App: w.app, Draft: out.Draft, Adopt: w.adopt}, Why: "applies the edited services to the live Machines; asks a person"}}
	return out, nil
}

// diffTitle names a file in a diff, by its format.
func diffTitle(file *flytoml.File) string {
	switch extension := filepath.Ext(file.Name()); extension {
	case ".json", ".yaml":
		return "fly" + extension
	}
	return "fly.toml"
}

// maxShown bounds a diff, and an edited text, in an answer: agents pay for every
// token. The draft, or the file, has the whole.
const maxShown = 12_000

func bounded(diff string) string {
	if len(diff) <= maxShown {
		return diff
	}
	cut := strings.LastIndexByte(diff[:maxShown], '\n') + 1
	return diff[:cut] + fmt.Sprintf("… and %d more lines\n", strings.Count(diff[cut:], "\n"))
}

// commentRemarks quote what the file says of the values that are replaced: the
// person who wrote it may have had a reason.
func commentRemarks(changes []edit.Change) []remark {
	const most = 10
	var out []remark
	for _, change := range changes {
		if change.Comment == "" || len(out) == most {
			continue
		}
		out = append(out, remark{
			Code: "comment", Row: change.Row,
			What: fmt.Sprintf("%s was %s, and a comment there says %s", outside.Line(change.Path, 120), outside.Line(change.Before, 80), outside.Quote(change.Comment, 200)),
			Fix:  "ask the user whether the change is still right; process_groups limits the edit, and autostop has other values",
		})
	}
	return out
}

// remarks are what the file says of replaced values and what an edit says of
// itself, then the errors and warnings of the
// edited file, in the order of its lines.
func remarks(edited *edit.Result, file *flytoml.File) []remark {
	const most = 20
	out := commentRemarks(edited.Changes)
	for _, r := range edited.Remarks {
		out = append(out, remark{Code: r.Code, What: r.What, Fix: r.Fix})
	}
	for _, f := range lint.LintPrivate(file) {
		if len(out) >= most {
			break
		}
		if f.Severity != lint.SeverityInfo {
			out = append(out, remark{Code: f.Code, Row: f.Row, What: f.What, Fix: f.Fix})
		}
	}
	return out
}

func patchText(out patchOutput) string {
	var b strings.Builder
	for _, r := range out.Remarks {
		fmt.Fprintf(&b, "remark %s", r.Code)
		if r.Row > 0 {
			fmt.Fprintf(&b, " (row %d)", r.Row)
		}
		fmt.Fprintf(&b, ": %s", r.What)
		if r.Fix != "" {
			b.WriteString(" → " + r.Fix)
		}
		b.WriteByte('\n')
	}
	if out.Diff != "" {
		b.WriteString("diff:\n" + out.Diff)
	}
	if out.Content != "" {
		b.WriteString("content:\n" + out.Content + "\n")
	}
	if out.Draft != "" {
		fmt.Fprintf(&b, "draft: %s (30 minutes), sha256 %s\n", out.Draft, out.SHA256)
	}
	return b.String()
}
